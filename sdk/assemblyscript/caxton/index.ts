/**
 * What a Caxton agent in AssemblyScript is written with.
 *
 * An agent exports one function from `assembly/index.ts`, from a message to its reply:
 *
 *     import { Reply, text } from "../caxton";
 *
 *     export function handle(message: Uint8Array): Reply {
 *       return Reply.text(text(message).toUpperCase());
 *     }
 *
 * It may export a second one, `start(): string | null`, which runs once before the first message; a text says why the
 * agent does not start. Code outside functions runs even before that.
 *
 * Each call of the host is a function here. AssemblyScript has no exceptions that could be caught, so a call answers
 * with an `Outcome` or a `Result`: `ok`, `error`, and `value`, which ends the turn where there is none.
 *
 * A turn is one message handled. `tell`, `send`, `publish`, `subscribe`, `unsubscribe`, `statePut`, `stateDelete`,
 * `setTimer` and `cancelTimer` happen when the turn has ended well, in order, or not at all; the rest happens at once.
 * Times are milliseconds. Payloads are bytes: `utf8` makes them of a string, `text` a string of them.
 */
export { utf8, text, isText } from "./bytes";
export { Reply } from "./reply";
export { Kind, HostError, Outcome, Result } from "./errors";
export { Level, log, Self, context, contextJson } from "./self";
export { Envelope, envelope, envelopeJson } from "./envelope";
export { tell, send, sendJson, publish, subscribe, unsubscribe, emit, defer } from "./messages";
export { Answer, Pending, First, UNTIL_DEADLINE, ask, askStart, callTool, toolStart, listTools, wait } from "./asking";
export { stateGet, statePut, stateDelete, stateKeys } from "./state";
export { setTimer, cancelTimer, now, monotonic, sleep, random } from "./time";
export { Json, JsonKind, quote } from "./json";
