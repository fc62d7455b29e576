// {{name}}: one function from a message to its reply.

import { type Message, log } from "../caxton/index.js";

export default function handle(message: Message): string {
  log("info", `a message from ${message.sender}`);
  return `Hello, ${message.text}!`;
}
