import { text, utf8 } from "./bytes";
import { Outcome, Result } from "./errors";
import * as host from "./imports";
import { Json } from "./json";
import { bytes, done } from "./result";

/**
 * A value of the agent's own state, with this turn's changes; `NotFound` where there is none. The state outlives the
 * instance: it is there after a trap.
 */
export function stateGet(key: string): Result<Uint8Array> {
  const name = utf8(key);
  return bytes("state_get", host.state_get(name.dataStart, name.length));
}

/** Queues a change of a value. */
export function statePut(key: string, value: Uint8Array): Outcome {
  const name = utf8(key);
  return done("state_put", host.state_put(name.dataStart, name.length, value.dataStart, value.length));
}

/** Queues a deletion. */
export function stateDelete(key: string): Outcome {
  const name = utf8(key);
  return done("state_delete", host.state_delete(name.dataStart, name.length));
}

/** The keys that begin with a prefix, in order. */
export function stateKeys(prefix: string): Result<string[]> {
  const name = utf8(prefix);
  const found = bytes("state_keys", host.state_keys(name.dataStart, name.length));
  const error = found.error;
  if (error !== null) return Result.none<string[]>(error);
  return new Result<string[]>(Json.parse(text(found.value)).list());
}
