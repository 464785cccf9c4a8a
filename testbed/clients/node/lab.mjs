// What the programs share. A program drives: it asks the test for a deployment on standard output, gets the address on standard input, and
// tells what held. `testbed/src/clients/talk.rs` is the other end.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

// Libraries log with these. Standard output is for the test.
console.log = console.info = console.debug = console.error;

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function ask(question) {
  say(question);
  const { value, done } = await answers.next();
  if (done) throw new Error('the test has gone');
  return JSON.parse(value);
}

/**
 * Has the service run like this, at the same address as before: `auth` (`key` or `open`), `limit` (the setting `rate_limit`), `defaults`
 * (other default variants, by flag), `ruleset` (`flags`, `coffee-shop`, `none`), `user_data`. Gives `url`, and the keys `key` and `client_key`.
 */
export const deploy = (deployment = {}) => ask({ deploy: deployment });

/** Stops the service. */
export const takeDown = () => ask({ down: true });

/** Runs a check and tells how it went. Later checks run all the same. */
export async function check(name, body) {
  try {
    await body();
    say({ passed: name });
  } catch (error) {
    process.exitCode = 1;
    say({ failed: name, why: error.stack ?? String(error) });
  }
}

/** To be called at the end: nothing may keep the program alive. */
export function end() {
  process.stdin.destroy();
}

/** Waits until `held` gives something true. */
export async function until(what, held, limitMs = 20_000) {
  const deadline = Date.now() + limitMs;
  while (!held()) {
    if (Date.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`);
    await sleep(10);
  }
}

/** A fetch that keeps an account of what was sent and answered. */
export function recorder() {
  const calls = [];
  const fetchAndNote = async (...given) => {
    const request = new Request(...given);
    const call = { at: Date.now(), tag: request.headers.get('if-none-match') };
    calls.push(call);
    const response = await fetch(request);
    call.status = response.status;
    call.retryAfter = response.headers.get('retry-after');
    return response;
  };
  return { calls, fetch: fetchAndNote };
}

const METHODS = { boolean: 'getBooleanDetails', string: 'getStringDetails', integer: 'getNumberDetails', float: 'getNumberDetails', object: 'getObjectDetails' };

/** What the client says about each row of `evaluations.json`; `evaluate(method, row, context)` asks it. */
export async function evaluations(provider, evaluate) {
  const rows = JSON.parse(readFileSync(new URL('evaluations.json', import.meta.url), 'utf8'));
  for (const row of rows) {
    const wanted = { ...row, ...row.except?.[provider] };
    await check(`${row.flag} as ${row.type} for ${JSON.stringify(row.context ?? {})}`, async () => {
      const context = { ...row.context };
      for (const date of row.dates ?? []) context[date] = new Date(context[date]);
      const got = await evaluate(METHODS[row.type], row, context);
      assert.deepEqual(got.value, wanted.value);
      assert.equal(got.reason, wanted.reason, got.errorMessage);
      assert.equal(got.variant ?? null, wanted.variant);
      assert.equal(got.errorCode, wanted.error);
      if (wanted.metadata) assert.deepEqual(got.flagMetadata, wanted.metadata);
    });
  }
}
