//! What a host call may come to.

use std::fmt;

/// What went wrong: the host's error numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    NotFound,
    Denied,
    BadArgument,
    Limit,
    Timeout,
    /// The other side refused, failed or trapped; `data` is what it said.
    Failed,
    Cycle,
    MailboxFull,
    /// There is no such agent or tool.
    Unknown,
    Stopped,
}

impl Kind {
    pub(crate) fn of(number: i32) -> Kind {
        match number {
            -1 => Kind::NotFound,
            -2 => Kind::Denied,
            -3 => Kind::BadArgument,
            -4 => Kind::Limit,
            -5 => Kind::Timeout,
            -7 => Kind::Cycle,
            -8 => Kind::MailboxFull,
            -9 => Kind::Unknown,
            -10 => Kind::Stopped,
            _ => Kind::Failed,
        }
    }

    /// What it is called: `not-found`, `denied`, ...
    pub fn name(self) -> &'static str {
        match self {
            Kind::NotFound => "not-found",
            Kind::Denied => "denied",
            Kind::BadArgument => "bad-argument",
            Kind::Limit => "limit",
            Kind::Timeout => "timeout",
            Kind::Failed => "failed",
            Kind::Cycle => "cycle",
            Kind::MailboxFull => "mailbox-full",
            Kind::Unknown => "unknown",
            Kind::Stopped => "stopped",
        }
    }
}

/// A host call that failed.
#[derive(Clone, Debug)]
pub struct Error {
    pub kind: Kind,
    /// The host's code, such as `grant.denied`; empty where it has none.
    pub code: String,
    /// The message, or what the other side said.
    pub data: Vec<u8>,
    /// Of a reply that was a failure: `failure`, `refuse` or `not-understood`; else empty.
    pub performative: String,
    /// Whether the same call may work later.
    pub retryable: bool,
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = if self.code.is_empty() { self.kind.name() } else { &self.code };
        write!(to, "{code}: {}", String::from_utf8_lossy(&self.data))
    }
}

impl std::error::Error for Error {}
