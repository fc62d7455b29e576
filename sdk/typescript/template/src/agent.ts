// {{name}}: one function from a message to its reply.

import { Failure, type Message, state } from "../caxton/index.js";

/** Greets whoever the message names. */
export default function handle(message: Message): string {
  if (message.text === "") throw new Failure("whom shall I greet?");
  console.log(`greeting ${message.text}`);
  state.put("last", message.text);
  return `hello, ${message.text}`;
}
