//! Tools.

use crate::error::Error;
use crate::host;
use crate::result::text;

/// Calls a tool with a JSON object and waits for its result, JSON.
pub fn call_tool(name: &str, json: impl AsRef<[u8]>) -> Result<String, Error> {
    let json = json.as_ref();
    // SAFETY: the pairs are places of slices that live until the call has ended.
    text(unsafe { host::call_tool(name.as_ptr(), name.len(), json.as_ptr(), json.len()) })
}

/// The tools that this agent may call, with their input schemas, as a JSON array.
pub fn list_tools() -> Result<String, Error> {
    // SAFETY: it takes nothing.
    text(unsafe { host::list_tools() })
}
