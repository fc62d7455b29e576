//! Asking others, and waiting for several at once.

use std::time::Duration;

use crate::error::Error;
use crate::result::{number, outcome, read, read_all};
use crate::{host, time::millis};

/// A reply.
#[derive(Clone, Debug)]
pub struct Answer {
    pub payload: Vec<u8>,
    /// `inform`, most often.
    pub performative: String,
}

impl Answer {
    /// The payload as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

/// Sends a `request` now and waits for the reply.
pub fn ask(to: &str, payload: impl AsRef<[u8]>, timeout: Duration) -> Result<Answer, Error> {
    let payload = payload.as_ref();
    // SAFETY: the pairs are places of slices that live until the call has ended.
    let size = number(unsafe { host::ask(to.as_ptr(), to.len(), payload.as_ptr(), payload.len(), millis(timeout)) })?;
    outcome(read(size as usize))
}

/// An ask or a tool's call that is under way. It is given up when it goes out of scope.
#[derive(Debug)]
pub struct Pending(i32);

impl Pending {
    /// Gives it up; a tool's call is cancelled.
    pub fn cancel(&mut self) -> Result<(), Error> {
        // SAFETY: any number will do.
        number(unsafe { host::cancel(self.0) }).map(|_| ())
    }

    /// Whether `wait` has told what it came to.
    pub fn is_over(&self) -> bool {
        self.0 == 0
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.is_over() {
            // SAFETY: any number will do.
            unsafe { host::cancel(self.0) };
        }
    }
}

/// As [`ask`], without waiting.
pub fn ask_start(to: &str, payload: impl AsRef<[u8]>, timeout: Duration) -> Result<Pending, Error> {
    let payload = payload.as_ref();
    // SAFETY: the pairs are places of slices that live until the call has ended.
    number(unsafe { host::ask_start(to.as_ptr(), to.len(), payload.as_ptr(), payload.len(), millis(timeout)) })
        .map(Pending)
}

/// As [`call_tool`](crate::call_tool), without waiting.
pub fn tool_start(name: &str, json: impl AsRef<[u8]>, timeout: Duration) -> Result<Pending, Error> {
    let json = json.as_ref();
    // SAFETY: the pairs are places of slices that live until the call has ended.
    number(unsafe { host::tool_start(name.as_ptr(), name.len(), json.as_ptr(), json.len(), millis(timeout)) })
        .map(Pending)
}

/// Which one it was, and what it has come to.
#[derive(Debug)]
pub struct Outcome {
    pub index: usize,
    pub answer: Result<Answer, Error>,
}

/// Waits for the first of some that are under way, at most 64; those that are over are left out. The error is that of
/// the wait itself.
pub fn wait(all: &mut [Pending], timeout: Duration) -> Result<Outcome, Error> {
    let open: Vec<usize> = (0..all.len()).filter(|&index| !all[index].is_over()).collect();
    let handles: Vec<i32> = open.iter().map(|&index| all[index].0).collect();
    // SAFETY: the handles live until the call has ended.
    let place = number(unsafe { host::wait(handles.as_ptr(), handles.len(), millis(timeout)) })?;
    let index = open[place as usize];
    all[index].0 = 0;
    Ok(Outcome { index, answer: outcome(read_all()) })
}
