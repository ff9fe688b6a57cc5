import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PRINTS_MAX, Prints } from '../../app/js/prints.js';

const trade = (seq, size = '1', more = {}) => ({
  type: 'trade',
  seq,
  price: '100',
  size,
  side: 'buy',
  ts: '2026-11-21T03:30:00Z',
  ...more,
});

function filled(count) {
  const prints = new Prints();
  for (let seq = 1; seq <= count; seq += 1) prints.apply(trade(seq, String(seq)), 0);
  return prints;
}

test('the newest is on top and the oldest go', () => {
  const prints = filled(PRINTS_MAX + 5);
  assert.equal(prints.list.length, PRINTS_MAX);
  assert.deepEqual([prints.list[0].seq, prints.list.at(-1).seq], [PRINTS_MAX + 5, 6]);
});

test('a print is there once, and history goes below what came live', () => {
  const prints = new Prints();
  for (const seq of [10, 11, 11, 8, 9, 10]) prints.apply(trade(seq), 0);
  assert.deepEqual(
    prints.list.map(({ seq }) => seq),
    [11, 10, 9, 8],
  );
});

test('while it is read it stands still, and counts what comes', () => {
  const prints = filled(3);
  prints.hold();
  prints.apply(trade(4), 0);
  prints.apply(trade(5), 0);
  assert.deepEqual([prints.list[0].seq, prints.waiting], [3, 2]);
  prints.release();
  assert.deepEqual([prints.list.map(({ seq }) => seq), prints.waiting], [[5, 4, 3, 2, 1], 0]);
});

test('what waits is bounded too', () => {
  const prints = filled(1);
  prints.hold();
  for (let seq = 2; seq < 2000; seq += 1) prints.apply(trade(seq), 0);
  assert.equal(prints.waiting, PRINTS_MAX);
});

test('small ones can be left out, and notes never are', () => {
  const prints = filled(5);
  prints.apply({ type: 'gap', cause: 'slow_consumer', from: 6, to: 9, missing: 4 }, 0);
  prints.setLeast('4');
  assert.deepEqual(
    prints.shown.map(({ size, note }) => note?.missing ?? size),
    [4, '5', '4'],
  );
});

test('a tenth is large and a hundredth is huge', () => {
  const prints = filled(100);
  const ranks = prints.list.map((print) => prints.rank(print));
  assert.equal(ranks.filter((rank) => rank === 2).length, 1);
  assert.equal(ranks.filter((rank) => rank === 1).length, 9);
});

test('a cancelled print stays and says so', () => {
  const prints = filled(3);
  prints.apply({ type: 'amend', seq: 4, of: 2, action: 'cancel' }, 0);
  assert.equal(prints.list.find(({ seq }) => seq === 2).action, 'cancel');
  assert.equal(prints.list.length, 3);
});
