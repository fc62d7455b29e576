//! What the host calls, and what the agent's function answers.

use std::alloc::Layout;
use std::cell::RefCell;
use std::fmt::Display;

use crate::log::{log, Level};

/// What an agent answers with: any bytes. `"text".into()`, `String`, `Vec<u8>`, `&[u8]`; `().into()` is nothing.
#[derive(Clone, Debug, Default)]
pub struct Reply(Vec<u8>);

impl From<Vec<u8>> for Reply {
    fn from(payload: Vec<u8>) -> Reply {
        Reply(payload)
    }
}

impl From<&[u8]> for Reply {
    fn from(payload: &[u8]) -> Reply {
        Reply(payload.into())
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Reply {
        Reply(text.into_bytes())
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Reply {
        Reply(text.into())
    }
}

impl From<()> for Reply {
    fn from(_: ()) -> Reply {
        Reply::default()
    }
}

impl Reply {
    /// The bytes.
    pub fn payload(&self) -> &[u8] {
        &self.0
    }
}

/// The agent reports a failure. Any error becomes one with `?`; what it says is then the payload.
#[derive(Clone, Debug)]
pub struct Failure(Vec<u8>);

impl Failure {
    /// A failure with this payload, any bytes.
    pub fn new(payload: impl Into<Vec<u8>>) -> Failure {
        Failure(payload.into())
    }

    /// The bytes.
    pub fn payload(&self) -> &[u8] {
        &self.0
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure(error.to_string().into_bytes())
    }
}

/// Returns a failure with a formatted payload from the function around it.
#[macro_export]
macro_rules! fail {
    ($($part:tt)*) => { return Err($crate::Failure::new(::std::format!($($part)*)).into()) };
}

/// Makes a function the agent: `caxton::agent!(handle)`.
///
/// It takes a message, `&[u8]`, and returns a `Result` whose value becomes a [`Reply`]. A second function is called
/// once, before the first message, and may return an error to refuse to start: `caxton::agent!(handle, start)`.
#[macro_export]
macro_rules! agent {
    ($handle:path) => {
        $crate::agent!($handle, $crate::__private::start::nothing);
    };
    ($handle:path, $start:path) => {
        #[no_mangle]
        extern "C" fn caxton_init() -> i32 {
            $crate::__private::start::run($start)
        }
        #[no_mangle]
        extern "C" fn caxton_alloc(len: usize) -> *mut u8 {
            $crate::__private::alloc(len)
        }
        #[no_mangle]
        unsafe extern "C" fn caxton_free(at: *mut u8, len: usize) {
            $crate::__private::free(at, len)
        }
        #[no_mangle]
        unsafe extern "C" fn handle_message(at: *const u8, len: usize) -> i32 {
            $crate::__private::handle($handle, at, len)
        }
        #[no_mangle]
        unsafe extern "C" fn get_response(at: *mut u8, len: usize) -> usize {
            $crate::__private::respond(at, len)
        }
    };
}

struct Turn {
    message: *const u8,
    reply: Vec<u8>,
}

thread_local! {
    static TURN: RefCell<Turn> = const { RefCell::new(Turn { message: std::ptr::null(), reply: Vec::new() }) };
}

pub mod start {
    use super::{log, Display, Level};

    pub fn nothing() -> Result<(), std::convert::Infallible> {
        Ok(())
    }

    pub fn run<E: Refusal>(start: fn() -> Result<(), E>) -> i32 {
        std::panic::set_hook(Box::new(|panic| log(Level::Error, panic.to_string().replace('\n', " "))));
        match start() {
            Ok(()) => 0,
            Err(refusal) => {
                log(Level::Error, refusal.line());
                1
            }
        }
    }

    /// What a start function may return: a failure, or any error.
    pub trait Refusal {
        fn line(&self) -> Vec<u8>;
    }

    impl Refusal for super::Failure {
        fn line(&self) -> Vec<u8> {
            self.payload().into()
        }
    }

    impl<E: Display> Refusal for E
    where
        E: std::error::Error,
    {
        fn line(&self) -> Vec<u8> {
            self.to_string().into_bytes()
        }
    }
}

fn layout(len: usize) -> Option<Layout> {
    Layout::from_size_align(len.max(1), 8).ok()
}

pub fn alloc(len: usize) -> *mut u8 {
    // SAFETY: the layout has a size.
    layout(len).map_or(std::ptr::null_mut(), |layout| unsafe { std::alloc::alloc(layout) })
}

/// # Safety
///
/// The place and the length are those of an `alloc`.
pub unsafe fn free(at: *mut u8, len: usize) {
    TURN.with_borrow_mut(|turn| {
        if std::ptr::eq(at, turn.message) {
            *turn = Turn { message: std::ptr::null(), reply: Vec::new() }; // the host frees the message last
        }
    });
    if let (false, Some(layout)) = (at.is_null(), layout(len)) {
        std::alloc::dealloc(at, layout);
    }
}

/// # Safety
///
/// The host has written `len` bytes there.
pub unsafe fn handle<R: Into<Reply>, F: Into<Failure>>(
    handle: fn(&[u8]) -> Result<R, F>,
    at: *const u8,
    len: usize,
) -> i32 {
    let (status, reply) = match handle(std::slice::from_raw_parts(at, len)) {
        Ok(reply) => (0, reply.into().0),
        Err(failure) => (1, failure.into().0),
    };
    TURN.with_borrow_mut(|turn| *turn = Turn { message: at, reply });
    status
}

/// # Safety
///
/// There is room for `len` bytes.
pub unsafe fn respond(at: *mut u8, len: usize) -> usize {
    TURN.with_borrow(|turn| {
        if turn.reply.len() <= len {
            std::ptr::copy_nonoverlapping(turn.reply.as_ptr(), at, turn.reply.len());
        }
        turn.reply.len()
    })
}
