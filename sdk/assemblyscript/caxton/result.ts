import { text } from "./bytes";
import { HostError, Kind, Outcome, Result } from "./errors";
import * as host from "./imports";
import { Json } from "./json";

/** The outcome of a call without data. */
export function done(call: string, answer: i32): Outcome {
  return answer < 0 ? new Outcome(failed(call, answer)) : new Outcome();
}

/** The data that a call has left, whose answer is their length. */
export function bytes(call: string, answer: i32): Result<Uint8Array> {
  if (answer < 0) return Result.none<Uint8Array>(failed(call, answer));
  return new Result<Uint8Array>(read(answer));
}

function read(length: i32): Uint8Array {
  const found = new Uint8Array(length);
  if (length > 0) host.read_result(found.dataStart, length);
  return found;
}

/** Data whose length nobody has told. */
export function last(): Uint8Array {
  let length = 1024;
  while (true) {
    const found = new Uint8Array(length);
    const got = host.read_result(found.dataStart, length);
    if (got < length) return found.slice(0, got);
    length *= 2;
  }
}

/** What the host says about the last result; it replaces that result. */
export function info(): Json {
  return Json.parse(text(read(host.result_info())));
}

/** The error of a call that has answered a negative number. */
export function failed(call: string, answer: i32): HostError {
  const said = last();
  return error(call, answer, said, info());
}

/** An error, from what is known of it. */
export function error(call: string, kind: i32, said: Uint8Array, about: Json): HostError {
  return new HostError(
    call,
    <Kind>kind,
    about.get("code").text,
    said,
    about.get("performative").text,
    about.get("headers").texts(),
    about.get("retryable").isTrue
  );
}
