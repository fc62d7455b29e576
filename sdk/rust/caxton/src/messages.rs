//! Messages to others. They are sent when the turn has gone well; `emit` sends at once.

use crate::error::Error;
use crate::host;
use crate::result::{done, text};

/// This agent as JSON: agent, params, attempt, deadline_ms, fuel, grants.
pub fn context() -> Result<String, Error> {
    // SAFETY: it takes nothing.
    text(unsafe { host::context() })
}

/// Queues an `inform` to an agent.
pub fn tell(to: &str, payload: impl AsRef<[u8]>) -> Result<(), Error> {
    let payload = payload.as_ref();
    // SAFETY: the pairs are places of slices that live until the call has ended.
    done(unsafe { host::tell(to.as_ptr(), to.len(), payload.as_ptr(), payload.len()) })
}

/// Queues a message to everybody who is subscribed to a topic.
pub fn publish(topic: &str, payload: impl AsRef<[u8]>) -> Result<(), Error> {
    let payload = payload.as_ref();
    // SAFETY: the pairs are places of slices that live until the call has ended.
    done(unsafe { host::publish(topic.as_ptr(), topic.len(), payload.as_ptr(), payload.len()) })
}

/// Subscribes to a topic or a pattern (`news.*`, `news.>`).
pub fn subscribe(topic: &str) -> Result<(), Error> {
    // SAFETY: the pair is the place of a slice that lives until the call has ended.
    done(unsafe { host::subscribe(topic.as_ptr(), topic.len()) })
}

/// Ends a subscription.
pub fn unsubscribe(topic: &str) -> Result<(), Error> {
    // SAFETY: the pair is the place of a slice that lives until the call has ended.
    done(unsafe { host::unsubscribe(topic.as_ptr(), topic.len()) })
}

/// Sends a part of the reply, now.
pub fn emit(part: impl AsRef<[u8]>) -> Result<(), Error> {
    let part = part.as_ref();
    // SAFETY: the pair is the place of a slice that lives until the call has ended.
    done(unsafe { host::emit(part.as_ptr(), part.len()) })
}
