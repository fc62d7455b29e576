/** A string as UTF-8. Half of a surrogate pair becomes U+FFFD. */
export function utf8(text: string): Uint8Array {
  return Uint8Array.wrap(String.UTF8.encode(text, false, String.UTF8.ErrorMode.REPLACE));
}

/** Whether bytes are UTF-8. */
export function isText(bytes: Uint8Array): bool {
  return strange(bytes) == 0;
}

/** Bytes that are UTF-8 as a string; each byte that belongs to none becomes U+FFFD. */
export function text(bytes: Uint8Array): string {
  const count = strange(bytes);
  const whole = count == 0 ? bytes : mended(bytes, count);
  return String.UTF8.decodeUnsafe(whole.dataStart, whole.length);
}

/** How many bytes belong to no sequence. */
function strange(bytes: Uint8Array): i32 {
  let count = 0;
  let at = bytes.dataStart;
  const end = at + bytes.length;
  while (at < end) {
    if (load<u8>(at) < 0x80) {
      at++;
      continue;
    }
    const size = sequence(at, end);
    if (size == 0) count++;
    at += max(size, 1);
  }
  return count;
}

function mended(bytes: Uint8Array, count: i32): Uint8Array {
  const found = new Uint8Array(bytes.length + 2 * count);
  let to = found.dataStart;
  let at = bytes.dataStart;
  const end = at + bytes.length;
  while (at < end) {
    const size = sequence(at, end);
    if (size == 0) {
      store<u8>(to, 0xef);
      store<u8>(to, 0xbf, 1);
      store<u8>(to, 0xbd, 2);
      to += 3;
      at++;
    } else {
      memory.copy(to, at, size);
      to += size;
      at += size;
    }
  }
  return found;
}

/** The length of the UTF-8 sequence that begins there; 0 where none does. */
function sequence(at: usize, end: usize): i32 {
  const first = load<u8>(at);
  if (first < 0x80) return 1;
  const size = first >= 0xc2 && first < 0xe0 ? 2 : (first & 0xf0) == 0xe0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (size == 0 || at + size > end) return 0;
  for (let i = 1; i < size; i++) {
    if ((load<u8>(at + i) & 0xc0) != 0x80) return 0;
  }
  const second = load<u8>(at, 1);
  if (first == 0xe0 && second < 0xa0) return 0; // a longer form than needed
  if (first == 0xed && second >= 0xa0) return 0; // half of a surrogate pair
  if (first == 0xf0 && second < 0x90) return 0;
  if (first == 0xf4 && second >= 0x90) return 0; // beyond U+10FFFF
  return size;
}
