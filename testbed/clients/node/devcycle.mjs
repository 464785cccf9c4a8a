// DevCycle's SDK for Node, asking its Bucketing API ("cloud bucketing").
import assert from 'node:assert/strict';
import { initializeDevCycle } from '@devcycle/nodejs-server-sdk';
import { check, deploy, end } from './lab.mjs';

const coffeeShop = { ruleset: 'coffee-shop' };
const { url, key } = await deploy(coffeeShop);

const clientOf = (options) => initializeDevCycle(options?.key ?? key, { enableCloudBucketing: true, bucketingAPIURI: url, logLevel: 'error', ...options });
const client = clientOf();

const guest = { user_id: 'ada', country: 'US' };
const collector = { ...guest, customData: { stars: 120 } };
const euro = { currency: 'EUR', espresso: 2.5, filter: 3, cappuccino: 3.8 };

for (const [name, user, variable, fallback, value] of [
  ['a boolean', guest, 'payments-enabled', false, true],
  ['a boolean that custom data decides', collector, 'platinum', false, true],
  ['the same without that custom data', guest, 'platinum', true, false],
  ['a string', collector, 'welcome-text', '-', 'Schön, dass du da bist ☕'],
  ['a number', collector, 'max-items', 7, 40],
  ['JSON, by country', { ...guest, country: 'FR' }, 'pricing', {}, euro],
]) {
  await check(name, async () => {
    const got = await client.variable(user, variable, fallback);
    assert.deepEqual([got.value, got.isDefaulted], [value, false]);
    assert.equal(got.eval.reason, 'TARGETING_MATCH');
  });
}

await check('a variable that is split', async () => {
  const got = await client.variable(guest, 'checkout', '-');
  assert.ok(['control', 'treatment'].includes(got.value));
  assert.equal(got.eval.reason, 'SPLIT');
  assert.equal((await client.allVariables(guest)).checkout.value, got.value);
});

await check('an unknown variable', async () => {
  const got = await client.variable(guest, 'not-there', 7);
  assert.deepEqual([got.value, got.isDefaulted, got.eval.reason], [7, true, 'DEFAULT']);
});

await check('another type than asked for', async () => {
  const got = await client.variable(guest, 'max-items', 'seven');
  assert.deepEqual([got.value, got.eval.details], ['seven', 'Variable Type Mismatch']);
});

await check('all variables', async () => {
  const all = await client.allVariables({ ...collector, country: 'DE' });
  assert.deepEqual(Object.keys(all).toSorted(), ['checkout', 'max-items', 'payments-enabled', 'platinum', 'pricing', 'welcome-text']);
  assert.deepEqual([all.pricing.type, all.pricing.value], ['JSON', euro]);
});

await check('all features', async () => {
  const all = await client.allFeatures(collector);
  assert.deepEqual(Object.keys(all).toSorted(), ['checkout', 'payments', 'platinum', 'pricing']);
  assert.equal(all.platinum.variationKey, 'platinum');
});

await check('a wrong key', () => assert.rejects(clientOf({ key: `${key}x` }).variable(guest, 'platinum', false), /status 401/));

await check('custom data is stored (EdgeDB) and decides later calls', async () => {
  await deploy({ ...coffeeShop, user_data: true });
  const client = clientOf({ enableEdgeDB: true });
  assert.equal(await client.variableValue(guest, 'platinum', true), false);
  assert.equal(await client.variableValue(collector, 'platinum', false), true);
  assert.equal(await client.variableValue({ user_id: 'ada' }, 'platinum', false), true);
  assert.equal(await client.variableValue({ user_id: 'bob' }, 'platinum', true), false);
  assert.equal(await clientOf().variableValue({ user_id: 'ada' }, 'platinum', true), false, 'it was used unasked');
});

end();
