// What AssemblyScript's own library asks of its surroundings, answered by the host.

import * as host from "./imports";
import { Level, log } from "./self";

let failing = false;
let doomed: string | null = null;
let place: string | null = null;

/**
 * Logs why, and traps: what `abort`, a failed `assert` and `throw` come to. The compiler calls it without keeping its
 * texts alive, perhaps when there is no room left for what functions hold, or no memory.
 */
export function fail(message: string | null, file: string | null, line: u32, column: u32): void {
  if (failing) unreachable();
  failing = true;
  // @ts-ignore: below it lie what the compiler's own text for this would be, and constants
  const full = __stack_pointer < __data_end;
  doomed = full ? "stack overflow: functions hold more than there is room for" : message;
  place = full ? null : file;
  // @ts-ignore: what was held is of no use any more
  __stack_pointer = __heap_base;
  report(line, column);
  unreachable();
}

function report(line: u32, column: u32): void {
  const message = doomed;
  const file = place;
  const where = file === null ? "" : " (" + file + ":" + line.toString() + ":" + column.toString() + ")";
  log(Level.Error, "panic: " + (message === null ? "abort" : message) + where);
}

/** `trace(message, n, a0, ...)`: a line at level trace. */
export function printed(
  message: string,
  n: i32 = 0,
  a0: f64 = 0,
  a1: f64 = 0,
  a2: f64 = 0,
  a3: f64 = 0,
  a4: f64 = 0
): void {
  const numbers: f64[] = [a0, a1, a2, a3, a4];
  for (let i = 0; i < min<i32>(n, 5); i++) message += " " + numbers[i].toString();
  log(Level.Trace, message);
}

/** What `Math.random` begins with. */
export function seed(): f64 {
  const bits = memory.data(8, 8);
  host.random(bits, 8);
  return reinterpret<f64>(load<u64>(bits));
}

/** `console`, which logs. */
export namespace output {
  export function assert<T>(condition: T, message: string = ""): void {
    if (!condition) log(Level.Error, message);
  }
  export function log(message: string = ""): void {
    lines(Level.Info, message);
  }
  export function debug(message: string = ""): void {
    lines(Level.Debug, message);
  }
  export function info(message: string = ""): void {
    lines(Level.Info, message);
  }
  export function warn(message: string = ""): void {
    lines(Level.Warning, message);
  }
  export function error(message: string = ""): void {
    lines(Level.Error, message);
  }
}

function lines(level: Level, message: string): void {
  const all = message.split("\n");
  for (let i = 0; i < all.length; i++) log(level, all[i]);
}
