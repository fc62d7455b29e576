// Where an exception comes from: QuickJS names places in the one file that the agent was bundled into, and the source map
// (ECMA-426) that `caxton build` puts behind it leads back to the agent's own files.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PLACE = /\(?\/?bundle\.js:(\d+):(\d+)\)?/;
const FRAMES = 32;

/** What was thrown, as lines: the message, then where it comes from. */
export function described(thrown) {
  if (!(thrown instanceof Error)) return [`uncaught: ${shortly(thrown)}`];
  const lines = `${thrown.name}: ${thrown.message}`.split("\n");
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
  const map = globalThis.__caxton_map;
  const found = PLACE.exec(line);
  if (!found || !map) return line;
  const place = original(map, Number(found[1]) - 1, Number(found[2]) - 1);
  return place ? line.replace(PLACE, `(${place})`) : line;
}

/** The last segment of a line that begins at the column or before it. */
function original(map, line, column) {
  let [source, row, place] = [0, 0, 0];
  let best = null;
  const lines = map.mappings.split(";");
  for (let number = 0; number <= line && number < lines.length; number++) {
    let at = 0;
    for (const segment of lines[number] === "" ? [] : lines[number].split(",")) {
      const [step, ...rest] = numbers(segment);
      at += step;
      if (rest.length < 3) continue;
      source += rest[0];
      row += rest[1];
      place += rest[2];
      if (number === line && at <= column) best = `${map.sources[source]}:${row + 1}:${place + 1}`;
    }
  }
  return best;
}

/** The numbers of a segment, in base 64 VLQ. */
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
