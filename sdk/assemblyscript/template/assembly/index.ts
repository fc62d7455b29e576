// {{name}}: greets whoever it is told of, and remembers who came last.

import { Reply, statePut, text } from "../caxton";

/** Answers one message. */
export function handle(message: Uint8Array): Reply {
  if (message.length == 0) return Reply.fail("whom shall I greet?"); // the asker gets an error

  const kept = statePut("last", message).error;
  if (kept !== null) return Reply.error(kept);

  return Reply.text("hello, " + text(message));
}
