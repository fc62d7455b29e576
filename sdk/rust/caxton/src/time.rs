//! Time and chance. Both clocks stand still while a turn computes.

use std::time::{Duration, SystemTime};

use crate::error::Error;
use crate::host;
use crate::result::{done, number};

pub(crate) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX) // which the host refuses
}

/// The time of day. `SystemTime::now()` does not work in WebAssembly.
pub fn now() -> SystemTime {
    // SAFETY: it takes nothing.
    SystemTime::UNIX_EPOCH + Duration::from_millis(unsafe { host::now_ms() } as u64)
}

/// The time since the instance began.
pub fn monotonic() -> Duration {
    // SAFETY: it takes nothing.
    Duration::from_nanos(unsafe { host::monotonic_ns() } as u64)
}

/// Waits, without using the processor.
pub fn sleep(time: Duration) -> Result<(), Error> {
    // SAFETY: any number will do.
    done(unsafe { host::sleep_ms(millis(time)) })
}

/// Queues a message to this agent itself, after `delay`, and every `period` if that is above 0; answers its id.
pub fn set_timer(delay: Duration, period: Duration, message: impl AsRef<[u8]>) -> Result<i32, Error> {
    let message = message.as_ref();
    // SAFETY: the pair is the place of a slice that lives until the call has ended.
    number(unsafe { host::set_timer(millis(delay), millis(period), message.as_ptr(), message.len()) })
}

/// Queues a timer's end.
pub fn cancel_timer(id: i32) -> Result<(), Error> {
    // SAFETY: any number will do.
    done(unsafe { host::cancel_timer(id) })
}

/// Fills a buffer with random bytes of the host's.
pub fn random(buffer: &mut [u8]) {
    for part in buffer.chunks_mut(65_536) {
        // SAFETY: the pair is the place of a slice; the host gives no more than this at once.
        unsafe { host::random(part.as_mut_ptr(), part.len()) };
    }
}
