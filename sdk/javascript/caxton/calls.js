// The host calls: each checks what it is given, for the boundary takes nothing of another type, and throws HostError.

import * as host from "caxton:agent/host@0.1.0";
import { HostError } from "./errors.js";
import { fromWit, toWit } from "./payload.js";

const LONGEST = 366 * 24 * 3600 * 1000; // the longest time that the host takes, in ms
const RANDOM = 65536; // bytes that one call gives
const LEVELS = ["trace", "debug", "info", "warning", "error"];
const U32 = 0xffffffff;

let handling = false;

/** Whether a message is being handled. Before that, while the agent is built, there is no host. */
export function isHandling() {
  return handling;
}

/** Says that from now on there is a host. */
export function begin() {
  handling = true;
}

/** Calls the host, and throws what it refuses as a HostError. */
function call(what, ...values) {
  if (!handling) throw new Error("there is no host while the agent is built: call it from handle, not at the top level");
  try {
    return what(...values);
  } catch (thrown) {
    throw translated(thrown);
  }
}

/** What the boundary throws is an Error that has the WIT error as its payload. */
function translated(thrown) {
  const found = thrown?.payload ?? thrown;
  return typeof found?.kind === "string" ? failed(found) : thrown;
}

function failed(error) {
  return new HostError(error.kind, fromWit(error.data), error);
}

function text(value, what) {
  if (typeof value !== "string") throw new TypeError(`${what} is a string, not ${typeof value}`);
  return value.toWellFormed();
}

function time(value, what) {
  if (value === undefined || value === null || value === Infinity) return LONGEST;
  if (typeof value !== "number" || !(value >= 0)) throw new RangeError(`${what} is a number of milliseconds from 0 on`);
  return Math.min(Math.ceil(value), Number.MAX_SAFE_INTEGER);
}

function whole(value, what) {
  if (!Number.isInteger(value) || value < 0 || value > U32) throw new RangeError(`${what} is a whole number from 0 on`);
  return value;
}

function answer(found) {
  return new Answer(found.performative, fromWit(found.payload), Object.fromEntries(found.headers));
}

/** What an asked agent has answered. */
export class Answer {
  constructor(performative, payload, headers) {
    this.performative = performative;
    this.payload = payload;
    this.headers = headers;
  }
}

/** An ask or a call of a tool that has been started, and has a result later. */
export class Pending {
  #finish;
  #outcome = null;

  constructor(handle, finish) {
    this.handle = handle;
    this.#finish = finish;
  }

  /** Whether `wait` or `gather` has answered with it. */
  get done() {
    return this.#outcome !== null;
  }

  /** What it has come to: as `ask` or `callTool` answers or throws. */
  get result() {
    if (this.#outcome === null) throw new Error("wait for it first");
    if (this.#outcome.tag === "err") throw failed(this.#outcome.val);
    return this.#finish(answer(this.#outcome.val));
  }

  /** Gives it up. */
  cancel() {
    call(host.cancel, this.handle);
  }

  /** @internal */
  settle(outcome) {
    this.#outcome = outcome;
  }
}

export function log(level, message) {
  if (!LEVELS.includes(level)) throw new RangeError(`a level is one of ${LEVELS.join(", ")}`);
  call(host.log, level, text(String(message), "a message"));
}

export function context() {
  return JSON.parse(call(host.context));
}

export function envelope() {
  return JSON.parse(call(host.envelope));
}

export function tell(to, payload) {
  call(host.tell, text(to, "a receiver"), toWit(payload));
}

const FIELDS = {
  conversationId: "conversation-id",
  replyWith: "reply-with",
  inReplyTo: "in-reply-to",
  replyBy: "reply-by",
  contentType: "content-type",
};

export function send(meta, payload) {
  const named = typeof meta === "string" ? meta : JSON.stringify(meta, fields);
  call(host.sendEnvelope, text(named, "an envelope"), toWit(payload));
}

/** Names the fields of the envelope itself, not those of what lies in it, as the host has them. */
function fields(key, value) {
  if (key !== "" || typeof value !== "object" || value === null) return value instanceof Date ? value.toISOString() : value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [FIELDS[name] ?? name, one]));
}

