// The conformance agent: what each command does is told in docs/reference/conformance.md.

import {
  Kind, Level, Outcome, Reply, Result, contextJson, envelopeJson, listTools, log, monotonic, now, random, sleep,
} from "../caxton";
import { text, utf8 } from "../caxton";
import * as calls from "./calls";
import { Command } from "./command";

/** Carries a message out. A host call that has failed is an answer like any other. */
export function handle(message: Uint8Array): Reply {
  const command = new Command(message);
  const name = command.name;
  if (name == "conformance") return Reply.text("caxton-conformance 1 assemblyscript");
  if (name == "echo") return Reply.bytes(command.body);
  if (name == "empty") return Reply.none();
  if (name == "repeat") return Reply.bytes(repeat(command.body, command.integer(0)));
  if (name == "fail") return Reply.failBytes(command.body);
  if (name == "panic") throw new Error(text(command.body));
  if (name == "spin") spin();
  if (name == "eat") eat();
  if (name == "count") return Reply.text((++counted).toString());
  if (name == "log") return writeLog(command);
  if (name == "print") return print(command);
  if (name == "then") return then(command);
  if (name == "context") return calls.data(contextJson());
  if (name == "envelope") return calls.data(envelopeJson());
  if (name == "tools") return calls.data(listTools());
  if (name == "now") return Reply.text(now().toString());
  if (name == "monotonic") return Reply.text(monotonic().toString());
  if (name == "random") return Reply.bytes(random(command.integer(0)));
  if (name == "sleep") return calls.ok(sleep(command.milliseconds(0)));
  return calls.run(command);
}

function repeat(bytes: Uint8Array, count: i32): Uint8Array {
  const found = new Uint8Array(bytes.length * count);
  for (let i = 0; i < count; i++) found.set(bytes, i * bytes.length);
  return found;
}

function spin(): void {
  while (true) {}
}

const eaten: Uint8Array[] = [];

function eat(): void {
  while (true) eaten.push(new Uint8Array(65536));
}

let counted = 0;

function writeLog(command: Command): Reply {
  const levels = ["trace", "debug", "info", "warning", "error"];
  log(<Level>levels.indexOf(command.argument(0)), text(command.body));
  return Reply.none();
}

function print(command: Command): Reply {
  console.log(text(command.body));
  return Reply.none();
}

/** Two commands in one turn. */
function then(command: Command): Reply {
  const at = command.integer(0);
  const first = handle(command.body.slice(0, at));
  if (first.failed) return first;
  const second = handle(command.body.slice(at));
  if (second.failed) return second;
  return Reply.bytes(calls.joined([first.payload, second.payload]));
}
