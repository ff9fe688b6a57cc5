// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';
import { Client } from '../../src/index.js';
import { Told, Witness, eventually, pause, same } from '../stage/compare.js';
import { Proxy } from '../stage/proxy.js';
import { Server, needsServer } from '../stage/server.js';

const what = { channels: ['trades'], symbols: ['sim:*'] };
const quick = { WebSocket, backoff: { minMs: 10, maxMs: 50 }, timeoutMs: 400 };

/** @param {import('node:test').TestContext} t @param {Record<string, any>} [settings] */
async function stage(t, settings = {}) {
  const server = await Server.start({ 'feeds.sim.ticks_per_s': 500, ...settings });
  const proxy = await Proxy.start(server.port);
  t.after(() => server.close());
  t.after(() => proxy.close());
  return { server, proxy };
}

/** Each state of a client with its way. @param {Client} client */
function statesOf(client) {
  /** @type {string[]} */
  const states = [];
  client.on('state', ({ state, transport }) => states.push(`${state} ${transport}`));
  return states;
}

test('a network without WebSocket is served by events, one that holds those by polls, and back',
  needsServer, async (t) => {
    const { server, proxy } = await stage(t);
    const witness = new Witness(server.url, what);
    t.after(() => witness.close());
    await witness.ready;
    proxy.blocked = /Upgrade: websocket/i;
    let requests = 0;
    const counting = (/** @type {any} */ url, /** @type {any} */ init) => {
      requests += 1;
      return fetch(url, init);
    };
    const client = new Client(proxy.url, { ...quick, betterMs: 300, fetch: counting });
    t.after(() => client.close());
    const states = statesOf(client);
    const told = new Told(client.subscribe('sim:*', { channel: 'trades' }));
    const goesOn = async () => {
      const { seq } = told;
      await eventually(`more comes by ${client.state.transport}`, () => told.seq > seq + 50);
    };
    await eventually('events come', () => client.state.transport === 'sse' && told.seq > 0);
    assert.deepEqual(states, ['connecting ws', 'waiting ws', 'connecting ws', 'waiting ws',
      'connecting sse', 'live sse']);
    await goesOn();
    proxy.held = /GET \/v1\/sse/;
    proxy.cut();
    await eventually('polls come', () => client.state.transport === 'poll');
    await goesOn();
    proxy.blocked = null;
    await eventually('WebSocket is back', () => client.state.transport === 'ws');
    await goesOn();
    const before = requests;
    await goesOn();
    assert.equal(requests, before, 'nothing is asked for in the other ways any more');
    assert.equal(states.at(-1), 'live ws');
    assert.equal(states.at(-2), 'live poll', 'the better way was tried while the other went on');
    await witness.reaches(told.seq);
    assert.ok(same(told, witness) > 30);
  });

test('a server that is gone is waited for by the best way', needsServer, async (t) => {
  const { server, proxy } = await stage(t);
  const client = new Client(proxy.url, quick);
  t.after(() => client.close());
  const states = statesOf(client);
  const told = new Told(client.subscribe('sim:*', { channel: 'trades' }));
  await eventually('it is live', () => told.seq > 0);
  await server.end('SIGKILL');
  await eventually('it tries often', () => states.length > 12);
  await server.begin();
  const { seq } = told;
  await eventually('it is back', () => told.seq > seq + 50);
  assert.ok(states.every((state) => state.endsWith(' ws')), states.join());
  assert.deepEqual(told.resyncs, []);
});

test('a connection that fell silent is given up, and nothing is lost', needsServer, async (t) => {
  const { server, proxy } = await stage(t);
  const witness = new Witness(server.url, what);
  t.after(() => witness.close());
  await witness.ready;
  for (const transport of /** @type {const} */ (['ws', 'sse'])) {
    const client = new Client(proxy.url, { ...quick, transports: [transport], staleMs: 400 });
    t.after(() => client.close());
    /** @type {string[]} */
    const ends = [];
    client.on('state', ({ state, code }) => { if (state === 'waiting') ends.push(code); });
    const told = new Told(client.subscribe('sim:*', { channel: 'trades' }));
    await eventually('it has begun', () => told.streams.size === 20 && told.seq > 0);
    await pause(200);
    proxy.stall();
    await eventually('silence is noticed', () => ends.length > 0);
    proxy.flow();
    assert.equal(ends[0], 'silent');
    const { seq } = told;
    await eventually('it is back', () => told.seq > seq + 50);
    client.close();
    await witness.reaches(told.seq);
    assert.ok(same(told, witness) > 20);
  }
});

