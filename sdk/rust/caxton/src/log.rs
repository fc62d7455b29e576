//! The agent's log.

use crate::host;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warning,
    Error,
}

/// Writes a line to the agent's log. The macros `trace!`, `debug!`, `info!`, `warning!` and `error!` format it too.
pub fn log(level: Level, line: impl AsRef<[u8]>) {
    let line = line.as_ref();
    // SAFETY: the pair is the place of a slice that lives until the call has ended.
    unsafe { host::log(level as i32, line.as_ptr(), line.len()) };
}

macro_rules! levels {
    ($($name:ident $level:ident $dollar:tt),*) => {$(
        /// Writes a formatted line to the agent's log.
        #[macro_export]
        macro_rules! $name {
            ($dollar($dollar part:tt)*) => {
                $crate::log($crate::Level::$level, ::std::format!($dollar($dollar part)*))
            };
        }
    )*};
}

levels!(trace Trace $, debug Debug $, info Info $, warning Warning $, error Error $);
