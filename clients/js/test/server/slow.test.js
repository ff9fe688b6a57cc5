// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';
import { Client, States } from '../../src/index.js';
import { Told, Witness, eventually, pause, same, seqOf } from '../stage/compare.js';
import { Proxy } from '../stage/proxy.js';
import { Server, needsServer } from '../stage/server.js';

const what = { channels: ['ticker', 'trades'], symbols: ['sim:*'] };

/** @param {import('node:test').TestContext} t */
async function busy(t) {
  const server = await Server.start({
    'feeds.sim.ticks_per_s': 8_000,
    'limits.buffer_bytes': 16_384,
  });
  t.after(() => server.close());
  return server;
}

/** @param {Server} server @param {import('../../src/options.js').ClientOptions} [options] */
async function stalled(server, options = {}) {
  const proxy = await Proxy.start(server.port);
  const backoff = { minMs: 10, maxMs: 50 };
  const client = new Client(proxy.url, { WebSocket, transports: ['ws'], backoff, ...options });
  return { proxy, client };
}

test('a connection that stood still is told by each policy what it had promised', needsServer,
  async (t) => {
    const server = await busy(t);
    const witness = new Witness(server.url, what);
    t.after(() => witness.close());
    await witness.ready;
    const follow = async (/** @type {any} */ options) => {
      const { proxy, client } = await stalled(server, { staleMs: 60_000 });
      t.after(() => client.close());
      t.after(() => proxy.close());
      const subscription = client.subscribe('sim:*', options);
      const told = new Told(subscription);
      /** @type {string[]} */
      const ends = [];
      client.on('state', ({ state, code, reason }) => {
        if (state === 'waiting') ends.push(`${code}: ${reason}`);
      });
      await eventually('it has begun', () => told.streams.size === 20);
      return { proxy, client, subscription, told, ends };
    };
    const [conflate, spill, close, gap] = await Promise.all([
      follow({ channel: 'ticker', slow: 'conflate' }),
      follow({ channel: 'trades', slow: 'spill' }),
      follow({ channel: 'trades', slow: 'close' }),
      follow({ channel: 'trades', slow: 'gap' }),
    ]);
    const all = [conflate, spill, close, gap];
    const figures = ['shard_spills_total', 'shard_too_slow_total'];
    for (const { proxy } of all) proxy.stall();
    await eventually('the server has no room left for them', async () => {
      const [spills, closes] = await Promise.all(figures.map((name) => server.metric(name)));
      return spills > 0 && closes > 0;
    });
    await pause(300);
    for (const { proxy } of all) proxy.flow();
    const { seq } = witness;
    await eventually('all are there again', () => all.every(({ told }) => told.seq > seq + 2_000));
    for (const { client } of all) client.close();
    const last = Math.max(...all.map(({ told }) => told.seq));
    await witness.reaches(last);

    assert.ok(same(spill.told, witness) > 500);
    assert.deepEqual(spill.ends, []);
    assert.ok(same(close.told, witness) > 500, 'closed, and resumed');
    assert.deepEqual(close.ends, ['too_slow: too slow']);
    assert.ok(conflate.told.resyncs.length > 0, 'skipped states are told');
    assert.ok(conflate.told.resyncs.every(({ reason }) => reason === 'skipped'));
    adds(conflate.told, witness);
    t.diagnostic(`${conflate.told.resyncs.length} skips, ${counted(gap.told, witness)} in gaps`);
  });

/**
 * What the client holds is what the witness's messages add up to.
 * @param {Told} told
 * @param {Witness} witness
 */
function adds(told, witness) {
  for (const [stream, texts] of told.streams) {
    const to = seqOf(texts.at(-1));
    const [mine, theirs] = [texts, witness.streams.get(stream) ?? []].map((list) => {
      const states = new States();
      for (const text of list) {
        const message = JSON.parse(text);
        if (message.seq <= to) states.apply(message);
      }
      return states.get(stream.split(' ')[1]);
    });
    assert.deepEqual(mine, theirs);
  }
}

/**
 * Each message of the witness was told, or counted in a gap.
 * @param {Told} told
 * @param {Witness} witness
 */
function counted(told, witness) {
  let inGaps = 0;
  assert.deepEqual(told.resyncs, []);
  for (const [stream, texts] of told.streams) {
    const messages = texts.map((text) => JSON.parse(text));
    const heard = witness.streams.get(stream)?.map((text) => JSON.parse(text)) ?? [];
    const from = messages[0].seq;
    const to = messages.at(-1).seq ?? messages.at(-1).to;
    const expected = heard.slice(1).filter(({ seq }) => seq > from && seq <= to).length;
    const gaps = messages.filter(({ cause }) => cause === 'slow_consumer');
    const missing = gaps.reduce((sum, gap) => sum + gap.missing, 0);
    const sent = messages.slice(1).filter((it) => it.type !== 'snapshot' && it.seq > from);
    assert.equal(sent.length + missing, expected, stream);
    inGaps += missing;
  }
  return inGaps;
}

test('a loop that is too slow is told what it lost, and goes on whole', needsServer, async (t) => {
  const server = await busy(t);
  const client = new Client(server.url, { WebSocket });
  t.after(() => client.close());
  const subscription = client.subscribe('sim:*', { queue: 200 });
  const held = new Map();
  let [overflows, resyncs, count] = [0, 0, 0];
  for await (const message of subscription) {
    if (message.type === 'overflow') {
      assert.ok(message.dropped > 200, `${message.dropped}`);
      overflows += 1;
      held.clear();
      continue;
    }
    if (message.type === 'resync') {
      assert.equal(message.reason, 'overflow');
      resyncs += 1;
      continue;
    }
    if (message.type === 'snapshot') held.set(message.symbol, message.seq);
    else {
      assert.equal(message.prev, held.get(message.symbol), 'what follows an overflow is whole');
      held.set(message.symbol, message.seq);
    }
    count += 1;
    if (count % 1_000 === 500) await pause(300);
    if (overflows >= 3 && resyncs > 40 && count % 1_000 === 400) break;
  }
  t.diagnostic(`${overflows} overflows, ${resyncs} streams begun anew, ${count} messages`);
});

test('a replay waits for its loop, however fast it could be', needsServer, async (t) => {
  const server = await busy(t);
  const client = new Client(server.url, { WebSocket });
  t.after(() => client.close());
  const channels = ['ticker', 'trades'];
  const subscribe = (/** @type {string} */ channel) =>
    client.subscribe('sim:*', { channel, slow: 'spill' });
  const live = new Told(...channels.map(subscribe));
  await pause(3_000);
  const range = { symbols: 'sim:*', channels, from: new Date(0), speed: 0 };
  const replay = client.replay({ ...range, queue: 12_000 });
  const played = new Told(replay);
  let count = 0;
  for await (const message of replay) if (message && (count += 1) % 1_000 === 0) await pause(20);
  assert.equal(replay.state.state, 'ended');
  const compared = same(live, played);
  t.diagnostic(`${count} messages, ${compared} compared with what was live`);
  assert.ok(compared > 12_000 && count > 12_000, `${count}`);
});
