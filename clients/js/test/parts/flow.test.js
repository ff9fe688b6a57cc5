// @ts-check
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Emitter } from '../../src/emitter.js';
import { Queue } from '../../src/queue.js';
import { Events } from '../../src/sessions/events.js';
import { Ops } from '../../src/sessions/ops.js';
import { Watch } from '../../src/watch.js';

function queueOf(options = {}) {
  const seen = { overflows: 0, returns: 0 };
  const queue = new Queue({
    bound: 3,
    overflow: 'resync',
    onOverflow: () => { seen.overflows += 1; },
    onTake: () => {},
    onReturn: () => { seen.returns += 1; },
    ...options,
  });
  return { queue, seen };
}

test('a loop gets what came, in order, before and while it waits', async () => {
  const { queue, seen } = queueOf();
  queue.push(1);
  queue.push(2);
  const got = [];
  setTimeout(() => queue.push(3), 5);
  for await (const item of queue) if (got.push(item) === 3) break;
  assert.deepEqual([got, seen.returns], [[1, 2, 3], 1]);
});

test('at its bound a queue is emptied, says so, and begins anew once it is read', async () => {
  const { queue, seen } = queueOf();
  for (let i = 1; i <= 10; i += 1) queue.push(i);
  assert.deepEqual([queue.length, seen.overflows], [0, 0]);
  assert.deepEqual((await queue.next()).value, { type: 'overflow', dropped: 10 });
  assert.equal(seen.overflows, 1);
  queue.push(11);
  assert.equal((await queue.next()).value, 11);
});

test('a queue that shall throw at its bound ends the loop with an error', async () => {
  const { queue } = queueOf({ overflow: 'throw' });
  for (let i = 1; i <= 4; i += 1) queue.push(i);
  await assert.rejects(queue.next(), { code: 'overflow' });
});

test('what waits is read before the end, and the end has its reason', async () => {
  const { queue } = queueOf();
  queue.push(1);
  queue.end(new Error('gone'));
  queue.push(2);
  assert.equal((await queue.next()).value, 1);
  await assert.rejects(queue.next(), /gone/);
});

test('a long queue is as fast as a short one', async () => {
  const { queue } = queueOf({ bound: 200_000 });
  for (let i = 0; i < 200_000; i += 1) queue.push(i);
  const begun = performance.now();
  for (let i = 0; i < 200_000; i += 1) assert.equal((await queue.next()).value, i);
  assert.ok(performance.now() - begun < 3_000);
});

test('events are the same however their text is cut', () => {
  const text = ': hello\nretry: 1000\ndata: {"a":1}\n\ndata: x\r\ndata: y\r\nid: k:7\r\n\r\n'
    + 'id: k:8\rdata:z\r\revent: odd\ndata\n\nid: lost\n\n';
  const whole = [
    { data: '{"a":1}', id: null, retryMs: 1000 },
    { data: 'x\ny', id: 'k:7', retryMs: null },
    { data: 'z', id: 'k:8', retryMs: null },
    { data: '', id: null, retryMs: null },
  ];
  for (let size = 1; size <= text.length; size += 1) {
    const events = new Events();
    const got = [];
    for (let at = 0; at < text.length; at += size) {
      got.push(...events.push(text.slice(at, at + size)));
    }
    assert.deepEqual(got, whole, `pieces of ${size}`);
  }
});

test('an event without an end is given up', () => {
  const events = new Events();
  const piece = `data: ${'x'.repeat(1 << 20)}`;
  assert.throws(() => { for (let i = 0; i < 20; i += 1) [...events.push(piece)]; }, RangeError);
});

test('operations keep to what a server takes in a second, and none is lost', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const sent = [];
  const ops = new Ops((text) => sent.push(text), 20);
  for (let i = 0; i < 50; i += 1) ops.push({ i });
  assert.equal(sent.length, 20);
  mock.timers.tick(1_000);
  assert.equal(sent.length, 40);
  mock.timers.tick(1_000);
  assert.deepEqual(sent.map((text) => JSON.parse(text).i), Array.from({ length: 50 }, (_, i) => i));
  mock.timers.reset();
});

test('silence is noticed once it is too long, and not while something comes', () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  let silences = 0;
  const watch = new Watch(1_000, () => { silences += 1; });
  const pass = (ms) => { for (let at = 0; at < ms; at += 50) mock.timers.tick(50); };
  for (let i = 0; i < 5; i += 1) {
    pass(900);
    watch.seen();
  }
  assert.equal(silences, 0);
  pass(1_900);
  assert.equal(silences, 1);
  mock.timers.reset();
});

test('a page that slept looks first at what waited for it', () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  let silences = 0;
  const watch = new Watch(1_000, () => { silences += 1; });
  // The timer comes an hour late; what the server sent meanwhile is behind it.
  mock.timers.setTime(3_600_000);
  assert.equal(silences, 0);
  watch.seen();
  mock.timers.tick(900);
  assert.equal(silences, 0);
  watch.stop();
  mock.timers.reset();
});

test('a listener that throws harms no other, and is reported', () => {
  class Source extends Emitter {
    tell() { this.emit('x', 1); }
  }
  const source = new Source();
  const got = [];
  source.on('x', () => { throw new Error('mine'); }).on('x', (it) => got.push(it));
  source.once('x', (it) => got.push(-it));
  const reported = [];
  globalThis.reportError = (error) => reported.push(error.message);
  source.tell();
  source.tell();
  assert.deepEqual([got, reported], [[1, -1, 1], ['mine', 'mine']]);
});
