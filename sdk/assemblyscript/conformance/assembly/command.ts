import { text } from "../caxton";

/** A message taken apart: a first line of words, and the body behind it. */
export class Command {
  private words: string[];
  readonly body: Uint8Array;

  constructor(message: Uint8Array) {
    const end = message.indexOf(0x0a);
    this.words = text(end < 0 ? message : message.subarray(0, end)).split(" ");
    this.body = end < 0 ? new Uint8Array(0) : message.subarray(end + 1);
  }

  get name(): string {
    return this.words[0];
  }

  /** How many arguments there are. */
  get count(): i32 {
    return this.words.length - 1;
  }

  argument(at: i32): string {
    return at < this.count ? this.words[at + 1] : "";
  }

  integer(at: i32): i32 {
    return <i32>I32.parseInt(this.argument(at));
  }

  milliseconds(at: i32): i64 {
    return I64.parseInt(this.argument(at));
  }
}
