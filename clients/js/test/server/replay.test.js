// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';
import { Client } from '../../src/index.js';
import { Told, eventually, pause, same } from '../stage/compare.js';
import { Proxy } from '../stage/proxy.js';
import { Server, needsServer } from '../stage/server.js';

const quick = { WebSocket, backoff: { minMs: 10, maxMs: 50 } };
const channels = ['ticker', 'trades'];

/** A server with a few seconds on its tape, and a client that saw them live. */
async function seen(/** @type {import('node:test').TestContext} */ t) {
  const from = new Date();
  const server = await Server.start({ 'feeds.sim.ticks_per_s': 1_000 });
  t.after(() => server.close());
  const proxy = await Proxy.start(server.port);
  t.after(() => proxy.close());
  const witness = new Client(server.url, quick);
  t.after(() => witness.close());
  const subscribe = (/** @type {string} */ channel) =>
    witness.subscribe('sim:*', { channel, slow: 'spill' });
  const live = new Told(...channels.map(subscribe));
  await eventually('it has begun', () => live.streams.size === 40);
  await pause(1_500);
  const client = new Client(proxy.url, quick);
  t.after(() => client.close());
  return { proxy, live, client, all: { symbols: 'sim:*', channels, from } };
}

test('what was is told again byte for byte, however often it is cut', needsServer, async (t) => {
  const { proxy, live, client, all } = await seen(t);
  const replay = client.replay({ ...all, speed: 20 });
  const played = new Told(replay);
  for (let cuts = 0; cuts < 20; cuts += 1) {
    const { seq } = played;
    const goesOn = () => played.seq > seq || replay.state.state === 'ended';
    await eventually('it goes on', goesOn);
    if (replay.state.state === 'ended') break;
    await Promise.race([proxy.cutAfter(Math.random() * 20_000), pause(200)]);
  }
  await eventually('it is at its end', () => replay.state.state === 'ended');
  const compared = same(live, played);
  t.diagnostic(`${compared} messages, ${proxy.count} connections`);
  assert.ok(compared > 1_000 && proxy.count > 5, `${compared} ${proxy.count}`);
});

test('it goes on into what is live, through cuts as well', needsServer, async (t) => {
  const { proxy, live, client, all } = await seen(t);
  const replay = client.replay({ ...all, speed: 0, then: 'live' });
  const played = new Told(replay);
  for (let cuts = 0; cuts < 4; cuts += 1) {
    await eventually('it is live', () => replay.state.state === 'live');
    await pause(150);
    proxy.cut();
    await eventually('the cut is told', () => replay.state.state !== 'live');
  }
  await eventually('it is live', () => replay.state.state === 'live');
  await pause(200);
  replay.close();
  const last = played.seq;
  await eventually('the other one is as far', () => live.seq > last);
  assert.ok(same(live, played) > 1_000);
});

test('it is paused, stepped, sought and made faster by hand', needsServer, async (t) => {
  const { client, all } = await seen(t);
  const replay = client.replay({ ...all, channels: undefined, paused: true });
  const played = new Told(replay);
  const count = () => [...played.streams.values()].reduce((sum, texts) => sum + texts.length, 0);
  await eventually('it stands still', () => replay.state.state === 'paused');
  const snapshots = count();
  await replay.step(3);
  assert.equal(count(), snapshots + 3);
  await pause(100);
  assert.equal(count(), snapshots + 3, 'it stands still after steps');
  await replay.play();
  assert.equal(replay.state.state, 'playing');
  await replay.speed(100);
  assert.equal(replay.state.speed, 100);
  await eventually('it is at its end', () => replay.state.state === 'ended');
  const before = replay.state.seq;
  await replay.pause().catch(() => {});
  await replay.seek({ epoch: epochOf(client), seq: Math.floor(before / 2) });
  assert.ok(replay.state.seq <= before / 2 + 1 && replay.state.done > 0.3, 'it went back');
  await assert.rejects(replay.seek('1960-01-01T00:00:00Z'), { code: 'range_empty' });
  await assert.rejects(replay.live(), { code: 'bad_request' });
  replay.close();
  assert.equal(replay.state.state, 'closed');
});

test('it returns to what is live from wherever it stands', needsServer, async (t) => {
  const { client, all } = await seen(t);
  const replay = client.replay({ ...all, then: 'live', speed: 0.5 });
  await eventually('it plays', () => replay.state.state === 'playing');
  await replay.pause();
  await replay.live();
  await eventually('it is live', () => replay.state.state === 'live');
  replay.close();
});

test('a range with nothing in it is told, and ends the loop with that', needsServer, async (t) => {
  const { client } = await seen(t);
  const range = { from: '2001-01-01T00:00:00Z', to: '2001-01-02T00:00:00Z' };
  const replay = client.replay({ symbols: 'sim:*', ...range });
  const loop = async () => { for await (const message of replay) void message; };
  await assert.rejects(loop(), (/** @type {any} */ error) => {
    assert.ok(['range_empty', 'cursor_expired'].includes(error.code), error.code);
    return true;
  });
});

/** @param {Client} client */
const epochOf = (client) => client.state.welcome.epoch;
