// The conformance agent (docs/reference/conformance.md): one command a message.

import * as caxton from "../caxton/index.js";
import { Failure, HostError, type Level, type Message, type Payload, type Pending } from "../caxton/index.js";

type Command = (body: Payload, ...words: string[]) => Payload | void;

const NEWLINE = 10;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const kept: Uint8Array[] = [];
let counted = 0;

export default function handle(message: Message): Payload | void {
  return answer(message.payload);
}

/** Carries a message out; what the host refuses is an answer. */
function answer(payload: Payload): Payload | void {
  const { words, body } = parsed(payload);
  const [name = "", ...values] = words;
  const command = commands.get(name);
  if (command === undefined) throw new Failure(`unknown command: ${name}`);
  try {
    return command(body, ...values);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return joined(`error ${error.kind} ${error.code ?? "-"}\n`, error.payload);
  }
}

/** The words of the first line, and the body after it. */
function parsed(payload: Payload): { words: string[]; body: Payload } {
  const end = typeof payload === "string" ? payload.indexOf("\n") : payload.indexOf(NEWLINE);
  const line = end < 0 ? payload : payload.slice(0, end);
  const body = end < 0 ? "" : payload.slice(end + 1);
  return { words: textOf(line).split(" "), body };
}

function textOf(payload: Payload): string {
  if (typeof payload === "string") return payload;
  try {
    return decoder.decode(payload);
  } catch {
    throw new Failure("unknown command");
  }
}

function bytesOf(payload: Payload): Uint8Array {
  return typeof payload === "string" ? encoder.encode(payload) : payload;
}

/** One after the other: as text where all of them are text. */
function joined(...parts: Payload[]): Payload {
  if (parts.every((part) => typeof part === "string")) return parts.join("");
  const bytes = parts.map(bytesOf);
  const whole = new Uint8Array(bytes.reduce((sum, part) => sum + part.length, 0));
  bytes.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}

/** What is as text text. */
function natural(bytes: Uint8Array): Payload {
  try {
    return decoder.decode(bytes);
  } catch {
    return bytes;
  }
}

/** A body's first bytes, and the rest. */
function divided(body: Payload, length: number): [Payload, Payload] {
  const bytes = bytesOf(body);
  return [natural(bytes.slice(0, length)), natural(bytes.slice(length))];
}

function first<Result>(pending: Pending<Result>[], timeout: string): [number, Result] {
  const place = caxton.wait(pending, Number(timeout));
  return [place, pending[place]!.result];
}

function lost(what: string): HostError {
  return new HostError("not-found", `there is no ${what}`);
}

const listed: Record<string, Command> = {
  conformance: () => "caxton-conformance 1 typescript",
  echo: (body) => body,
  empty: () => undefined,
  repeat: (body, times) => (typeof body === "string" ? body.repeat(Number(times)) : joined(...Array(Number(times)).fill(body))),
  fail(body) {
    throw new Failure(body);
  },
  panic(body) {
    throw new Error(textOf(body));
  },
  spin() {
    for (;;);
  },
  eat() {
    for (;;) kept.push(new Uint8Array(1 << 20).fill(1));
  },
  count: () => String(++counted),
  log(body, level) {
    caxton.log(level as Level, textOf(body));
  },
  print(body) {
    console.log(textOf(body));
  },
  then(body, length) {
    const [one, other] = divided(body, Number(length));
    return joined(answer(one) ?? "", "\n", answer(other) ?? "");
  },

  context: () => JSON.stringify(caxton.context()),
  envelope: () => JSON.stringify(caxton.envelope()),

  tell(body, to) {
    caxton.tell(to, body);
    return "ok";
  },
  send(body, length) {
    const [envelope, payload] = divided(body, Number(length));
    caxton.send(textOf(envelope), payload);
    return "ok";
  },
  publish(body, topic) {
    caxton.publish(topic, body);
    return "ok";
  },
  subscribe(_, topic) {
    caxton.subscribe(topic);
    return "ok";
  },
  unsubscribe(_, topic) {
    caxton.unsubscribe(topic);
    return "ok";
  },
  ask(body, to, timeout) {
    const found = caxton.ask(to, body, Number(timeout));
    return joined(`${found.performative}\n`, found.payload);
  },
  call: (body, name) => caxton.callToolJson(name, textOf(body)),
  race(body, timeout, ...names) {
    const [place, found] = first(names.map((name) => caxton.askStart(name, body, Number(timeout))), timeout);
    return joined(`${place}\n`, found.payload);
  },
  "tools-race"(body, timeout, ...names) {
    const started = names.map((name) => caxton.toolStartJson(name, textOf(body), Number(timeout)));
    return first(started, timeout).join("\n");
  },
  gather(body, timeout, ...names) {
    const started = names.map((name) => caxton.askStart(name, body, Number(timeout)));
    const parts = caxton.gather(started, Number(timeout)).flatMap((found) => ["\n", found.payload]);
    return joined(...parts.slice(1));
  },
  cancel(body, to) {
    const pending = caxton.askStart(to, body);
    pending.cancel();
    return String(caxton.wait([pending]));
  },
  "cancel-twice"(body, to) {
    const pending = caxton.askStart(to, body);
    pending.cancel();
    pending.cancel();
    return "ok";
  },
  tools: () => JSON.stringify(caxton.listTools()),

  emit(body, times) {
    for (let count = 0; count < Number(times); count++) caxton.emit(body);
    return "done";
  },
  defer() {
    caxton.state.put("token", caxton.defer());
  },
  resume(body) {
    const token = caxton.state.get("token");
    if (token === undefined) throw lost("token");
    caxton.replyLater(textOf(token), body);
    return "ok";
  },

  get(_, key) {
    const value = caxton.state.get(key);
    if (value === undefined) throw lost("value");
    return value;
  },
  put(body, key) {
    caxton.state.put(key, body);
    return "ok";
  },
  delete(_, key) {
    caxton.state.delete(key);
    return "ok";
  },
  keys: (_, prefix) => JSON.stringify(caxton.state.keys(prefix)),
  timer: (body, delay, period) => String(caxton.setTimer(Number(delay), body, Number(period))),
  untimer(_, id) {
    caxton.cancelTimer(Number(id));
    return "ok";
  },

  now: () => String(Date.now()),
  monotonic: () => String(caxton.monotonic()),
  random: (_, count) => natural(caxton.randomBytes(Number(count))),
  sleep(_, time) {
    caxton.sleep(Number(time));
    return "ok";
  },
};

const commands = new Map(Object.entries(listed));
