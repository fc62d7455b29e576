import { utf8 } from "./bytes";
import { HostError } from "./errors";

/** What a handler answers: a reply, or that the agent has failed. */
export class Reply {
  private constructor(
    readonly payload: Uint8Array,
    readonly failed: bool
  ) {}

  /** A reply of text. */
  static text(text: string): Reply {
    return new Reply(utf8(text), false);
  }

  /** A reply of bytes. They are read when the handler has returned. */
  static bytes(bytes: Uint8Array): Reply {
    return new Reply(bytes, false);
  }

  /** An empty reply. */
  static none(): Reply {
    return new Reply(new Uint8Array(0), false);
  }

  /** The agent reports failure: what the turn has queued does not happen, and the asker gets this text. */
  static fail(text: string): Reply {
    return new Reply(utf8(text), true);
  }

  /** The same with bytes. */
  static failBytes(bytes: Uint8Array): Reply {
    return new Reply(bytes, true);
  }

  /** The same, because a host call has failed. */
  static error(error: HostError): Reply {
    return Reply.fail(error.toString());
  }
}
