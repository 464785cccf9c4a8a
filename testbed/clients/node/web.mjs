// OpenFeature's OFREP provider for the web: one request for all flags, then polling with the tag of the last answer.
import assert from 'node:assert/strict';
import { ClientProviderEvents, OpenFeature } from '@openfeature/web-sdk';
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { check, deploy, end, evaluations, recorder, takeDown, until } from './lab.mjs';

const POLL_MS = 100;

// All that the provider wants of a browser.
const stored = new Map();
globalThis.localStorage = {
  getItem: (key) => stored.get(key) ?? null,
  setItem: (key, value) => stored.set(key, value),
  removeItem: (key) => stored.delete(key),
};

let domains = 0;

/** A client with its events and calls, in a domain of its own; closes it after `body`. */
async function withClient(options, context, body) {
  const domain = `domain-${++domains}`;
  const { calls, fetch } = recorder();
  const client = OpenFeature.getClient(domain);
  const events = [];
  for (const event of Object.values(ClientProviderEvents)) client.addHandler(event, (details) => events.push({ event, ...details }));
  const provider = new OFREPWebProvider({ cacheMode: 'disabled', ...options, fetchImplementation: fetch });
  await OpenFeature.setContext(domain, context);
  const ready = OpenFeature.setProviderAndWait(domain, provider);
  const named = (event) => events.filter((each) => each.event === event);
  try {
    await body({ client, calls, named, ready, setContext: (context) => OpenFeature.setContext(domain, context) });
  } finally {
    await provider.onClose();
  }
}

const { url, client_key: key } = await deploy();
const headers = [['Authorization', `Bearer ${key}`]];
const keyed = { baseUrl: url, headers };
const ada = { targetingKey: 'ada' };

await withClient(keyed, {}, async ({ client, setContext, ready }) => {
  await ready;
  let current = '{}';
  await evaluations('web', async (method, row, context) => {
    if (JSON.stringify(context) !== current) await setContext(context);
    current = JSON.stringify(context);
    return client[method](row.flag, row.default);
  });
});

await check('as the README has it', async () => {
  await OpenFeature.setContext({ targetingKey: 'cid' });
  // README.md has this line.
  await OpenFeature.setProviderAndWait(new OFREPWebProvider({ baseUrl: url, headers: [['X-API-Key', key]], pollInterval: 30_000 }));
  assert.equal(OpenFeature.getClient().getStringValue('rollout', '-'), 'c');
  await OpenFeature.clearProviders();
});

await check('polling is answered with 304 as long as nothing changes', () =>
  withClient({ ...keyed, pollInterval: POLL_MS }, ada, async ({ calls, named, ready }) => {
    await ready;
    await until('three more calls', () => calls.filter((call) => call.status).length >= 4);
    assert.deepEqual(calls.slice(0, 4).map((call) => call.status), [200, 304, 304, 304]);
    assert.equal(calls[0].tag, null);
    assert.match(calls[1].tag, /^"[0-9a-f]+"$/);
    assert.equal(named(ClientProviderEvents.ConfigurationChanged).length, 0);
  }));

await check('a changed context is answered anew, though the tag is sent', () =>
  withClient(keyed, { ...ada, stars: 1, user: { email: 'ada@example.com' } }, async ({ client, calls, ready, setContext }) => {
    await ready;
    assert.equal(client.getStringValue('gold', '-'), 'plain');
    await setContext({ ...ada, stars: 100, user: { email: 'ada@example.com' } });
    assert.equal(client.getStringValue('gold', '-'), 'gold');
    await setContext({ ...ada, stars: 200, user: { email: 'ada@example.com' } });
    assert.equal(client.getStringValue('gold', '-'), 'gold');
    await setContext({ targetingKey: 'bob' });
    assert.equal(client.getStringValue('gold', '-'), 'plain');
    assert.equal(client.getStringValue('rollout', '-'), 'b');
    // The third context has other attributes and the same answer. Another user's tag is not sent.
    assert.deepEqual(calls.map((call) => call.status), [200, 200, 304, 200]);
    assert.deepEqual(calls.map((call) => call.tag !== null), [false, true, true, false]);
  }));

