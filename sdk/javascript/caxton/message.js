// The message that an agent handles.

import { Failure } from "./errors.js";
import { bytesOf, fromWit } from "./payload.js";
import { decode } from "./utf8.js";

/** A message: what was sent, and what is said about it. */
export class Message {
  constructor(envelope) {
    this.payload = fromWit(envelope.payload);
    this.performative = envelope.performative;
    this.sender = envelope.sender;
    this.receivers = envelope.receivers;
    this.conversationId = envelope.conversationId ?? null;
    this.replyWith = envelope.replyWith ?? null;
    this.inReplyTo = envelope.inReplyTo ?? null;
    this.replyBy = envelope.replyBy ?? null;
    this.ontology = envelope.ontology ?? null;
    this.language = envelope.language ?? null;
    this.contentType = envelope.contentType ?? null;
    this.id = envelope.id;
    this.headers = Object.fromEntries(envelope.headers);
  }

  /** The payload as text. Bytes that are not UTF-8 end the turn with a failure that says so. */
  get text() {
    if (typeof this.payload === "string") return this.payload;
    try {
      return decode(this.payload);
    } catch {
      throw new Failure("this message is not text");
    }
  }

  /** The payload as bytes. */
  get bytes() {
    return bytesOf(this.payload);
  }

  /** The payload read as JSON. What is not JSON, or nested too deep, ends the turn with a failure that says so. */
  json() {
    const text = this.text;
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Failure(error instanceof SyntaxError ? "this message is not JSON" : "this message is nested too deep");
    }
  }
}
