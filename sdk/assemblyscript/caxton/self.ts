import { text, utf8 } from "./bytes";
import { Result } from "./errors";
import * as host from "./imports";
import { Json } from "./json";
import { bytes } from "./result";

/** How loud a log line is. */
export enum Level {
  Trace = 0,
  Debug = 1,
  Info = 2,
  Warning = 3,
  Error = 4,
}

/** Writes a line to the agent's log. `console.log` and `trace` do so too. */
export function log(level: Level, line: string): void {
  const bytes = utf8(line);
  host.log(level, bytes.dataStart, bytes.length);
}

/** What an agent may know about itself. */
export class Self {
  constructor(
    /** Its name. */
    readonly agent: string,
    /** What the operator has configured: an object. */
    readonly params: Json,
    /** 1 for the first instance, one more after each restart. */
    readonly attempt: i32,
    /** Milliseconds left of this turn. */
    readonly deadline: i64,
    /** Left of this turn. */
    readonly fuel: i64,
    /** What it may reach: an object with `peers`, `tools`, `topics`, ..., each a list. */
    readonly grants: Json
  ) {}
}

/** What the agent may know about itself. */
export function context(): Result<Self> {
  const raw = contextJson();
  const error = raw.error;
  if (error !== null) return Result.none<Self>(error);
  const json = Json.parse(text(raw.value));
  return new Result<Self>(
    new Self(
      json.get("agent").text,
      json.get("params"),
      <i32>json.get("attempt").integer,
      json.get("deadline_ms").integer,
      json.get("fuel").integer,
      json.get("grants")
    )
  );
}

/** The same as the host writes it. */
export function contextJson(): Result<Uint8Array> {
  return bytes("context", host.context());
}
