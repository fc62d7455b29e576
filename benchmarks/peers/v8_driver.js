'use strict';
// Drives V8 isolates: node --no-node-snapshot v8_driver.js PATH_OF_ISOLATED_VM MESSAGE. The protocol is in foreign.py.
const readline = require('node:readline');
const [isolatedVm, message] = process.argv.slice(2);
const ivm = require(isolatedVm);

const GUEST = 'message => message.toUpperCase()'; // upper case for ASCII, as the message is ASCII
const answer = message.toUpperCase();
const MEMORY = { memoryLimit: 16 }; // MiB
const TIME = { timeout: 1000 }; // ms a call
const live = [];

class Unit {
  constructor() {
    this.isolate = new ivm.Isolate(MEMORY);
    const context = this.isolate.createContextSync();
    this.upper = context.evalSync(GUEST, { reference: true });
  }

  call(text) {
    return this.upper.applySync(undefined, [text], TIME);
  }

  close() {
    this.isolate.dispose();
  }
}

function check(got) {
  if (got !== answer) throw new Error('wrong answer');
}

function opened() {
  const unit = new Unit();
  check(unit.call(message));
  return unit;
}

function median(samples) {
  const sorted = Float64Array.from(samples).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function coldStarts(seconds, most) {
  opened().close();
  const samples = [];
  const end = performance.now() + seconds * 1000;
  while (samples.length < 3 || (samples.length < most && performance.now() < end)) {
    const begin = performance.now();
    const unit = new Unit();
    const got = unit.call(message);
    samples.push((performance.now() - begin) * 1000);
    check(got);
    unit.close();
  }
  return samples;
}

function roundTrips(unit, seconds) {
  const samples = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    for (let i = 0; i < 64; i++) {
      const begin = process.hrtime.bigint();
      unit.call(message);
      samples.push(Number(process.hrtime.bigint() - begin) / 1000);
    }
  }
  return samples;
}

function throughput(unit, seconds) {
  const begin = performance.now();
  let calls = 0;
  let elapsed = 0;
  while (elapsed < seconds * 1000) {
    for (let i = 0; i < 64; i++) unit.call(message);
    calls += 64;
    elapsed = performance.now() - begin;
  }
  return (calls * 1000) / elapsed;
}

function speed(coldSeconds, warmSeconds, coldMost) {
  const cold = coldStarts(coldSeconds, coldMost);
  const unit = opened();
  for (let i = 0; i < 2000; i++) check(unit.call(message));
  const warm = roundTrips(unit, warmSeconds);
  const rate = throughput(unit, warmSeconds);
  unit.close();
  return { cold_start_us: median(cold), warm_p50_us: median(warm), throughput_per_s: rate };
}

function open(count) {
  for (let i = 0; i < count; i++) live.push(opened());
  return { open: live.length };
}

const verbs = { speed, open };

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const [verb, ...words] = line.split(' ');
  let result;
  try {
    result = verbs[verb](...words.map(Number));
  } catch (error) {
    result = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(result) + '\n');
});
