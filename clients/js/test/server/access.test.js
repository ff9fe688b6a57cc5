// @ts-check
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import WebSocket from 'ws';
import { Client } from '../../src/index.js';
import { Told, eventually, pause } from '../stage/compare.js';
import { Server, needsServer } from '../stage/server.js';

const SECRET = 'a secret of tests, of more than 32 bytes';
const quick = { WebSocket, backoff: { minMs: 10, maxMs: 50 } };

/** @param {import('node:test').TestContext} t */
async function guarded(t) {
  const key = join(mkdtempSync(join(tmpdir(), 'tickwire-key-')), 'secret.txt');
  writeFileSync(key, SECRET);
  const auth = { 'auth.mode': 'jwt', 'auth.algorithm': 'HS256', 'auth.key': key };
  const server = await Server.start({ 'feeds.sim.ticks_per_s': 500, ...auth });
  t.after(() => server.close());
  return server;
}

/** @param {number} seconds @param {object} [grant] */
function tokenOf(seconds, grant = { symbols: ['*:*'], channels: ['*'], history: true }) {
  const part = (/** @type {object} */ it) => Buffer.from(JSON.stringify(it)).toString('base64url');
  const exp = Date.now() / 1_000 + seconds;
  const text = `${part({ alg: 'HS256' })}.${part({ sub: 'tests', exp, tickwire: grant })}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

test('another token is shown before one expires, and the stream goes on as if nothing was',
  needsServer, async (t) => {
    const server = await guarded(t);
    const follow = async (/** @type {'ws' | 'sse' | 'poll'} */ transport) => {
      let asked = 0;
      const getToken = async () => {
        asked += 1;
        // Whole seconds are what counts: between one and two are left of it.
        return tokenOf(2);
      };
      const client = new Client(server.url, { ...quick, getToken, transports: [transport] });
      t.after(() => client.close());
      const told = new Told(client.subscribe('sim:*', { channel: 'trades' }));
      await eventually(`${transport}: it has begun`, () => told.streams.size === 20);
      await pause(3_000);
      const { seq } = told;
      await eventually(`${transport}: more comes`, () => told.seq > seq + 50);
      assert.deepEqual(told.resyncs, []);
      assert.ok(asked >= 3, `${asked} tokens`);
      if (transport === 'ws') assert.equal(client.stats.connections, 1);
      client.close();
    };
    await Promise.all([follow('ws'), follow('sse'), follow('poll')]);
  });

test('without a good token a client is closed, says why, and comes back when asked to',
  needsServer, async (t) => {
    const server = await guarded(t);
    for (const transport of /** @type {const} */ (['ws', 'sse', 'poll'])) {
      for (const token of [undefined, 'nonsense', tokenOf(-5)]) {
        const client = new Client(server.url, { ...quick, token, transports: [transport] });
        t.after(() => client.close());
        client.subscribe('sim:*');
        const last = () => `${client.state.state} ${client.state.code}`;
        await eventually(`${transport} ${token}`, () => last() === 'closed unauthorized');
        client.retry();
        assert.equal(client.state.state, 'connecting');
        await assert.rejects(client.get('/v1/symbols'), { code: 'unauthorized', status: 401 });
        client.close();
      }
    }
  });

test('a token that expired ends the stream of a client that has no other', needsServer,
  async (t) => {
    const server = await guarded(t);
    const client = new Client(server.url, { ...quick, token: tokenOf(2) });
    t.after(() => client.close());
    const error = new Promise((resolve) => client.on('error', resolve));
    const told = new Told(client.subscribe('sim:*'));
    await eventually('it is let in', () => told.streams.size === 20);
    assert.equal((/** @type {any} */ (await error)).code, 'token_expired');
  });

test('a token that cannot be had is asked for again', needsServer, async (t) => {
  const server = await guarded(t);
  let asked = 0;
  const getToken = () => {
    asked += 1;
    if (asked < 3) throw new Error('no tokens today');
    return tokenOf(60);
  };
  const client = new Client(server.url, { ...quick, getToken });
  t.after(() => client.close());
  /** @type {any[]} */
  const reasons = [];
  client.on('state', ({ state, reason }) => { if (state === 'waiting') reasons.push(reason); });
  const told = new Told(client.subscribe('sim:*'));
  await eventually('it is let in', () => told.streams.size === 20);
  assert.match(reasons[0], /no tokens today/);
});

test('what is not granted is refused by name, and the rest is served', needsServer, async (t) => {
  const server = await guarded(t);
  const token = tokenOf(60, { symbols: ['sim:BTC-USD'], channels: ['ticker'] });
  const client = new Client(server.url, { ...quick, token });
  t.after(() => client.close());
  const subscription = client.subscribe(['sim:BTC-USD', 'sim:ETH-USD']);
  /** @type {any[]} */
  const errors = [];
  subscription.on('error', ({ code, symbol }) => errors.push({ code, symbol }));
  const told = new Told(subscription);
  await eventually('it is served', () => told.streams.size === 1);
  assert.deepEqual(errors, [{ code: 'forbidden', symbol: 'sim:ETH-USD' }]);
  const replay = client.replay({ symbols: 'sim:BTC-USD', from: new Date(0) });
  const error = await new Promise((resolve) => replay.on('close', (it) => resolve(it.error)));
  assert.equal(/** @type {any} */ (error).code, 'forbidden');
});
