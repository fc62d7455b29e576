// What a host call throws, and what an agent throws to report failure.

/** A host call was refused or has failed. */
export class HostError extends Error {
  /**
   * @param {string} kind one of the ten kinds, such as "denied"
   * @param {string | Uint8Array} payload a sentence, or what the other side has said
   * @param {{code?: string | null, performative?: string | null, retryable?: boolean, headers?: [string, string][]}} more
   */
  constructor(kind, payload, more = {}) {
    super(typeof payload === "string" ? payload : `${kind}: ${payload.length} bytes`);
    this.kind = kind;
    this.payload = payload;
    this.code = more.code ?? null;
    this.performative = more.performative ?? null;
    this.retryable = more.retryable ?? false;
    this.headers = Object.fromEntries(more.headers ?? []);
  }

  get name() {
    return "HostError";
  }
}

/** Thrown out of `handle`: the agent reports failure, with this as the failure's payload. */
export class Failure extends Error {
  /** @param {string | Uint8Array} payload */
  constructor(payload = "") {
    super(typeof payload === "string" ? payload : `${payload.length} bytes`);
    this.payload = payload;
  }

  get name() {
    return "Failure";
  }
}
