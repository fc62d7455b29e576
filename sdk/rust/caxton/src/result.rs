//! From the numbers that host calls answer to results.

use crate::asking::Answer;
use crate::error::{Error, Kind};
use crate::{host, json};

pub(crate) fn read(size: usize) -> Vec<u8> {
    let mut data = Vec::with_capacity(size);
    // SAFETY: the host writes at most `size` bytes, for which there is room, and answers how many.
    unsafe {
        let read = host::read_result(data.as_mut_ptr(), size);
        data.set_len(read as usize);
    }
    data
}

/// The last result, where its size is not told before it is read: an error's message, what a handle came to.
pub(crate) fn read_all() -> Vec<u8> {
    let mut room = 256;
    loop {
        let mut data = read(room);
        if data.len() < room {
            data.shrink_to_fit();
            return data;
        }
        room = 4 * room + 64;
    }
}

fn info() -> String {
    // SAFETY: it takes nothing, and answers the size of JSON, which is UTF-8.
    let size = unsafe { host::result_info() };
    String::from_utf8_lossy(&read(size as usize)).into_owned()
}

fn error(number: i32, data: Vec<u8>, info: &str) -> Error {
    Error {
        kind: Kind::of(number),
        code: json::member(info, "code"),
        data,
        performative: json::member(info, "performative"),
        retryable: json::get(info, "retryable") == Some("true"),
    }
}

/// A call that gives a number.
pub(crate) fn number(answer: i32) -> Result<i32, Error> {
    if answer >= 0 {
        return Ok(answer);
    }
    let data = read_all(); // before the info, which takes its place
    Err(error(answer, data, &info()))
}

/// A call that gives nothing.
pub(crate) fn done(answer: i32) -> Result<(), Error> {
    number(answer).map(|_| ())
}

/// A call that gives data.
pub(crate) fn data(answer: i32) -> Result<Vec<u8>, Error> {
    number(answer).map(|size| read(size as usize))
}

/// A call that gives JSON, or other text of the host's.
pub(crate) fn text(answer: i32) -> Result<String, Error> {
    data(answer).map(|text| String::from_utf8_lossy(&text).into_owned())
}

/// What an ask or a tool's call has come to, whose data has been read.
pub(crate) fn outcome(data: Vec<u8>) -> Result<Answer, Error> {
    let info = info();
    match json::get(&info, "number").and_then(|number| number.parse().ok()) {
        Some(number) if number < 0 => Err(error(number, data, &info)),
        _ => Ok(Answer { payload: data, performative: json::member(&info, "performative") }),
    }
}
