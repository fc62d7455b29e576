// What programs expect to be there, from the host: clocks and random numbers, the console, text encodings.
//
// An agent's top level runs when it is built: there the clock stands at 0, Math.random begins with a fixed seed, and what
// is printed is dropped. Random bytes are refused, for they would be the same in every instance.

import { isHandling, log, monotonic, now, randomBytes } from "./calls.js";
import { described } from "./stack.js";
import { decode, encode } from "./utf8.js";

const time = () => (isHandling() ? now() : 0);
const elapsed = () => (isHandling() ? monotonic() / 1e6 : 0);

function installDate() {
  const Native = globalThis.Date;
  Native.now = time;
  globalThis.Date = new Proxy(Native, {
    apply: () => new Native(time()).toString(),
    construct: (target, values, made) =>
      Reflect.construct(target, values.length === 0 ? [time()] : values, made === globalThis.Date ? target : made),
  });
  Native.prototype.constructor = globalThis.Date;
  globalThis.performance = Object.freeze({ now: elapsed, timeOrigin: 0 });
}

/** Chris Doty-Humphrey's sfc32, from 128 bits of the host's. */
function generator([a, b, c, count]) {
  return () => {
    const sum = (((a + b) | 0) + count) | 0;
    count = (count + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
}

function installRandom() {
  const fixed = generator([1, 2, 3, 4]);
  let seeded = null;
  Math.random = () => {
    if (isHandling()) seeded ??= generator(new Int32Array(randomBytes(16).buffer));
    const next = seeded ?? fixed;
    return ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992; // 53 bits
  };
  globalThis.crypto = Object.freeze({
    getRandomValues(view) {
      new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(randomBytes(view.byteLength));
      return view;
    },
    randomUUID() {
      const bytes = randomBytes(16);
      bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4, variant 1 (RFC 9562)
      bytes[8] = (bytes[8] & 0x3f) | 0x80;
      const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
    },
  });
}

function shown(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return described(value).join("\n");
  if (typeof value !== "object" || value === null) return typeof value === "function" ? `[function ${value.name}]` : String(value);
  if (value instanceof Map || value instanceof Set) return `${value.constructor.name} ${shown([...value])}`;
  try {
    return JSON.stringify(value, (_, one) => (typeof one === "bigint" ? `${one}n` : one)) ?? String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

function installConsole() {
  const at = (level) => (...values) => {
    if (!isHandling()) return;
    for (const line of values.map(shown).join(" ").split("\n")) log(level, line);
  };
  globalThis.console = Object.freeze({
    trace: at("trace"),
    debug: at("debug"),
    log: at("info"),
    info: at("info"),
    warn: at("warning"),
    error: at("error"),
  });
}

const SHORT = 1024; // characters: JSON of so many is never nested too deep
const SLOTS = 1024; // places of 8 bytes that a call reserves on the stack
const CALLS = 12;

/**
 * JSON.parse takes little of the stack that QuickJS measures and much of the one that it does not see, whose end is a
 * trap. So what may be nested deep is read from further down, below functions that reserve room for a call with very many
 * arguments, which they never make. Then a RangeError comes first.
 */
function installJson() {
  const parse = JSON.parse;
  const names = "left, text, reviver, never";
  const call = `left === 0 ? parse(text, reviver) : never ? parse(${"0,".repeat(SLOTS)}0) : lower(left - 1, text, reviver)`;
  const lower = new Function("parse", `const lower = (${names}) => ${call}; return lower;`)(parse);
  const isShort = (text) => typeof text === "string" && text.length <= SHORT;
  const ours = (text, reviver) => (isShort(text) ? parse(text, reviver) : lower(CALLS, text, reviver));
  JSON.parse = Object.defineProperty(ours, "name", { value: "parse" });
}

class TextEncoder {
  get encoding() {
    return "utf-8";
  }

  encode(text = "") {
    return encode(String(text));
  }
}

class TextDecoder {
  #bom;

  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (!/^\s*utf-?8\s*$/i.test(label)) throw new RangeError(`only UTF-8 is decoded here, not ${label}`);
    this.fatal = fatal;
    this.ignoreBOM = ignoreBOM;
    this.#bom = ignoreBOM ? "" : "\ufeff";
  }

  get encoding() {
    return "utf-8";
  }

  decode(input = new Uint8Array()) {
    const view = ArrayBuffer.isView(input)
      ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
      : new Uint8Array(input);
    const text = decode(view, this.fatal);
    return this.#bom !== "" && text.startsWith(this.#bom) ? text.slice(1) : text;
  }
}

installDate();
installRandom();
installConsole();
installJson();
globalThis.TextEncoder ??= TextEncoder;
globalThis.TextDecoder ??= TextDecoder;
