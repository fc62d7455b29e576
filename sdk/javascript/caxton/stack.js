// Where an exception comes from: QuickJS names places in the one file that the agent was bundled into, and `caxton build`
// puts the source map (ECMA-426) before it, one text for each line, with where each begins. Only one line is then decoded.

import { HostError } from "./errors.js";

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PLACE = /\(?\/?bundle\.js:(\d+):(\d+)\)?/;
const FRAMES = 32;

/** What was thrown, as lines: the message, then where it comes from. */
export function described(thrown) {
  if (!(thrown instanceof Error)) return [`uncaught: ${shortly(thrown)}`];
  const code = thrown instanceof HostError ? `${thrown.code ?? thrown.kind}: ` : "";
  const lines = `${thrown.name}: ${code}${thrown.message}`.split("\n");
  const frames = String(thrown.stack ?? "").split("\n").filter((line) => line.trim() !== "");
  lines.push(...frames.slice(0, FRAMES).map((line) => `    ${mapped(line.trim())}`));
  if (thrown.cause !== undefined && lines.length < 4 * FRAMES) lines.push("caused by:", ...described(thrown.cause));
  return lines;
}

function shortly(thrown) {
  try {
    return typeof thrown === "object" ? JSON.stringify(thrown) : String(thrown);
  } catch {
    return typeof thrown;
  }
}

/** A line of a stack, with a place in the agent's sources in place of one in the bundle. */
function mapped(line) {
  const found = PLACE.exec(line);
  const place = found && original(globalThis.__caxton_map, Number(found[1]), Number(found[2]));
  return place ? line.replace(PLACE, `(${place})`) : line;
}

/** The last segment of a line that begins at a column or before it. */
function original({ sources, lines, begins }, line, column) {
  let at = 1;
  let [source, row, place] = begins[line - 1] ?? [];
  let best = null;
  for (const segment of lines[line - 1]?.split(",") ?? []) {
    const [step, ...rest] = numbers(segment);
    at += step;
    if (at > column) break;
    if (rest.length < 3) continue;
    source += rest[0];
    row += rest[1];
    place += rest[2];
    best = `${sources[source]}:${row}:${place}`;
  }
  return best;
}

/** The numbers of a segment, in base 64 VLQ: each the difference to the one before. */
function numbers(segment) {
  const found = [];
  let [value, shift] = [0, 0];
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits < 32) {
      found.push(value & 1 ? -(value >>> 1) : value >>> 1);
      [value, shift] = [0, 0];
    }
  }
  return found;
}
