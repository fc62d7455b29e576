// {{name}}: one function from a message to its reply.

import { log } from "../caxton/index.js";

/** @type {import("../caxton/index.js").Handler} */
export default function handle(message) {
  log("info", `a message from ${message.sender}`);
  return `Hello, ${message.text}!`;
}
