// What the component exports: the agent's function, between the envelope that comes in and the reply that goes out.

import "./globals.js"; // before the agent's own modules run
import * as agent from "caxton:project";
import { begin, log } from "./calls.js";
import { Failure } from "./errors.js";
import { Message } from "./message.js";
import { toWit } from "./payload.js";
import { described } from "./stack.js";

const answer = agent.default ?? agent.handle;
if (typeof answer !== "function") throw new TypeError("the agent must export a function as its default, or as handle");

export function handle(envelope) {
  begin();
  try {
    return { payload: toWit(settled(answer(new Message(envelope)))) };
  } catch (thrown) {
    if (thrown instanceof Failure) throw { payload: { payload: toWit(thrown.payload) } }; // the boundary takes the outer one off
    for (const line of described(thrown)) log("error", line);
    throw new Error("uncaught"); // which the component makes a trap of
  }
}

/** Nothing would run what a promise waits for: host calls wait by themselves, so no agent needs one. */
function settled(value) {
  if (typeof value?.then === "function") throw new TypeError("handle answers a promise: write it without async, host calls wait");
  return value;
}
