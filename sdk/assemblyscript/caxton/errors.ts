import { isText, text } from "./bytes";

/** Why a host call failed. */
export enum Kind {
  /** There is no such value, handle, timer or subscription; or nothing to answer. */
  NotFound = -1,
  /** Not granted. */
  Denied = -2,
  /** Not UTF-8, not the right JSON, a bad name, topic or time. */
  BadArgument = -3,
  /** A budget is used up, or something is too large. */
  Limit = -4,
  /** The time is up. */
  Timeout = -5,
  /** The other side refused, failed or trapped; `data` is what it said. */
  Failed = -6,
  /** Agents would wait for each other for ever. */
  Cycle = -7,
  /** The other agent's mailbox is full. */
  MailboxFull = -8,
  /** There is no such agent or tool. */
  Unknown = -9,
  /** The other agent has stopped. */
  Stopped = -10,
}

/** A host call that failed. */
export class HostError {
  constructor(
    /** The host call: `ask`. */
    readonly call: string,
    readonly kind: Kind,
    /** Caxton's code, such as `grant.denied`; empty where there is none. */
    readonly code: string,
    /** A sentence; or, where `kind` is `Failed`, what the other side said. */
    readonly data: Uint8Array,
    /** Of a reply that was no answer: `failure`, `refuse` or `not-understood`. */
    readonly performative: string,
    /** Of that reply. */
    readonly headers: Map<string, string>,
    /** Whether trying again later makes sense. */
    readonly retryable: bool
  ) {}

  /** The kind's name: `not-found`. */
  get kindName(): string {
    switch (this.kind) {
      case Kind.NotFound:
        return "not-found";
      case Kind.Denied:
        return "denied";
      case Kind.BadArgument:
        return "bad-argument";
      case Kind.Limit:
        return "limit";
      case Kind.Timeout:
        return "timeout";
      case Kind.Failed:
        return "failed";
      case Kind.Cycle:
        return "cycle";
      case Kind.MailboxFull:
        return "mailbox-full";
      case Kind.Unknown:
        return "unknown";
      case Kind.Stopped:
        return "stopped";
      default:
        return (<i32>this.kind).toString();
    }
  }

  /** What failed and why, in one line. */
  toString(): string {
    let line = this.call + ": " + this.kindName;
    if (this.code.length > 0) line += " (" + this.code + ")";
    if (this.data.length > 0 && this.data.length <= 1000 && isText(this.data)) line += ": " + text(this.data);
    return line;
  }
}

/** What became of a call that gives nothing. */
export class Outcome {
  constructor(
    /** What went wrong; null where nothing did. */
    readonly error: HostError | null = null
  ) {}

  /** Whether all went well. */
  get ok(): bool {
    return this.error === null;
  }

  /** Ends the turn, with the error in the log, where not all went well. */
  expect(): void {
    const error = this.error;
    if (error !== null) throw new Error(error.toString());
  }
}

/** What became of a call that gives something. */
export class Result<T> extends Outcome {
  constructor(
    private found: T,
    error: HostError | null = null
  ) {
    super(error);
  }

  /** A result that is none. */
  static none<T>(error: HostError): Result<T> {
    return new Result<T>(nothing<T>(), error);
  }

  /** What the call gave. Where it failed this ends the turn, with the error in the log: look at `ok` before. */
  get value(): T {
    this.expect();
    return this.found;
  }

  /** What the call gave, or `other` where it failed. */
  or(other: T): T {
    return this.ok ? this.found : other;
  }
}

function nothing<T>(): T {
  if (isReference<T>()) {
    return changetype<T>(0); // nobody sees it: `value` ends the turn
  } else {
    return <T>0;
  }
}
