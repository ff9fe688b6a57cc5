import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ticker } from '../../app/js/ticker.js';

const snapshot = {
  type: 'snapshot',
  channel: 'ticker',
  symbol: 'sim:BTC-USD',
  seq: 10,
  ts: '2026-11-21T03:30:00.5Z',
  recv: '2026-11-21T03:30:00.501Z',
  bid: '97000.01',
  ask: '97000.02',
  last: '97000.02',
  open: '96000.00',
  state: 'live',
};

function ticker(...messages) {
  const it = new Ticker('sim:BTC-USD');
  for (const message of messages) it.apply(message);
  return it;
}

test('a delta changes what it names and leaves the rest', () => {
  const it = ticker(snapshot, { type: 'delta', seq: 11, prev: 10, ask: '97000.03' });
  assert.deepEqual([it.fields.bid, it.fields.ask, it.seq], ['97000.01', '97000.03', 11]);
  assert.equal(it.spread, '0.02');
});

test('null says that it is now unknown', () => {
  const it = ticker(snapshot, { type: 'delta', seq: 11, prev: 10, bid: null });
  assert.equal('bid' in it.fields, false);
  assert.equal(it.spread, undefined);
});

test('a snapshot leaves nothing of what was', () => {
  const it = ticker(snapshot, { type: 'snapshot', seq: 12, last: '5', state: 'live' });
  assert.deepEqual(it.fields, { last: '5', state: 'live' });
});

test('places only ever grow, unless the tick size is known', () => {
  const it = ticker({ ...snapshot, bid: '1', ask: '2', last: '3', open: '4' });
  assert.equal(it.places, 0);
  it.apply({ type: 'delta', seq: 11, last: '3.25' });
  it.apply({ type: 'delta', seq: 12, last: '3' });
  assert.equal(it.places, 2);
  it.setTick('0.001');
  assert.equal(it.places, 3);
});

test('a status makes it stale, keeps its prices, and says why', () => {
  const it = ticker(snapshot, {
    type: 'status',
    seq: 11,
    state: 'stale',
    reason: 'no message for 12 s',
  });
  assert.deepEqual(
    [it.trouble, it.fields.reason, it.fields.last],
    ['stale', 'no message for 12 s', '97000.02'],
  );
  it.apply({ type: 'status', seq: 12, state: 'live' });
  assert.deepEqual([it.trouble, it.fields.reason], [null, undefined]);
});

test('the tick size says the places, and no digit that was traded is dropped', () => {
  const it = ticker({ ...snapshot, bid: '184.3', ask: '184.25', last: '184.30000', open: '184' });
  assert.equal(it.places, 5);
  it.setTick('0.05');
  assert.equal(it.places, 2);
  it.apply({ type: 'delta', seq: 11, last: '184.2875' });
  assert.equal(it.places, 4);
  const [tick, none] = ['0.5', undefined].map((size) => new Ticker('sim:X', size));
  assert.deepEqual([tick.places, none.places], [1, 0]);
});

test('a status is no tick and does not make it younger', () => {
  const it = ticker(snapshot);
  const { recv } = it;
  it.apply({ type: 'status', seq: 11, state: 'stale', recv: '2026-11-21T03:31:00Z' });
  assert.equal(it.recv, recv);
});

test('each price points the way it went last', () => {
  const it = ticker(snapshot, { type: 'delta', seq: 11, last: '97000.01' });
  assert.equal(it.direction.last, -1);
  it.apply({ type: 'delta', seq: 12, last: '97000.01', bid: '97000.02' });
  assert.deepEqual(it.direction, { last: -1, bid: 1, ask: 0 });
});

test('the change is since the day before, else since the day began', () => {
  assert.equal(ticker(snapshot).change, 104);
  assert.equal(ticker({ ...snapshot, prev_close: '97000.02' }).change, 0);
  assert.equal(ticker({ ...snapshot, open: undefined }).change, null);
});
