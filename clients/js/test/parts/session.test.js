// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Client, Subscription } from '../../src/index.js';
import { Router } from '../../src/sessions/router.js';
import { eventually, pause } from '../stage/compare.js';
import { FakeSocket } from '../stage/fake.js';

const ticker = { channel: 'ticker', symbol: 'a:B' };
const snapshot = (/** @type {number} */ seq, symbol = 'a:B') =>
  ({ type: 'snapshot', ...ticker, symbol, seq });
const delta = (/** @type {number} */ seq, /** @type {number} */ prev, symbol = 'a:B') =>
  ({ type: 'delta', ...ticker, symbol, seq, prev });

/** @param {import('node:test').TestContext} t @param {any} [options] */
async function begin(t, options = {}) {
  const backoff = { minMs: 1, maxMs: 2 };
  const given = { WebSocket: FakeSocket, transports: ['ws'], backoff, ...options };
  const client = new Client('http://127.0.0.1:1', given);
  t.after(() => client.close());
  await pause(0);
  return { client, socket: FakeSocket.last };
}

/** @param {FakeSocket} before */
async function next(before) {
  await eventually('it comes back', () => FakeSocket.last !== before);
  return FakeSocket.last;
}

test('what was asked goes on from the last heartbeat after a cut', async (t) => {
  const { client, socket } = await begin(t);
  client.subscribe('a:*');
  socket.welcome();
  socket.answer({ patterns: [{ pattern: 'a:*', count: 1 }] });
  socket.say(snapshot(90));
  socket.say({ type: 'heartbeat', seq: 120, age_ms: 1, now: '2026-11-21T00:00:00Z' });
  socket.drop();
  const again = await next(socket);
  again.welcome({ seq: 130 });
  assert.deepEqual(again.subscribes.map(({ from }) => from), [{ epoch: 'k', seq: 120 }]);
});

test('a heartbeat before the answer to a subscribe is no cursor of it', async (t) => {
  const { client, socket } = await begin(t);
  const subscription = client.subscribe('a:B');
  socket.welcome();
  socket.answer();
  socket.say(snapshot(90));
  socket.say({ type: 'heartbeat', seq: 120, age_ms: 1, now: '2026-11-21T00:00:00Z' });
  socket.drop();
  const again = await next(socket);
  again.welcome({ seq: 200 });
  // What follows 120 is still on its way.
  again.say({ type: 'heartbeat', seq: 200, age_ms: 1, now: '2026-11-21T00:00:00Z' });
  assert.deepEqual(subscription.cursor, { epoch: 'k', seq: 120 });
  again.answer({ resumed: true });
  again.say({ type: 'heartbeat', seq: 210, age_ms: 1, now: '2026-11-21T00:00:00Z' });
  assert.deepEqual(subscription.cursor, { epoch: 'k', seq: 210 });
});

test('a stream whose snapshot was still to come is asked for without a cursor', async (t) => {
  const { client, socket } = await begin(t);
  client.subscribe(['a:B', 'a:C']);
  socket.welcome();
  socket.answer();
  socket.say(snapshot(90));
  socket.say({ type: 'heartbeat', seq: 120, age_ms: 1, now: '2026-11-21T00:00:00Z' });
  socket.drop();
  const again = await next(socket);
  again.welcome();
  const asked = again.subscribes.map(({ symbols, from }) => [symbols, from?.seq]);
  assert.deepEqual(asked, [[['a:B'], 120], [['a:C'], undefined]]);
});

test('after a miss a stream is asked for by name, and a cut does not forget it', async (t) => {
  const { client, socket } = await begin(t);
  const subscription = client.subscribe('a:*');
  /** @type {any[]} */
  const told = [];
  subscription.on('message', ({ type, seq, symbol }) => told.push(`${type} ${symbol} ${seq}`));
  socket.welcome();
  socket.answer({ patterns: [{ pattern: 'a:*', count: 2 }] });
  socket.say(snapshot(90));
  socket.say(snapshot(91, 'a:C'));
  socket.say(delta(95, 93));
  socket.say(delta(96, 91, 'a:C'));
  await eventually('it asks', () => socket.subscribes.length === 2);
  const { symbols, from } = socket.subscribes[1];
  assert.deepEqual([symbols, from], [['a:B'], undefined]);
  socket.drop();
  const again = await next(socket);
  again.welcome();
  // Of the whole pattern, as one of its streams has to begin anew.
  assert.deepEqual(again.subscribes.map((op) => op.from), [undefined]);
  again.answer({ patterns: [{ pattern: 'a:*', count: 2 }] });
  again.say(snapshot(99));
  again.say(delta(100, 99));
  assert.deepEqual(told, ['snapshot a:B 90', 'snapshot a:C 91', 'delta a:C 96',
    'resync a:B undefined', 'snapshot a:B 99', 'delta a:B 100']);
});

test('a miss after a cursor of old is not forgotten by a cut either', async (t) => {
  const { client, socket } = await begin(t);
  const subscription = client.subscribe('a:*', { from: { epoch: 'k', seq: 100 } });
  socket.welcome({ seq: 104 });
  socket.answer({ resumed: true });
  socket.say(delta(105, 80));
  socket.say(delta(110, 108));
  assert.equal(subscription.held('a:B'), undefined);
  socket.drop();
  const again = await next(socket);
  again.welcome();
  assert.deepEqual(again.subscribes.map(({ from }) => from), [undefined]);
});

