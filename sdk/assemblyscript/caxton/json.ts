export enum JsonKind {
  Null,
  Bool,
  Number,
  Text,
  List,
  Object,
}

const NULL = new Json(JsonKind.Null);

/** JSON, as much as is needed to read the host's and to look into small messages. */
export class Json {
  /** Of a text itself, of a number its digits, else empty. */
  text: string = "";
  /** Of a list its items, of an object its values in the order of `keys`. */
  items: Json[] = [];
  keys: string[] = [];
  isTrue: bool = false;

  constructor(readonly kind: JsonKind) {}

  /** Reads JSON. What is none gives null, or what could be read of it. */
  static parse(text: string): Json {
    return new Parser(text).value(0);
  }

  /** The value of a key; null where there is none. */
  get(key: string): Json {
    const at = this.keys.lastIndexOf(key);
    return at < 0 ? NULL : this.items[at];
  }

  get isNull(): bool {
    return this.kind == JsonKind.Null;
  }

  /** As a number; 0 where it is none. */
  get number(): f64 {
    return this.kind == JsonKind.Number ? F64.parseFloat(this.text) : 0;
  }

  /** As a whole number; 0 where it is none. */
  get integer(): i64 {
    return this.kind == JsonKind.Number ? I64.parseInt(this.text) : 0;
  }

  /** The texts of a list. */
  list(): string[] {
    const found: string[] = [];
    for (let i = 0; i < this.items.length; i++) found.push(this.items[i].text);
    return found;
  }

  /** The texts of an object. */
  texts(): Map<string, string> {
    const found = new Map<string, string>();
    for (let i = 0; i < this.keys.length; i++) found.set(this.keys[i], this.items[i].text);
    return found;
  }
}

class Parser {
  private at: i32 = 0;

  constructor(private source: string) {}

  value(depth: i32): Json {
    const c = this.next();
    if (c == 0x7b && depth < 64) return this.object(depth); // {
    if (c == 0x5b && depth < 64) return this.list(depth); // [
    if (c == 0x22) {
      const found = new Json(JsonKind.Text);
      found.text = this.str();
      return found;
    }
    return this.word();
  }

  private next(): i32 {
    while (this.at < this.source.length) {
      const c = this.source.charCodeAt(this.at);
      if (c != 0x20 && c != 0x09 && c != 0x0a && c != 0x0d) return c;
      this.at++;
    }
    return -1;
  }

  private object(depth: i32): Json {
    const found = new Json(JsonKind.Object);
    this.at++;
    while (this.next() == 0x22) {
      const key = this.str();
      if (this.next() == 0x3a) this.at++; // :
      found.keys.push(key);
      found.items.push(this.value(depth + 1));
      if (this.next() == 0x2c) this.at++; // ,
    }
    this.at++;
    return found;
  }

  private list(depth: i32): Json {
    const found = new Json(JsonKind.List);
    this.at++;
    while (this.at < this.source.length && this.next() != 0x5d) {
      const before = this.at;
      found.items.push(this.value(depth + 1));
      if (this.next() == 0x2c) this.at++;
      if (this.at == before) break; // no JSON
    }
    this.at++;
    return found;
  }

  private word(): Json {
    const from = this.at;
    while (this.at < this.source.length) {
      const c = this.source.charCodeAt(this.at);
      if (c <= 0x20 || c == 0x2c || c == 0x5d || c == 0x7d) break;
      this.at++;
    }
    const word = this.source.substring(from, this.at);
    if (word == "true" || word == "false") {
      const found = new Json(JsonKind.Bool);
      found.isTrue = word == "true";
      return found;
    }
    if (word.length == 0 || word == "null") return new Json(JsonKind.Null);
    const found = new Json(JsonKind.Number);
    found.text = word;
    return found;
  }

  private str(): string {
    const parts: string[] = [];
    let from = ++this.at;
    while (this.at < this.source.length) {
      const c = this.source.charCodeAt(this.at);
      if (c == 0x22) break;
      if (c == 0x5c) {
        parts.push(this.source.substring(from, this.at));
        parts.push(this.escape());
        from = this.at;
      } else {
        this.at++;
      }
    }
    parts.push(this.source.substring(from, this.at));
    this.at++;
    return parts.join("");
  }

  private escape(): string {
    const c = this.source.charAt(this.at + 1);
    this.at += 2;
    if (c == "n") return "\n";
    if (c == "t") return "\t";
    if (c == "r") return "\r";
    if (c == "b") return "\b";
    if (c == "f") return "\f";
    if (c != "u") return c;
    this.at += 4;
    return String.fromCharCode(<i32>I32.parseInt(this.source.substring(this.at - 4, this.at), 16));
  }
}

/** A string as JSON. */
export function quote(text: string): string {
  const parts: string[] = ['"'];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c >= 0x20 && c != 0x22 && c != 0x5c) continue;
    parts.push(text.substring(from, at));
    parts.push(c < 0x20 ? "\\u00" + hex(c >> 4) + hex(c & 15) : "\\" + text.charAt(at));
    from = at + 1;
  }
  parts.push(text.substring(from));
  parts.push('"');
  return parts.join("");
}

function hex(digit: i32): string {
  return "0123456789abcdef".charAt(digit);
}
