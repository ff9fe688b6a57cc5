// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { States } from '../../src/state.js';

const symbol = 'a:B-C';
const ticker = { channel: 'ticker', symbol };

test('a snapshot and its deltas add up, digits and all', () => {
  const states = new States();
  const first = { type: 'snapshot', ...ticker, seq: 5, bid: '1.50', ask: '1.60', state: 'live' };
  states.apply(first);
  const before = states.get(symbol);
  states.apply({ type: 'delta', ...ticker, seq: 7, prev: 5, bid: null, ask: '1.70' });
  assert.deepEqual(states.get(symbol), { symbol, seq: 7, ask: '1.70', state: 'live' });
  assert.equal(before.bid, '1.50', 'who kept the old state still has it');
});

test('a snapshot leaves nothing of what was', () => {
  const states = new States();
  states.apply({ type: 'snapshot', ...ticker, seq: 5, bid: '1', reason: 'no message for 12 s' });
  states.apply({ type: 'snapshot', ...ticker, seq: 9, ask: '2' });
  assert.deepEqual(states.get(symbol), { symbol, seq: 9, ask: '2' });
});

test('a status sets all of the health and none of the prices', () => {
  const states = new States();
  const health = { state: 'stale', trading: 'open', since: 'then', reason: 'no message' };
  states.apply({ type: 'snapshot', ...ticker, seq: 5, bid: '1', ...health });
  states.apply({ type: 'status', ...ticker, seq: 6, prev: 5, state: 'live', since: 'now' });
  assert.deepEqual(states.get(symbol), { symbol, seq: 6, bid: '1', state: 'live', since: 'now' });
});

test('a print replaces the last one, and a gap moves the place only', () => {
  const states = new States();
  const trades = { channel: 'trades', symbol };
  states.apply({ type: 'snapshot', ...trades, seq: 5, price: '1', side: 'buy', state: 'live' });
  states.apply({ type: 'trade', ...trades, seq: 8, prev: 5, price: '2', late: true });
  assert.deepEqual(states.get(symbol), { symbol, seq: 8, price: '2', late: true, state: 'live' });
  states.apply({ type: 'gap', ...trades, cause: 'slow_consumer', from: 9, to: 12, missing: 2 });
  assert.deepEqual(states.get(symbol).seq, 12);
  assert.equal(states.get(symbol).price, '2');
  assert.deepEqual([...states].map(([name]) => name), [symbol]);
});
