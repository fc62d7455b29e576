// What the host calls. It is the entry of the build, which hands `fail` to the compiler as `abort` and so on.

import * as agent from "../assembly/index";
import { utf8 } from "./bytes";
import * as host from "./imports";
import { Level, log } from "./self";
import "./std";

// The response's room is used again in each turn, for no agent ever sees it.
const ROOM_SIZE = 4096;
const ROOM = memory.data(4096, 16);
let responding = false;
let response: Uint8Array = new Uint8Array(0);

/** A message is an ArrayBuffer from the beginning, so that it needs no copy and the agent may keep it. */
export function caxton_alloc(length: i32): usize {
  if (responding && <u32>length <= <u32>ROOM_SIZE) {
    responding = false; // what comes next may be a message
    return ROOM;
  }
  return __pin(__new(<usize>(<u32>length), idof<ArrayBuffer>()));
}

export function caxton_free(at: usize, length: i32): void {
  if (at != ROOM) __unpin(at);
}

export function caxton_init(): i32 {
  if (isDefined(agent.start)) {
    const reason: string | null = agent.start();
    if (reason !== null) {
      log(Level.Error, reason);
      return 1;
    }
  }
  return 0;
}

export function handle_message(at: usize, length: i32): i32 {
  const reply = agent.handle(Uint8Array.wrap(changetype<ArrayBuffer>(at), 0, length));
  responding = true;
  response = reply.payload;
  return reply.failed ? 1 : 0;
}

export function get_response(at: usize, length: i32): i32 {
  const size = response.length;
  if (<u32>size <= <u32>length) memory.copy(at, response.dataStart, size);
  return size;
}
