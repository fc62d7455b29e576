import { text } from "./bytes";
import { Result } from "./errors";
import * as host from "./imports";
import { Json, JsonKind, quote } from "./json";
import { bytes } from "./result";

/** What there is to say about a message besides its payload. Empty fields are left out. */
export class Envelope {
  /** Set by the host. */
  sender: string = "";
  /** Agents, or `tool:NAME`; a reply may leave it out. */
  receiver: string[] = [];
  conversationId: string = "";
  /** Asks for a reply, which will carry this as its `inReplyTo`. */
  replyWith: string = "";
  /** The `replyWith` that this answers, or a token of `defer`. */
  inReplyTo: string = "";
  /** RFC 3339: after it nobody wants the message. */
  replyBy: string = "";
  ontology: string = "";
  language: string = "";
  contentType: string = "";
  /** Set by the host. */
  id: string = "";
  headers: Map<string, string> = new Map<string, string>();

  constructor(
    /** `request`, `inform`, `cfp`, ... */
    public performative: string = "inform"
  ) {}

  /** Reads an envelope as the host writes it. */
  static parse(source: string): Envelope {
    const json = Json.parse(source);
    const found = new Envelope(json.get("performative").text);
    const receiver = json.get("receiver");
    found.sender = json.get("sender").text;
    found.receiver = receiver.kind == JsonKind.List ? receiver.list() : [receiver.text];
    found.conversationId = json.get("conversation-id").text;
    found.replyWith = json.get("reply-with").text;
    found.inReplyTo = json.get("in-reply-to").text;
    found.replyBy = json.get("reply-by").text;
    found.ontology = json.get("ontology").text;
    found.language = json.get("language").text;
    found.contentType = json.get("content-type").text;
    found.id = json.get("id").text;
    found.headers = json.get("headers").texts();
    return found;
  }

  /** Writes the envelope as `sendJson` takes it. */
  toString(): string {
    let json = '{"performative":' + quote(this.performative);
    if (this.receiver.length > 0) {
      json += ',"receiver":[' + this.receiver.map<string>((name) => quote(name)).join(",") + "]";
    }
    json += field("conversation-id", this.conversationId);
    json += field("reply-with", this.replyWith);
    json += field("in-reply-to", this.inReplyTo);
    json += field("reply-by", this.replyBy);
    json += field("ontology", this.ontology);
    json += field("language", this.language);
    json += field("content-type", this.contentType);
    const names = this.headers.keys();
    for (let i = 0; i < names.length; i++) {
      json += (i == 0 ? ',"headers":{' : ",") + quote(names[i]) + ":" + quote(this.headers.get(names[i]));
    }
    return json + (names.length > 0 ? "}}" : "}");
  }
}

function field(name: string, value: string): string {
  return value.length > 0 ? "," + quote(name) + ":" + quote(value) : "";
}

/** The envelope of the message that is being handled. While the agent starts there is none: `NotFound`. */
export function envelope(): Result<Envelope> {
  const raw = envelopeJson();
  const error = raw.error;
  if (error !== null) return Result.none<Envelope>(error);
  return new Result<Envelope>(Envelope.parse(text(raw.value)));
}

/** The same as the host writes it. */
export function envelopeJson(): Result<Uint8Array> {
  return bytes("envelope", host.envelope());
}
