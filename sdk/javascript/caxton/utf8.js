// UTF-8, which QuickJS has no TextEncoder and TextDecoder for (WHATWG Encoding, section 8).
//
// A loop over a megabyte takes an interpreter a third of a second. So the bytes go through functions that the engine has in
// C: percent encoding (which is UTF-8's in ECMA-262), strings with a character a byte, and base64.

const REPLACEMENT = 0xfffd;
const CHUNK = 4096; // code units that fromCharCode takes at once

/** @param {string} text @returns {Uint8Array} */
export function encode(text) {
  return Uint8Array.fromBase64(btoa(unescape(encodeURIComponent(text.toWellFormed()))));
}

/**
 * @param {Uint8Array} bytes
 * @param {boolean} fatal throw a TypeError for what is not UTF-8, rather than put U+FFFD in its place
 * @returns {string}
 */
export function decode(bytes, fatal = true) {
  const characters = atob(bytes.toBase64());
  if (/^[\x00-\x7f]*$/.test(characters)) return characters;
  try {
    return decodeURIComponent(escape(characters));
  } catch {
    if (fatal) throw new TypeError("these bytes are not UTF-8");
    return mended(bytes);
  }
}

/** The text, with U+FFFD for each longest run of bytes that could have begun a character. */
function mended(bytes) {
  let text = "";
  let units = [];
  for (let at = 0; at < bytes.length; ) {
    const [point, size] = next(bytes, at);
    at += size;
    if (point >= 0x10000) units.push(0xd7c0 + (point >> 10), 0xdc00 | (point & 0x3ff));
    else units.push(point);
    if (units.length >= CHUNK) {
      text += String.fromCharCode(...units);
      units = [];
    }
  }
  return text + String.fromCharCode(...units);
}

/** The character at a place, or U+FFFD, and the bytes that it takes. */
function next(bytes, at) {
  const first = bytes[at];
  if (first < 0x80) return [first, 1];
  const more = first < 0xc2 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 0;
  let point = first & (0x3f >> more);
  for (let seen = 0; seen < more; seen++) {
    const byte = bytes[at + 1 + seen];
    if (!continues(first, seen, byte)) return [REPLACEMENT, 1 + seen];
    point = (point << 6) | (byte & 0x3f);
  }
  return more === 0 ? [REPLACEMENT, 1] : [point, 1 + more];
}

/** Whether a byte may follow: no overlong forms, no surrogates, nothing beyond U+10FFFF (Unicode, table 3-7). */
function continues(first, seen, byte) {
  if (byte === undefined || (byte & 0xc0) !== 0x80) return false;
  if (seen > 0) return true;
  if (first === 0xe0) return byte >= 0xa0;
  if (first === 0xed) return byte < 0xa0;
  if (first === 0xf0) return byte >= 0x90;
  if (first === 0xf4) return byte < 0x90;
  return true;
}
