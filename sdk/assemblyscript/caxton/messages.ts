import { text, utf8 } from "./bytes";
import { Envelope } from "./envelope";
import { Outcome, Result } from "./errors";
import * as host from "./imports";
import { bytes, done } from "./result";

/** Queues an `inform` to an agent, which must be among the agent's peers. */
export function tell(to: string, payload: Uint8Array): Outcome {
  const name = utf8(to);
  return done("tell", host.tell(name.dataStart, name.length, payload.dataStart, payload.length));
}

/**
 * Queues an envelope. One whose `inReplyTo` is the `replyWith` of the message that is being handled, or a token of
 * `defer`, is the reply to it: it needs no grant and no receiver.
 */
export function send(envelope: Envelope, payload: Uint8Array): Outcome {
  return sendJson(utf8(envelope.toString()), payload);
}

/** The same with the envelope as JSON. */
export function sendJson(envelope: Uint8Array, payload: Uint8Array): Outcome {
  const answer = host.send_envelope(envelope.dataStart, envelope.length, payload.dataStart, payload.length);
  return done("send_envelope", answer);
}

/** Queues a message to everybody who is subscribed to a topic. */
export function publish(topic: string, payload: Uint8Array): Outcome {
  const name = utf8(topic);
  return done("publish", host.publish(name.dataStart, name.length, payload.dataStart, payload.length));
}

/** Begins a subscription to a topic or a pattern: `news.>`, `news.*.sport`. */
export function subscribe(topic: string): Outcome {
  const name = utf8(topic);
  return done("subscribe", host.subscribe(name.dataStart, name.length));
}

/** Ends one. */
export function unsubscribe(topic: string): Outcome {
  const name = utf8(topic);
  return done("unsubscribe", host.unsubscribe(name.dataStart, name.length));
}

/** Sends a part of the reply, now, to who streams it. */
export function emit(part: Uint8Array): Outcome {
  return done("emit", host.emit(part.dataStart, part.length));
}

/**
 * Says that no reply comes at the end of this turn. The result is a token: the `inReplyTo` of the envelope that a later
 * turn replies with.
 */
export function defer(): Result<string> {
  const token = bytes("defer", host.defer());
  const error = token.error;
  return error !== null ? Result.none<string>(error) : new Result<string>(text(token.value));
}
