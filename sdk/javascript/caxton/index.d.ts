/** Caxton for agents in JavaScript and TypeScript. */

/** Text is a string, bytes are a Uint8Array. What an agent is given is a string where it is UTF-8. */
export type Payload = string | Uint8Array;

/** The communicative acts of the FIPA ACL specification. */
export type Performative =
  | "accept-proposal" | "agree" | "cancel" | "cfp" | "confirm" | "disconfirm" | "failure" | "inform" | "inform-if"
  | "inform-ref" | "not-understood" | "propagate" | "propose" | "proxy" | "query-if" | "query-ref" | "refuse"
  | "reject-proposal" | "request" | "request-when" | "request-whenever" | "subscribe";

export type Level = "trace" | "debug" | "info" | "warning" | "error";

/** What went wrong in a host call; `code` says it exactly. */
export type ErrorKind =
  | "not-found" | "denied" | "bad-argument" | "limit" | "timeout" | "failed" | "cycle" | "mailbox-full" | "unknown"
  | "stopped";

/**
 * What an agent exports as its default: from a message to the payload of the reply. Nothing is an empty reply.
 * A `Failure` that it throws is a reply too; any other exception is logged and ends the instance.
 */
export type Handler = (message: Message) => Payload | void;

/** The message that an agent handles. */
export declare class Message {
  private constructor();
  readonly payload: Payload;
  /** The payload as text. Bytes that are not UTF-8 end the turn with a failure that says so. */
  get text(): string;
  /** The payload as bytes. */
  get bytes(): Uint8Array;
  /** The payload read as JSON. What is not JSON, or nested too deep, ends the turn with a failure that says so. */
  json(): any;
  readonly performative: Performative;
  /** An agent's name; or `@user`, `@host`, `@timer`, `@tool`. */
  readonly sender: string;
  readonly receivers: string[];
  readonly conversationId: string | null;
  readonly replyWith: string | null;
  readonly inReplyTo: string | null;
  readonly replyBy: string | null;
  readonly ontology: string | null;
  readonly language: string | null;
  readonly contentType: string | null;
  readonly id: string;
  readonly headers: Record<string, string>;
}

/** A host call was refused or has failed. */
export declare class HostError extends Error {
  constructor(
    kind: ErrorKind,
    payload: Payload,
    more?: { code?: string | null; performative?: Performative | null; retryable?: boolean; headers?: [string, string][] },
  );
  readonly kind: ErrorKind;
  /** One of Caxton's codes, such as `grant.denied`. */
  readonly code: string | null;
  /** A sentence; or what the other side said, where `kind` is `failed`. */
  readonly payload: Payload;
  /** Of the other side's reply, where there was one. */
  readonly performative: Performative | null;
  readonly retryable: boolean;
  readonly headers: Record<string, string>;
}

/** Thrown out of the handler: the agent reports failure, with this payload. What the turn had queued is dropped. */
export declare class Failure extends Error {
  constructor(payload?: Payload);
  readonly payload: Payload;
}

/** What an asked agent has answered. */
export declare class Answer {
  private constructor();
  readonly performative: Performative;
  readonly payload: Payload;
  readonly headers: Record<string, string>;
}

/** An ask or a call of a tool that was started. It ends with the turn. */
export declare class Pending<Result> {
  private constructor();
  readonly handle: number;
  /** Whether `wait` has answered with it. */
  get done(): boolean;
  /** What it has come to. Throws what `ask` or `callTool` would have thrown. */
  get result(): Result;
  /** Gives it up. */
  cancel(): void;
}

/** An envelope without its payload. Fields may also be written as the host has them: `"in-reply-to"`. */
export interface Envelope {
  performative: Performative;
  receiver?: string | string[];
  conversationId?: string;
  replyWith?: string;
  inReplyTo?: string;
  replyBy?: string | Date;
  ontology?: string;
  language?: string;
  contentType?: string;
  headers?: Record<string, string>;
  [field: string]: unknown;
}

export interface Tool {
  name: string;
  description: string;
  inputSchema: Record<string, unknown>;
}

/** Writes a line to the agent's log; `console` does too. */
export declare function log(level: Level, message: string): void;