test('a stream that was never begun is asked for by name, once', async (t) => {
  const { client, socket } = await begin(t);
  const subscription = client.subscribe('a:*');
  socket.welcome();
  socket.answer({ patterns: [{ pattern: 'a:*', count: 1 }] });
  socket.say(delta(95, 93));
  await eventually('it asks', () => socket.subscribes.length === 2);
  assert.deepEqual(socket.subscribes[1].symbols, ['a:B']);
  socket.answer();
  socket.say(delta(96, 95));
  await pause(60);
  assert.equal(socket.subscribes.length, 2);
  socket.say(snapshot(96));
  assert.equal(subscription.held('a:B'), 96);
});

test('a stream is sent as the latest wants that names it, else the latest pattern', () => {
  const of = (/** @type {string} */ name, /** @type {number} */ conflateMs) =>
    /** @type {any} */ (new Subscription(/** @type {any} */ ({}), name, { conflateMs }));
  const conflated = (/** @type {any[]} */ ...list) =>
    new Router(new Set(list)).route('ticker', 'a:B').conflated;
  assert.equal(conflated(of('a:B', 0), of('a:*', 100)), false);
  assert.equal(conflated(of('a:*', 0), of('*:*', 100)), true);
  assert.equal(conflated(of('a:B', 0), of('a:B', 100), of('a:*', 0)), true);
});

test('many symbols are asked for in operations that each fit', async (t) => {
  const { client, socket } = await begin(t);
  const names = Array.from({ length: 300 }, (_, i) => `a:S${i}-USD`);
  client.subscribe(names);
  socket.welcome({ limits: { message_bytes: 1_024, ops_per_s: 1_000 } });
  assert.deepEqual(socket.subscribes.flatMap(({ symbols }) => symbols), names);
  for (const op of socket.ops) assert.ok(JSON.stringify(op).length <= 1_024);
});

test('what may succeed later is asked again, what may not is told once', async (t) => {
  const { client, socket } = await begin(t);
  const subscription = client.subscribe('a:B');
  /** @type {string[]} */
  const codes = [];
  subscription.on('error', ({ code }) => codes.push(code));
  socket.welcome();
  const refuse = (/** @type {string} */ code, /** @type {boolean} */ retry) => {
    const { id } = socket.subscribes.at(-1);
    socket.say({ type: 'error', id, code, message: 'no', retry });
  };
  refuse('unavailable', true);
  await eventually('it asks again', () => socket.subscribes.length === 2);
  refuse('bad_request', false);
  await pause(30);
  assert.equal(socket.subscribes.length, 2);
  assert.deepEqual(codes, ['unavailable', 'bad_request']);
});

test('what no client knows yet is passed over, what no server says ends it', async (t) => {
  const { client, socket } = await begin(t);
  const subscription = client.subscribe('a:B');
  /** @type {any[]} */
  const told = [];
  subscription.on('message', (message) => told.push(message.type));
  socket.welcome({ novelty: [1] });
  socket.answer();
  socket.say(snapshot(90));
  socket.say({ type: 'novelty' });
  socket.say({ ...delta(91, 90), type: 'auction', price: '1' });
  socket.say(delta(92, 91));
  assert.deepEqual(told, ['snapshot', 'auction', 'delta'], 'also unknown types have their place');
  /** @type {any[]} */
  const states = [];
  client.on('state', ({ state, code }) => states.push([state, code]));
  socket.say('{"type":"del');
  assert.deepEqual(states, [['waiting', 'protocol']]);
  assert.equal(socket.closedWith, 1000);
});

test('a server that says when to come back is believed', async (t) => {
  const { client, socket } = await begin(t);
  client.subscribe('a:B');
  socket.welcome();
  socket.say({ type: 'closing', code: 'shutdown', reconnect_ms: 3_120 });
  socket.drop(4000);
  const { state, code, retryInMs } = client.state;
  assert.deepEqual([state, code, retryInMs], ['waiting', 'shutdown', 3_120]);
  client.retry();
  assert.equal(client.state.state, 'connecting');
});

test('an idle client waits until something is subscribed', async (t) => {
  const { client, socket } = await begin(t);
  socket.welcome();
  socket.say({ type: 'closing', code: 'idle', reconnect_ms: 5 });
  socket.drop(1001);
  await pause(30);
  assert.equal(FakeSocket.last, socket);
  assert.deepEqual([client.state.state, client.state.retryInMs], ['waiting', null]);
  client.subscribe('a:B');
  assert.equal(client.state.state, 'connecting');
});

test('a client without a WebSocket says so, or uses the other ways', () => {
  const options = { WebSocket: null, transports: /** @type {const} */ (['ws']) };
  if (!globalThis.WebSocket) {
    assert.throws(() => new Client('http://h', /** @type {any} */ (options)), /no WebSocket here/);
  }
  const wrong = /** @type {any} */ ({ transports: ['pigeon'] });
  assert.throws(() => new Client('http://h', wrong), /no such transport: pigeon/);
});
