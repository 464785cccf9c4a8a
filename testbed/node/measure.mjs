// Timing, the same for every library.
const ROUNDS = 15;

/** Median nanoseconds of one call: a quarter of the time warms up, the rest is `ROUNDS` rounds. */
export function nanos(run, seconds) {
  const warmUp = process.hrtime.bigint() + BigInt(Math.round((seconds / 4) * 1e9));
  let calls = 0;
  for (; calls === 0 || process.hrtime.bigint() < warmUp; calls++) run();
  // As many calls a round as the warm-up says fit: the clock must not be read around each.
  const perRound = Math.max(1, Math.round((calls * 3) / ROUNDS));
  const rounds = Array.from({ length: ROUNDS }, () => {
    const start = process.hrtime.bigint();
    for (let call = 0; call < perRound; call++) run();
    return Number(process.hrtime.bigint() - start) / perRound;
  });
  return Math.round(rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]);
}