test('subscriptions of one client share streams, and one that ends takes none from another',
  needsServer, async (t) => {
    const { server } = await stage(t);
    const client = new Client(server.url, quick);
    t.after(() => client.close());
    const wide = client.subscribe('sim:*', { channel: 'ticker' });
    const all = new Told(wide);
    await eventually('all have begun', () => all.streams.size === 20);
    const narrow = client.subscribe(['sim:BTC-USD'], { channel: 'ticker' });
    const one = new Told(narrow);
    await eventually('the one has begun', () => one.streams.size === 1);
    const more = async (/** @type {Told} */ told) => {
      const count = () => told.streams.get('ticker sim:BTC-USD')?.length ?? 0;
      const before = count();
      await eventually('more of it comes', () => count() > before + 5);
    };
    await Promise.all([more(all), more(one)]);
    narrow.close();
    await more(all);
    narrow.close();
    wide.remove('sim:*');
    wide.add(['sim:ETH-USD', 'sim:BTC-USD']);
    await more(all);
    wide.set({ conflateMs: 100 });
    await eventually('snapshots are all that comes', () => {
      const last = all.streams.get('ticker sim:BTC-USD')?.slice(-3) ?? [];
      return last.length === 3 && last.every((text) => text.startsWith('{"type":"snapshot"'));
    });
    const reasons = new Set(all.resyncs.map(({ reason }) => reason));
    assert.deepEqual([...reasons].filter((it) => !['skipped', 'restarted'].includes(it)), []);
  });

test('what is refused is told where it was asked for', needsServer, async (t) => {
  const { server } = await stage(t);
  for (const transport of /** @type {const} */ (['ws', 'sse', 'poll'])) {
    const client = new Client(server.url, { ...quick, transports: [transport] });
    t.after(() => client.close());
    const code = (/** @type {any} */ symbols, /** @type {any} */ options) =>
      new Promise((resolve) => {
        client.subscribe(symbols, options).on('error', (error) => resolve(error.code));
      });
    assert.equal(await code('sim:NO-SUCH', {}), 'unknown_symbol', transport);
    assert.equal(await code('sim:*', { channel: 'weather' }), 'unknown_channel', transport);
    assert.equal(await code('sim:*', { conflateMs: -5 }), 'bad_request', transport);
    const good = new Told(client.subscribe('sim:*'));
    await eventually('others are served', () => good.streams.size === 20);
    client.close();
  }
});

test('plain HTTP answers, page by page, and says what it refused', needsServer, async (t) => {
  const { server } = await stage(t);
  const client = new Client(server.url, quick);
  t.after(() => client.close());
  const { symbols } = await client.get('/v1/symbols', { pattern: 'sim:*-USD' });
  assert.ok(symbols.length > 3);
  await pause(500);
  const params = { symbol: 'sim:BTC-USD', to: new Date() };
  const rows = [];
  for await (const row of client.rows('/v1/trades', { ...params, limit: 3 })) rows.push(row);
  const { trades } = await client.get('/v1/trades', { ...params, limit: 10_000 });
  assert.ok(rows.length > 3);
  assert.deepEqual(rows, trades);
  assert.match(await client.get('/v1/trades', { ...params, format: 'csv' }), /^symbol,seq,ts/);
  const refused = { code: 'unknown_symbol', status: 404, retry: false };
  await assert.rejects(client.get('/v1/trades', { symbol: 'sim:NO' }), refused);
  await server.end('SIGTERM');
  await assert.rejects(client.get('/v1/symbols'), { code: 'unreachable', retry: true });
  await server.begin();
});

test('a client goes on from a cursor that another one kept', needsServer, async (t) => {
  const { server } = await stage(t);
  for (const transport of /** @type {const} */ (['ws', 'sse', 'poll'])) {
    const first = new Client(server.url, { ...quick, transports: [transport] });
    t.after(() => first.close());
    const one = first.subscribe('sim:*', { channel: 'trades' });
    const before = new Told(one);
    await eventually('it has begun', () => before.streams.size === 20 && one.cursor);
    await pause(300);
    const from = /** @type {any} */ (one.cursor);
    const second = new Client(server.url, { ...quick, transports: [transport] });
    t.after(() => second.close());
    const after = new Told(second.subscribe('sim:*', { channel: 'trades', from }));
    await eventually('the second goes on', () => after.seq > from.seq + 100);
    second.close();
    await eventually('the first has all of it', () => before.seq >= after.seq);
    first.close();
    let compared = 0;
    for (const [stream, texts] of after.streams) {
      const all = before.streams.get(stream) ?? [];
      const at = all.indexOf(texts[0]);
      assert.ok(at > 0, `${texts[0]} is what follows the cursor`);
      assert.ok(JSON.parse(texts[0]).prev <= from.seq);
      const both = Math.min(texts.length, all.length - at);
      assert.deepEqual(texts.slice(0, both), all.slice(at, at + both));
      compared += both;
    }
    assert.ok(compared > 10, `${compared}`);
  }
});
