//! Write a Caxton agent in Rust: one function from message to reply.
//!
//! ```ignore
//! use caxton::{fail, Failure, Reply};
//!
//! caxton::agent!(handle);
//!
//! fn handle(message: &[u8]) -> Result<Reply, Failure> {
//!     if message.is_empty() {
//!         fail!("whom shall I greet?");
//!     }
//!     let name = std::str::from_utf8(message)?;
//!     caxton::state::put("last", name)?;
//!     Ok(format!("hello, {name}").into())
//! }
//! ```
//!
//! Payloads are any bytes. Host calls return [`Error`]; any error becomes a [`Failure`] with `?`, and nothing that the
//! turn has queued happens then. Panics write their message to the agent's log and trap: a new instance takes the next
//! message.

mod asking;
mod entry;
mod envelope;
mod error;
mod host;
pub mod json;
mod log;
mod messages;
mod result;
pub mod state;
mod time;
mod tools;

pub use asking::{ask, ask_start, tool_start, wait, Answer, Outcome, Pending};
pub use entry::{Failure, Reply};
pub use envelope::{defer, envelope, envelope_json, reply_later, send, send_json, Envelope};
pub use error::{Error, Kind};
pub use log::{log, Level};
pub use messages::{context, emit, publish, subscribe, tell, unsubscribe};
pub use time::{cancel_timer, monotonic, now, random, set_timer, sleep};
pub use tools::{call_tool, list_tools};

#[doc(hidden)]
pub mod __private {
    pub use crate::entry::{alloc, free, handle, respond, start};
}
