// OpenFeature's OFREP provider for servers: a request for each evaluation.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpenFeature } from '@openfeature/server-sdk';
import { OFREPProvider } from '@openfeature/ofrep-provider';
import { check, deploy, end, evaluations, recorder, takeDown } from './lab.mjs';

async function clientOf(options) {
  await OpenFeature.setProviderAndWait(new OFREPProvider(options));
  return OpenFeature.getClient();
}

const { url, key } = await deploy();
const keyed = { baseUrl: url, headers: [['X-API-Key', key]] };

// README.md has this line.
await OpenFeature.setProviderAndWait(new OFREPProvider({ baseUrl: url, headers: [['X-API-Key', key]] }));
const client = OpenFeature.getClient();
await evaluations('server', (method, row, context) => client[method](row.flag, row.default, context));

await check('a bearer token', async () => {
  const client = await clientOf({ baseUrl: url, headersFactory: async () => [['Authorization', `Bearer ${key}`]] });
  assert.equal((await client.getBooleanDetails('bool', false)).reason, 'STATIC');
});

await check('a base address that ends in a slash', async () => {
  const client = await clientOf({ ...keyed, baseUrl: `${url}/` });
  assert.equal((await client.getBooleanDetails('bool', false)).reason, 'STATIC');
});

await check('a selector of a flag set', async () => {
  const client = await clientOf({ baseUrl: url, headers: [['X-API-Key', key], ['Flagd-Selector', 'flagSetId=other']] });
  assert.equal((await client.getBooleanDetails('elsewhere', false)).reason, 'STATIC');
  assert.equal((await client.getBooleanDetails('bool', false)).errorCode, 'FLAG_NOT_FOUND');
});

await check('a context that is refused', async () => {
  const client = await clientOf(keyed);
  const got = await client.getBooleanDetails('bool', false, { targetingKey: 'x'.repeat(1_025) });
  assert.deepEqual([got.errorCode, got.value], ['INVALID_CONTEXT', false]);
});

for (const [what, headers] of [['a wrong key', [['X-API-Key', `${key}x`]]], ['no key', []]]) {
  await check(what, async () => {
    const { fetch, calls } = recorder();
    const client = await clientOf({ baseUrl: url, headers, fetchImplementation: fetch });
    const got = await client.getBooleanDetails('bool', false);
    assert.deepEqual([got.errorCode, got.value, calls[0].status], ['GENERAL', false, 401]);
  });
}

await check('a limit of requests, the pause that it asks for, and the time after it', async () => {
  await deploy({ limit: { requests: 0, seconds: 2 } });
  const { fetch, calls } = recorder();
  const client = await clientOf({ ...keyed, fetchImplementation: fetch });
  assert.equal((await client.getBooleanDetails('bool', false)).errorCode, 'GENERAL');
  assert.deepEqual([calls.length, calls[0].status, calls[0].retryAfter], [1, 429, '2']);
  const paused = await client.getBooleanDetails('bool', false);
  assert.match(paused.errorMessage, /paused due to TooManyRequests/);
  assert.equal(calls.length, 1, 'it asked though it was told to wait');
  await deploy();
  await sleep(Math.max(0, calls[0].at + 2_500 - Date.now()));
  assert.equal((await client.getBooleanDetails('bool', false)).value, true);
});

await check('a restart with another ruleset', async () => {
  const client = await clientOf(keyed);
  assert.equal(await client.getStringValue('text', '-'), 'héllo "you" ☕');
  await takeDown();
  const down = await client.getStringDetails('text', '-');
  assert.deepEqual([down.errorCode, down.value], ['GENERAL', '-']);
  await deploy({ defaults: { text: 'bye' } });
  assert.equal(await client.getStringValue('text', '-'), 'bye');
});

await check("DevCycle's rulesets", async () => {
  await deploy({ ruleset: 'coffee-shop' });
  const client = await clientOf(keyed);
  const context = { targetingKey: 'ada', stars: 120, country: 'FR' };
  assert.equal(await client.getBooleanValue('platinum', false, context), true);
  assert.equal(await client.getNumberValue('max-items', 7, context), 40);
  assert.equal((await client.getObjectValue('pricing', {}, context)).currency, 'EUR');
  assert.equal((await client.getStringDetails('checkout', '-', context)).reason, 'SPLIT');
});

await check('a service that cannot decide', async () => {
  await deploy({ ruleset: 'none' });
  const { fetch, calls } = recorder();
  const client = await clientOf({ ...keyed, fetchImplementation: fetch });
  const got = await client.getStringDetails('text', '-');
  assert.deepEqual([got.errorCode, got.value, calls[0].status], ['GENERAL', '-', 503]);
});

await check('an open environment, without a key', async () => {
  await deploy({ auth: 'open' });
  const client = await clientOf({ baseUrl: url });
  const got = await client.getStringDetails('gold', '-', { targetingKey: 'ada', stars: 100, user: { email: 'a@example.com' } });
  assert.deepEqual([got.value, got.reason], ['gold', 'TARGETING_MATCH']);
});

await OpenFeature.close();
end();
