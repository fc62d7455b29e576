//! The agent's own state. It survives restarts; changes happen when the turn has gone well.

use crate::error::{Error, Kind};
use crate::host;
use crate::result::{data, done, text};

/// The value of a key.
pub fn get(key: &str) -> Result<Vec<u8>, Error> {
    // SAFETY: the pair is the place of a slice that lives until the call has ended.
    data(unsafe { host::state_get(key.as_ptr(), key.len()) })
}

/// As [`get`], but `None` where there is no such key.
pub fn find(key: &str) -> Result<Option<Vec<u8>>, Error> {
    match get(key) {
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// Queues a change.
pub fn put(key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
    let value = value.as_ref();
    // SAFETY: the pairs are places of slices that live until the call has ended.
    done(unsafe { host::state_put(key.as_ptr(), key.len(), value.as_ptr(), value.len()) })
}

/// Queues a deletion.
pub fn delete(key: &str) -> Result<(), Error> {
    // SAFETY: the pair is the place of a slice that lives until the call has ended.
    done(unsafe { host::state_delete(key.as_ptr(), key.len()) })
}

/// The keys with a prefix, in order, as a JSON array.
pub fn keys(prefix: &str) -> Result<String, Error> {
    // SAFETY: the pair is the place of a slice that lives until the call has ended.
    text(unsafe { host::state_keys(prefix.as_ptr(), prefix.len()) })
}
