import {
  Answer, Envelope, First, HostError, Outcome, Pending, Reply, Result, UNTIL_DEADLINE, ask, askStart, callTool,
  cancelTimer, defer, emit, envelope, publish, quote, send, sendJson, setTimer, stateDelete, stateGet, stateKeys,
  statePut, subscribe, tell, text, toolStart, unsubscribe, utf8, wait,
} from "../caxton";
import { Command } from "./command";

/** The commands that call the host. */
export function run(command: Command): Reply {
  const name = command.name;
  const first = command.argument(0);
  const body = command.body;
  if (name == "tell") return ok(tell(first, body));
  if (name == "send") return ok(sendJson(body.subarray(0, command.integer(0)), body.subarray(command.integer(0))));
  if (name == "publish") return ok(publish(first, body));
  if (name == "subscribe") return ok(subscribe(first));
  if (name == "unsubscribe") return ok(unsubscribe(first));
  if (name == "emit") return emitAll(command);
  if (name == "defer") return deferReply();
  if (name == "resume") return resume(body);
  if (name == "ask") return askOne(command);
  if (name == "call") return data(callTool(first, body));
  if (name == "race") return race(command, askAll(command));
  if (name == "tools-race") return race(command, callAll(command));
  if (name == "gather") return gather(command);
  if (name == "cancel") return cancel(command, false);
  if (name == "cancel-twice") return cancel(command, true);
  if (name == "get") return data(stateGet(first));
  if (name == "put") return ok(statePut(first, body));
  if (name == "delete") return ok(stateDelete(first));
  if (name == "keys") return keys(first);
  if (name == "timer") return timer(command);
  if (name == "untimer") return ok(cancelTimer(command.integer(0)));
  return Reply.fail("unknown command: " + name);
}

/** Byte strings with line feeds between them. */
export function joined(parts: Uint8Array[]): Uint8Array {
  let length = parts.length - 1;
  for (let i = 0; i < parts.length; i++) length += parts[i].length;
  const found = new Uint8Array(length);
  let at = 0;
  for (let i = 0; i < parts.length; i++) {
    if (i > 0) found[at++] = 0x0a;
    found.set(parts[i], at);
    at += parts[i].length;
  }
  return found;
}

/** The answer that tells of a host call that has failed. */
function error(error: HostError): Reply {
  const line = "error " + error.kindName + " " + (error.code.length > 0 ? error.code : "-");
  return Reply.bytes(joined([utf8(line), error.data]));
}

export function ok(outcome: Outcome): Reply {
  const failed = outcome.error;
  return failed !== null ? error(failed) : Reply.text("ok");
}

export function data(result: Result<Uint8Array>): Reply {
  const failed = result.error;
  return failed !== null ? error(failed) : Reply.bytes(result.value);
}

function emitAll(command: Command): Reply {
  for (let i = 0; i < command.integer(0); i++) {
    const failed = emit(command.body).error;
    if (failed !== null) return error(failed);
  }
  return Reply.text("done");
}

/** Keeps what a later reply needs, and who waits for it. */
function deferReply(): Reply {
  const token = defer();
  const failed = token.error;
  if (failed !== null) return error(failed);
  statePut("token", utf8(token.value)).expect();
  statePut("asker", utf8(envelope().value.sender)).expect();
  return Reply.none();
}

function resume(body: Uint8Array): Reply {
  const token = stateGet("token");
  const failed = token.error;
  if (failed !== null) return error(failed);
  const reply = new Envelope("inform");
  reply.inReplyTo = text(token.value);
  return ok(send(reply, body));
}

function askOne(command: Command): Reply {
  const result = ask(command.argument(0), command.body, command.milliseconds(1));
  const failed = result.error;
  if (failed !== null) return error(failed);
  return Reply.bytes(joined([utf8(result.value.performative), result.value.payload]));
}

/** Those that have begun; the first that has not is the result's error. */
function askAll(command: Command): Result<Pending[]> {
  const begun: Pending[] = [];
  for (let i = 1; i < command.count; i++) {
    const one = askStart(command.argument(i), command.body, command.milliseconds(0));
    const failed = one.error;
    if (failed !== null) return Result.none<Pending[]>(failed);
    begun.push(one.value);
  }
  return new Result<Pending[]>(begun);
}

function callAll(command: Command): Result<Pending[]> {
  const begun: Pending[] = [];
  for (let i = 1; i < command.count; i++) {
    const one = toolStart(command.argument(i), command.body, command.milliseconds(0));
    const failed = one.error;
    if (failed !== null) return Result.none<Pending[]>(failed);
    begun.push(one.value);
  }
  return new Result<Pending[]>(begun);
}

function race(command: Command, begun: Result<Pending[]>): Reply {
  const refused = begun.error;
  if (refused !== null) return error(refused);
  const first = wait(begun.value, command.milliseconds(0));
  const failed = first.error;
  if (failed !== null) return error(failed);
  return Reply.bytes(joined([utf8(first.index.toString()), first.value.payload]));
}

function gather(command: Command): Reply {
  const begun = askAll(command);
  const refused = begun.error;
  if (refused !== null) return error(refused);
  const open = begun.value;
  const answers = new Array<Uint8Array>();
  const places: i32[] = []; // whose handle it is that lies there
  for (let i = 0; i < open.length; i++) {
    answers.push(command.body);
    places.push(i);
  }
  while (open.length > 0) {
    const first = wait(open, command.milliseconds(0));
    const failed = first.error;
    if (failed !== null) return error(failed);
    answers[places[first.index]] = first.value.payload;
    open.splice(first.index, 1);
    places.splice(first.index, 1);
  }
  return Reply.bytes(joined(answers));
}

function cancel(command: Command, twice: bool): Reply {
  const begun = askStart(command.argument(0), command.body, UNTIL_DEADLINE);
  const refused = begun.error;
  if (refused !== null) return error(refused);
  begun.value.cancel().expect();
  if (twice) return ok(begun.value.cancel());
  const waited = begun.value.wait(UNTIL_DEADLINE);
  const failed = waited.error;
  return failed !== null ? error(failed) : Reply.bytes(waited.value.payload);
}

function keys(prefix: string): Reply {
  const found = stateKeys(prefix);
  const failed = found.error;
  if (failed !== null) return error(failed);
  return Reply.text("[" + found.value.map<string>((key) => quote(key)).join(",") + "]");
}

function timer(command: Command): Reply {
  const id = setTimer(command.milliseconds(0), command.milliseconds(1), command.body);
  const failed = id.error;
  return failed !== null ? error(failed) : Reply.text(id.value.toString());
}