await check('what is stored in the browser is asked about by its tag', async () => {
  const options = { ...keyed, cacheMode: 'local-cache-first', cacheKeyGenerator: ({ targetingKey }) => targetingKey };
  await withClient(options, ada, async ({ calls, ready }) => {
    await ready;
    assert.deepEqual(calls.map((call) => call.status), [200]);
  });
  await withClient(options, ada, async ({ client, calls, ready }) => {
    await ready;
    const got = client.getStringDetails('text', '-');
    assert.deepEqual([got.value, got.reason], ['héllo "you" ☕', 'CACHED']);
    await until('the answer', () => calls[0]?.status);
    assert.deepEqual([calls[0].status, calls[0].tag !== null], [304, true]);
  });
});

for (const [what, wrong] of [['a wrong key', [['Authorization', 'Bearer x']]], ['no key', []]]) {
  await check(`${what} is fatal`, () =>
    withClient({ ...keyed, headers: wrong }, ada, async ({ client, ready, calls }) => {
      await assert.rejects(ready);
      assert.equal(calls[0].status, 401);
      assert.equal(client.providerStatus, 'FATAL');
      assert.equal(client.getStringValue('text', '-'), '-');
    }));
}

await check('a context that is refused', () =>
  withClient(keyed, { targetingKey: 'x'.repeat(1_025) }, async ({ client, ready, calls }) => {
    await assert.rejects(ready);
    assert.equal(calls[0].status, 400);
    assert.equal(client.providerStatus, 'ERROR');
  }));

await check('a server that is down while it is polled, and comes back with another ruleset', () =>
  withClient({ ...keyed, pollInterval: POLL_MS }, ada, async ({ client, named, ready, setContext }) => {
    await ready;
    const changed = ClientProviderEvents.ConfigurationChanged;
    await takeDown();
    await until('STALE', () => client.providerStatus === 'STALE');
    assert.equal(client.getStringValue('text', '-'), 'héllo "you" ☕');
    assert.equal(named(changed).length, 0);
    await deploy({ defaults: { text: 'bye', int: 'none' } });
    await until('the change', () => named(changed).length > 0);
    assert.deepEqual(named(changed)[0].flagsChanged.toSorted(), ['int', 'text']);
    assert.deepEqual([client.getStringValue('text', '-'), client.getNumberValue('int', 7)], ['bye', 0]);
    // 0.4.3 has fresh values and calls itself stale: no poll makes it ready, the next context does.
    await setContext({ ...ada, stars: 1 });
    assert.equal(client.providerStatus, 'READY');
  }));

await check('a limit of requests while it polls', async () => {
  await deploy();
  await withClient({ ...keyed, pollInterval: POLL_MS }, ada, async ({ client, calls, named, ready }) => {
    await ready;
    await deploy({ limit: { requests: 0, seconds: 2 } });
    await until('429', () => calls.some((call) => call.status === 429));
    await until('STALE', () => client.providerStatus === 'STALE');
    const refused = calls.findIndex((call) => call.status === 429);
    assert.equal(calls[refused].retryAfter, '2');
    assert.equal(client.getStringValue('text', '-'), 'héllo "you" ☕');
    await deploy({ defaults: { text: 'bye' } });
    await until('the change', () => named(ClientProviderEvents.ConfigurationChanged).length > 0);
    assert.ok(calls[refused + 1].at - calls[refused].at >= 2_000, 'it asked though it was told to wait');
    assert.equal(client.getStringValue('text', '-'), 'bye');
  });
});

await check("DevCycle's rulesets", async () => {
  await deploy({ ruleset: 'coffee-shop' });
  await withClient(keyed, { ...ada, stars: 120, country: 'FR' }, async ({ client, ready }) => {
    await ready;
    assert.deepEqual([client.getBooleanValue('platinum', false), client.getNumberValue('max-items', 7)], [true, 40]);
    assert.equal(client.getObjectValue('pricing', {}).currency, 'EUR');
    assert.equal(client.getStringDetails('checkout', '-').reason, 'SPLIT');
  });
});

await check('a service that cannot decide', async () => {
  await deploy({ ruleset: 'none' });
  await withClient(keyed, ada, async ({ client, ready, calls }) => {
    await assert.rejects(ready);
    assert.deepEqual([calls[0].status, client.providerStatus], [503, 'ERROR']);
  });
});

await check('an open environment, without a key', async () => {
  await deploy({ auth: 'open' });
  await withClient({ baseUrl: url }, { targetingKey: 'cid' }, async ({ client, ready }) => {
    await ready;
    const got = client.getStringDetails('rollout', '-');
    assert.deepEqual([got.value, got.reason], ['c', 'TARGETING_MATCH']);
  });
});

await OpenFeature.close();
end();
