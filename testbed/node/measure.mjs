// Timing, the same for every library.
import { readFileSync } from "node:fs";

const ROUNDS = 15;

/** Nanoseconds that the main thread has computed, exact to some milliseconds; elsewhere than on Linux, the clock on the wall. */
function computed() {
  try {
    return BigInt(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]);
  } catch {
    return process.hrtime.bigint();
  }
}

/** Median nanoseconds of one call: a quarter of the time warms up, the rest is `ROUNDS` rounds. */
export function nanos(run, seconds) {
  const warmUp = process.hrtime.bigint() + BigInt(Math.round((seconds / 4) * 1e9));
  let calls = 0;
  for (; calls === 0 || process.hrtime.bigint() < warmUp; calls++) run();
  // As many calls a round as the warm-up says fit: the clock must not be read around each, and a round must be long beside its grain.
  const perRound = Math.max(1, Math.round((calls * 3) / ROUNDS));
  const rounds = Array.from({ length: ROUNDS }, () => {
    const start = computed();
    for (let call = 0; call < perRound; call++) run();
    return Number(computed() - start) / perRound;
  });
  return Math.round(rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]);
}
