import { utf8 } from "./bytes";
import { HostError, Outcome, Result } from "./errors";
import * as host from "./imports";
import { Json } from "./json";
import { bytes, done, error, failed, info, last } from "./result";

/** What another agent, or a tool, has answered. */
export class Answer {
  constructor(
    /** Of a tool: its result as JSON. */
    readonly payload: Uint8Array,
    /** `inform`, `propose`, ...; empty for a tool. */
    readonly performative: string,
    /** Of the reply's envelope. */
    readonly headers: Map<string, string>
  ) {}
}

/** A timeout that is longer than any turn: the wait then ends shortly before the turn's deadline. */
export const UNTIL_DEADLINE: i64 = 366 * 86400000;

/** Sends a request to an agent and waits for its reply. A failure, a refusal or a trap there is `Failed`. A timeout of
 * 0 does not wait. */
export function ask(to: string, payload: Uint8Array, timeout: i64): Result<Answer> {
  const name = utf8(to);
  const said = bytes("ask", host.ask(name.dataStart, name.length, payload.dataStart, payload.length, timeout));
  const error = said.error;
  return error !== null ? Result.none<Answer>(error) : new Result<Answer>(answer(said.value, info()));
}

/** Calls a tool with a JSON object and answers its result as JSON. */
export function callTool(name: string, args: Uint8Array): Result<Uint8Array> {
  const tool = utf8(name);
  return bytes("call_tool", host.call_tool(tool.dataStart, tool.length, args.dataStart, args.length));
}

/** The tools that this agent may call: a JSON array of objects with `name`, `description` and `inputSchema`. */
export function listTools(): Result<Uint8Array> {
  return bytes("list_tools", host.list_tools());
}

/** An ask or a call of a tool that goes on meanwhile. It ends with the turn. */
export class Pending {
  constructor(readonly handle: i32) {}

  /** Waits for it alone. */
  wait(timeout: i64): Result<Answer> {
    const first = wait([this], timeout);
    const error = first.error;
    return error !== null ? Result.none<Answer>(error) : new Result<Answer>(first.value);
  }

  /** Gives it up; a tool's call is cancelled. */
  cancel(): Outcome {
    return done("cancel", host.cancel(this.handle));
  }
}

/** `ask` without waiting. */
export function askStart(to: string, payload: Uint8Array, timeout: i64): Result<Pending> {
  const name = utf8(to);
  const handle = host.ask_start(name.dataStart, name.length, payload.dataStart, payload.length, timeout);
  return pending("ask_start", handle);
}

/** `callTool` without waiting. */
export function toolStart(name: string, args: Uint8Array, timeout: i64): Result<Pending> {
  const tool = utf8(name);
  return pending("tool_start", host.tool_start(tool.dataStart, tool.length, args.dataStart, args.length, timeout));
}

function pending(call: string, handle: i32): Result<Pending> {
  if (handle < 0) return Result.none<Pending>(failed(call, handle));
  return new Result<Pending>(new Pending(handle));
}

/** The first of several that has ended: `index` is its place, and the rest its outcome. */
export class First extends Result<Answer> {
  constructor(
    /** -1 where the wait itself has failed. */
    readonly index: i32,
    found: Answer,
    error: HostError | null
  ) {
    super(found, error);
  }
}

/** Waits for the first of up to 64. It is closed then, with its answer or its error. */
export function wait(several: Pending[], timeout: i64): First {
  const handles = new Int32Array(several.length);
  for (let i = 0; i < several.length; i++) handles[i] = several[i].handle;
  const index = host.wait(handles.dataStart, handles.length, timeout);
  if (index < 0) return new First(-1, NONE, failed("wait", index));
  const said = last();
  const about = info();
  const kind = <i32>about.get("number").integer;
  if (kind < 0) return new First(index, NONE, error("wait", kind, said, about));
  return new First(index, answer(said, about), null);
}

const NONE = new Answer(new Uint8Array(0), "", new Map<string, string>());

function answer(payload: Uint8Array, about: Json): Answer {
  return new Answer(payload, about.get("performative").text, about.get("headers").texts());
}
