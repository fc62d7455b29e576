//! A little JSON, for envelopes, contexts and small results.
//!
//! What is read may be anything: wrong JSON gives nothing, never a panic.

fn after_space(json: &[u8], mut at: usize) -> usize {
    while at < json.len() && matches!(json[at], b' ' | 9..=13) {
        at += 1;
    }
    at
}

/// `at` is that of the first quote.
fn after_string(json: &[u8], mut at: usize) -> usize {
    at += 1;
    while at < json.len() && json[at] != b'"' {
        at += if json[at] == b'\\' { 2 } else { 1 };
    }
    json.len().min(at + 1)
}

fn after_value(json: &[u8], mut at: usize) -> usize {
    let mut depth = 0usize;
    while at < json.len() {
        match json[at] {
            b'"' => {
                at = after_string(json, at);
                continue;
            }
            b',' | b']' | b'}' | 0..=b' ' if depth == 0 => return at,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    json.len()
}

/// The member of a JSON object, as it is written there; `None` where it is not there. The key must be plain ASCII.
pub fn get<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let bytes = json.as_bytes();
    let mut at = after_space(bytes, 0);
    let mut opener = b'{';
    while bytes.get(at) == Some(&opener) {
        let name = after_space(bytes, at + 1);
        if bytes.get(name) != Some(&b'"') {
            return None;
        }
        let end = after_string(bytes, name);
        let colon = after_space(bytes, end);
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        let value = after_space(bytes, colon + 1);
        at = after_value(bytes, value);
        if json.get(name + 1..end - 1) == Some(key) {
            return json.get(value..at);
        }
        at = after_space(bytes, at);
        opener = b',';
    }
    None
}

/// A member's text; empty where it is not there, or null.
pub fn member(json: &str, key: &str) -> String {
    get(json, key).map(text).unwrap_or_default()
}

fn hex(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

/// The text that a JSON string stands for. Nothing for null; anything else as it is written.
pub fn text(value: &str) -> String {
    let Some(mut rest) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return if value == "null" { String::new() } else { value.into() };
    };
    let mut found = String::with_capacity(rest.len());
    while let Some(at) = rest.find('\\') {
        found.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(mut code) = hex(rest) {
            rest = &rest[6..];
            if let (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) = (code, hex(rest)) {
                code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
                rest = &rest[6..];
            }
            found.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            continue;
        }
        let Some(escaped) = rest[1..].chars().next() else { break };
        found.push(match escaped {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            other => other,
        });
        rest = &rest[1 + escaped.len_utf8()..];
    }
    found.push_str(rest);
    found
}

/// Text as a JSON string, with its quotes.
pub fn quote(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => json.extend(['\\', letter]),
            '\0'..='\u{1f}' | '\u{7f}' => json.push_str(&format!("\\u{:04x}", letter as u32)),
            _ => json.push(letter),
        }
    }
    json.push('"');
    json
}