/** This agent: its name, its parameters, which attempt this is, the deadline and the fuel left, its grants. */
export declare function context(): {
  agent: string;
  params: Record<string, any>;
  attempt: number;
  deadline_ms: number;
  fuel: number;
  grants: Record<string, string[]>;
  [more: string]: unknown;
};

/** The current envelope as the host has it, without its payload. */
export declare function envelope(): Record<string, any>;

/** Queues an `inform` to an agent. It leaves when the turn has gone well. */
export declare function tell(to: string, payload: Payload): void;

/** Queues any envelope; a string is taken as its JSON. With the `inReplyTo` of a request it is that request's reply. */
export declare function send(envelope: Envelope | string, payload?: Payload): void;

/** Queues a message to everybody who has subscribed to a topic. */
export declare function publish(topic: string, payload: Payload): void;

/** Subscribes to a topic: `*` is one token of it, `>` at the end the rest. */
export declare function subscribe(topic: string): void;
export declare function unsubscribe(topic: string): void;

/** Sends a `request` and waits for the reply, at most `timeout` ms; without one as long as the turn may last. */
export declare function ask(to: string, payload: Payload, timeout?: number): Answer;

/** The same without waiting. */
export declare function askStart(to: string, payload: Payload, timeout?: number): Pending<Answer>;

/** Calls a tool; arguments and result are values of JSON. */
export declare function callTool(name: string, args?: Record<string, unknown>): any;

/** The same, with arguments and result as JSON text. */
export declare function callToolJson(name: string, args: string): string;

/** Calls a tool without waiting. */
export declare function toolStart(name: string, args?: Record<string, unknown>, timeout?: number): Pending<any>;
export declare function toolStartJson(name: string, args: string, timeout?: number): Pending<string>;

/**
 * Waits for the first of some, those that have been waited for left out; answers its place among them all.
 * `pending[place].result` is what it came to. Throws a HostError, `bad-argument`, where none is left.
 */
export declare function wait(pending: readonly Pending<any>[], timeout?: number): number;

/** Waits for all; answers the results in their order. The first failure ends it. */
export declare function gather<Result>(pending: readonly Pending<Result>[], timeout?: number): Result[];

/** The tools that this agent may call. */
export declare function listTools(): Tool[];

/** Sends a part of the reply, now. */
export declare function emit(part: Payload): void;

/** There will be no reply at the end of this turn: the token is for `replyLater`, in a later one. */
export declare function defer(): string;

/** Answers a request that was deferred. */
export declare function replyLater(token: string, payload: Payload, performative?: Performative): void;

/** This agent's own keys and values. They outlive the instance; changes hold when the turn has gone well. */
export declare const state: {
  /** The value; undefined where there is none. */
  get(key: string): Payload | undefined;
  put(key: string, value: Payload): void;
  delete(key: string): void;
  keys(prefix?: string): string[];
};

/** A message to itself after `delay` ms, and then every `period` ms if that is not 0. The timer's id. */
export declare function setTimer(delay: number, payload: Payload, period?: number): number;
export declare function cancelTimer(id: number): void;

/** Unix time in ms, as `Date.now()`. Clocks stand still while a turn computes. */
export declare function now(): number;

/** Nanoseconds since the instance began. */
export declare function monotonic(): number;

/** Random bytes from the host, as `crypto.getRandomValues`. */
export declare function randomBytes(count: number): Uint8Array;

/** Waits without computing. */
export declare function sleep(milliseconds: number): void;

declare global {
  /** Lines of the agent's log: `log` and `info` as info, `warn` as warning, and so on. */
  var console: Record<"trace" | "debug" | "log" | "info" | "warn" | "error", (...values: unknown[]) => void>;
  var crypto: { getRandomValues<View extends ArrayBufferView>(view: View): View; randomUUID(): string };
  var performance: { now(): number; readonly timeOrigin: number };
  var TextEncoder: { new (): { readonly encoding: "utf-8"; encode(text?: string): Uint8Array } };
  var TextDecoder: {
    new (label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean }): {
      readonly encoding: "utf-8";
      decode(input?: ArrayBuffer | ArrayBufferView): string;
    };
  };
}