export function publish(topic, payload) {
  call(host.publish, text(topic, "a topic"), toWit(payload));
}

export function subscribe(topic) {
  call(host.subscribe, text(topic, "a topic"));
}

export function unsubscribe(topic) {
  call(host.unsubscribe, text(topic, "a topic"));
}

export function ask(to, payload, timeout) {
  return answer(call(host.ask, text(to, "a receiver"), toWit(payload), time(timeout, "a timeout")));
}

export function askStart(to, payload, timeout) {
  const handle = call(host.askStart, text(to, "a receiver"), toWit(payload), time(timeout, "a timeout"));
  return new Pending(handle, (found) => found);
}

export function callTool(name, given = {}) {
  return JSON.parse(callToolJson(name, JSON.stringify(given)));
}

export function callToolJson(name, given) {
  return call(host.callTool, text(name, "a tool"), text(given, "JSON"));
}

export function toolStart(name, given = {}, timeout) {
  return new Pending(toolHandle(name, JSON.stringify(given), timeout), (found) => JSON.parse(found.payload));
}

export function toolStartJson(name, given, timeout) {
  return new Pending(toolHandle(name, given, timeout), (found) => found.payload);
}

function toolHandle(name, given, timeout) {
  return call(host.toolStart, text(name, "a tool"), text(given, "JSON"), time(timeout, "a timeout"));
}

export function wait(pending, timeout) {
  const open = pending.map((_, place) => place).filter((place) => !pending[place].done);
  if (open.length === 0) throw new HostError("bad-argument", "there is nothing left to wait for");
  const handles = open.map((place) => whole(pending[place].handle, "a handle"));
  const found = call(host.wait, handles, time(timeout, "a timeout"));
  const place = open[found.index];
  pending[place].settle(found.outcome);
  return place;
}

export function gather(pending, timeout) {
  while (pending.some((one) => !one.done)) {
    void pending[wait(pending, timeout)].result; // a failure ends it at once
  }
  return pending.map((one) => one.result);
}

export function listTools() {
  return JSON.parse(call(host.listTools));
}

export function emit(part) {
  call(host.emit, toWit(part));
}

export function defer() {
  return call(host.defer);
}

export function replyLater(token, payload, performative = "inform") {
  send({ performative, inReplyTo: token }, payload);
}

export function setTimer(delay, payload, period = 0) {
  return call(host.setTimer, time(delay, "a delay"), time(period, "a period"), toWit(payload));
}

export function cancelTimer(id) {
  call(host.cancelTimer, whole(id, "a timer"));
}

export function now() {
  return call(host.nowMs);
}

export function monotonic() {
  return call(host.monotonicNs);
}

export function randomBytes(count) {
  const bytes = new Uint8Array(whole(count, "a count"));
  for (let at = 0; at < count; at += RANDOM) {
    bytes.set(call(host.random, Math.min(RANDOM, count - at)), at);
  }
  return bytes;
}

export function sleep(milliseconds) {
  call(host.sleepMs, time(milliseconds, "a time"));
}

/** The agent's own keys and values. */
export const state = Object.freeze({
  get(key) {
    try {
      return fromWit(call(host.stateGet, text(key, "a key")));
    } catch (error) {
      if (error instanceof HostError && error.kind === "not-found") return undefined;
      throw error;
    }
  },
  put(key, value) {
    call(host.statePut, text(key, "a key"), toWit(value));
  },
  delete(key) {
    call(host.stateDelete, text(key, "a key"));
  },
  keys(prefix = "") {
    return JSON.parse(call(host.stateKeys, text(prefix, "a prefix")));
  },
});
