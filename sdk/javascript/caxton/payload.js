// Payloads: text is a string, bytes are a Uint8Array; and the variant that crosses to the host.

import { encode } from "./utf8.js";

/** To the host: a string, a Uint8Array (or another view, or an ArrayBuffer), or nothing. */
export function toWit(payload) {
  if (typeof payload === "string") return { tag: "text", val: payload.toWellFormed() };
  if (payload === undefined || payload === null) return { tag: "text", val: "" };
  if (payload instanceof Uint8Array) return { tag: "bytes", val: payload };
  if (payload instanceof ArrayBuffer) return { tag: "bytes", val: new Uint8Array(payload) };
  if (ArrayBuffer.isView(payload)) {
    return { tag: "bytes", val: new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength) };
  }
  throw new TypeError(`a payload is a string or a Uint8Array, not ${typeof payload}: JSON.stringify makes a string of it`);
}

/** From the host. */
export function fromWit(payload) {
  return payload.val;
}

/** The bytes of a payload. */
export function bytesOf(payload) {
  return typeof payload === "string" ? encode(payload) : payload;
}
