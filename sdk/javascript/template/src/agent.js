// {{name}}: one function from a message to its reply.

import { Failure, state } from "../caxton/index.js";

/** Greets whoever the message names.
 * @type {import("../caxton/index.js").Handler} */
export default function handle(message) {
  if (message.text === "") throw new Failure("whom shall I greet?");
  console.log(`greeting ${message.text}`);
  state.put("last", message.text);
  return `hello, ${message.text}`;
}
