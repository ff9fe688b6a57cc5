// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../../src/ledger.js';

const snapshot = (seq, symbol = 'a:B') => ({ type: 'snapshot', symbol, seq });
const delta = (seq, prev, symbol = 'a:B') => ({ type: 'delta', symbol, seq, prev });
const verdicts = (ledger, messages, conflated = false) =>
  messages.map((message) => ledger.judge(message, conflated).verdict);

test('a stream begins with its snapshot and goes on by prev', () => {
  const messages = [delta(4, 3), snapshot(5), delta(9, 5), delta(12, 9)];
  assert.deepEqual(verdicts(new Ledger(), messages), ['unheld', 'apply', 'apply', 'apply']);
});

test('a repeat is dropped, and harms nothing', () => {
  const messages = [snapshot(5), delta(9, 5), delta(9, 5), delta(5, 1), delta(11, 9)];
  const expected = ['apply', 'apply', 'repeat', 'repeat', 'apply'];
  assert.deepEqual(verdicts(new Ledger(), messages), expected);
});

test('a miss is noticed, and nothing is taken until a snapshot, which tells of it', () => {
  const ledger = new Ledger();
  const messages = [snapshot(5), delta(9, 7), delta(11, 9)];
  assert.deepEqual(verdicts(ledger, messages), ['apply', 'missed', 'due']);
  assert.equal(ledger.held('a:B'), undefined);
  const judgement = ledger.judge(snapshot(11), false);
  assert.deepEqual(judgement, { verdict: 'apply', lost: { reason: 'missed', held: 5 } });
  assert.equal(ledger.judge(delta(12, 11), false).verdict, 'apply');
});

test('streams do not touch each other', () => {
  const messages = [snapshot(5), snapshot(6, 'a:C'), delta(8, 5), delta(9, 7, 'a:C'), delta(10, 8)];
  const expected = ['apply', 'apply', 'apply', 'missed', 'apply'];
  assert.deepEqual(verdicts(new Ledger(), messages), expected);
});

test('what a slow client was told to have lost moves its place', () => {
  const gap = { type: 'gap', symbol: 'a:B', cause: 'slow_consumer', from: 6, to: 20, missing: 3 };
  const messages = [gap, snapshot(5), gap, delta(22, 20), gap];
  const expected = ['unheld', 'apply', 'apply', 'apply', 'repeat'];
  assert.deepEqual(verdicts(new Ledger(), messages), expected);
});

test('an unasked snapshot of a later place is told, unless snapshots are all there is', () => {
  const told = (conflated) => {
    const ledger = new Ledger();
    ledger.judge(snapshot(5), conflated);
    return ledger.judge(snapshot(9), conflated).lost;
  };
  assert.deepEqual([told(true), told(false)], [undefined, { reason: 'skipped', held: 5 }]);
});

test('a snapshot of an earlier place is taken only if it was asked for', () => {
  const ledger = new Ledger();
  ledger.judge(snapshot(50), false);
  assert.deepEqual(verdicts(ledger, [snapshot(9), delta(20, 9), delta(51, 50)]),
    ['repeat', 'repeat', 'apply']);
  ledger.expect(['a:B'], 'epoch_mismatch');
  const lost = { reason: 'epoch_mismatch', held: 51 };
  assert.deepEqual(ledger.judge(snapshot(3), false), { verdict: 'apply', lost });
});

test('who knows everything up to a cursor takes what follows it', () => {
  const ledger = new Ledger();
  ledger.know(100);
  const messages = [delta(105, 80), delta(107, 105), delta(110, 101, 'a:C')];
  assert.deepEqual(verdicts(ledger, messages), ['apply', 'apply', 'unheld']);
});

test('of whatever a network does to a stream, nothing is lost in silence', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = randomOf(seed);
    const ledger = new Ledger();
    /** @type {any[]} */
    const taken = [];
    /** @type {any[]} */
    const sent = [];
    let told = 0;
    let asked = true;
    for (let seq = 1, prev = 0; seq < 200; prev = seq, seq += 1 + Math.floor(random() * 3)) {
      const fate = random();
      const message = asked ? snapshot(seq) : delta(seq, prev);
      if (fate < 0.1) continue; // lost
      const again = fate < 0.2 && sent.length > 0 && !asked ? [sent.at(-1)] : [];
      for (const it of [...again, message]) {
        const { verdict, lost } = ledger.judge(it, false);
        if (verdict === 'apply') taken.push({ ...it, told: lost !== undefined });
        if (verdict === 'missed') asked = true;
        told += lost ? 1 : 0;
      }
      if (message.type === 'snapshot') asked = false;
      sent.push(message);
    }
    taken.reduce((before, it) => {
      // The same snapshot once more changes nothing.
      if (it.type === 'snapshot' && it.seq === before.seq) return before;
      assert.ok(it.seq > before.seq, `seed ${seed}: double or out of order`);
      assert.ok(it.type === 'snapshot' ? it.told : it.prev === before.seq, `seed ${seed}: silent`);
      return it;
    });
    assert.ok(told > 0 || sent.length > 60, `seed ${seed} proves nothing`);
  }
});

function randomOf(seed) {
  let state = seed * 2654435761;
  return () => {
    state = (state ^ (state << 13)) >>> 0;
    state = (state ^ (state >>> 17)) >>> 0;
    state = (state ^ (state << 5)) >>> 0;
    return state / 2 ** 32;
  };
}
