import { Outcome, Result } from "./errors";
import * as host from "./imports";
import { done, failed } from "./result";

/**
 * Queues a message to the agent itself, after `delay`, and then every `period` where that is above 0; 10 ms to 366 days
 * each. It comes from `@timer`. The result is the timer's id.
 */
export function setTimer(delay: i64, period: i64, payload: Uint8Array): Result<i32> {
  const id = host.set_timer(delay, period, payload.dataStart, payload.length);
  return id < 0 ? Result.none<i32>(failed("set_timer", id)) : new Result<i32>(id);
}

/** Queues the end of a timer. */
export function cancelTimer(id: i32): Outcome {
  return done("cancel_timer", host.cancel_timer(id));
}

/** Unix time in milliseconds; it stands still while a turn computes. */
export function now(): i64 {
  return host.now_ms();
}

/** Nanoseconds since the instance began. */
export function monotonic(): i64 {
  return host.monotonic_ns();
}

/** Waits so many milliseconds. */
export function sleep(milliseconds: i64): Outcome {
  return done("sleep_ms", host.sleep_ms(milliseconds));
}

/** So many random bytes. */
export function random(length: i32): Uint8Array {
  const found = new Uint8Array(length);
  for (let at = 0; at < length; at += 65536) {
    host.random(found.dataStart + at, min(length - at, 65536));
  }
  return found;
}
