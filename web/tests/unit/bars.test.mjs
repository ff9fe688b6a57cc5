import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bars } from '../../app/js/bars.js';
import { Gaps, spanOf } from '../../app/js/gaps.js';
import { Slots } from '../../app/js/chart/slots.js';

function row(second, price, more = {}) {
  const start = new Date(Date.UTC(2026, 10, 21, 3, 30, second)).toISOString();
  const prices = { open: price, high: price, low: price, close: price };
  return {
    start,
    ...prices,
    volume: '0.1',
    trades: 1,
    final: false,
    revision: 0,
    seq: second + 1,
    ...more,
  };
}

test('history that comes after the stream is put in its place', () => {
  const bars = new Bars('1s');
  for (const message of [row(5, '5'), row(6, '6'), row(3, '3'), row(4, '4')]) bars.apply(message);
  assert.deepEqual(
    bars.list.map(({ close }) => close),
    ['3', '4', '5', '6'],
  );
  assert.equal(bars.changedFrom, 0);
});

test('an older page does not undo what the stream said', () => {
  const bars = new Bars('1s');
  bars.apply(row(5, '7', { seq: 90 }));
  bars.apply(row(5, '6', { seq: 80 }));
  assert.equal(bars.last.close, '7');
});

test('only what changed has to be drawn again', () => {
  const bars = new Bars('1s');
  for (let second = 0; second < 10; second += 1) bars.apply(row(second, '1'));
  bars.taken();
  bars.apply(row(9, '2', { seq: 50 }));
  assert.equal(bars.changedFrom, 9);
});

test('five seconds are made of seconds, exactly', () => {
  const bars = new Bars('5s');
  bars.apply(row(6, '2', { high: '9' }));
  bars.apply(row(5, '1', { volume: '0.2' }));
  bars.apply(row(8, '3', { low: '0.5' }));
  assert.equal(bars.list.length, 1);
  const [{ open, high, low, close, volume, trades, start }] = bars.list;
  assert.deepEqual([open, high, low, close, volume, trades], ['1', '9', '0.5', '3', '0.4', 3]);
  assert.equal(start % 5000, 0);
  bars.apply(row(8, '3', { low: '0.4', seq: 60 }));
  assert.deepEqual([bars.last.low, bars.last.trades], ['0.4', 3]);
});

test('a bar that changed after it was final is marked', () => {
  const bars = new Bars('1s');
  bars.apply(row(5, '1', { final: true }));
  bars.apply(row(5, '2', { final: true, revision: 1, seq: 70 }));
  assert.equal(bars.last.revised, true);
});

test('what no trade moved is not drawn', () => {
  const bars = new Bars('1s');
  bars.apply({ ...row(5, '1'), open: null });
  bars.apply({ symbol: 'sim:X', type: 'snapshot', seq: 0 });
  assert.equal(bars.list.length, 0);
});

test('the oldest bars go', () => {
  const bars = new Bars('1s');
  for (let second = 0; second < 5010; second += 1) bars.apply(row(second, '1'));
  assert.equal(bars.list.length, 5000);
});

test('silence has its place on the axis, and long silence a bounded one', () => {
  const slots = new Slots(1000);
  slots.set([{ start: 0 }, { start: 4000 }, { start: 10_000_000 }]);
  assert.equal(slots.list.length, 5 + 90 + 1);
  assert.deepEqual(
    slots.list.slice(0, 5).map(({ bar }) => bar !== null),
    [true, false, false, false, true],
  );
  assert.equal(slots.indexOf(2500), 2.5);
  assert.equal(slots.indexOf(-1000), -1);
});

test('a gap is open until it is said what became of it', () => {
  const gaps = new Gaps();
  gaps.apply({ of: 5, cause: 'venue_disconnect', state: 'open', recv: '2026-11-21T03:30:00Z' }, 0);
  assert.equal(gaps.list[0].to, null);
  gaps.apply(
    { of: 5, cause: 'venue_disconnect', state: 'lost', missing: 27, recv: '2026-11-21T03:30:08Z' },
    0,
  );
  const [{ from, to, state, missing }] = gaps.list;
  assert.deepEqual([to - from, state, missing], [8000, 'lost', 27]);
});

test('a gap of a slow client is not one of the venue', () => {
  const gaps = new Gaps();
  gaps.apply({ cause: 'slow_consumer', from: 1, to: 9, missing: 3 }, 0);
  assert.equal(gaps.list.length, 0);
});

test('a gap of which nobody says the end lies between the bars around it', () => {
  const bars = { list: [{ start: 0 }, { start: 1000 }, { start: 9000 }], span: { ms: 1000 } };
  const span = (gap) => Object.values(spanOf({ to: null, ...gap }, bars, 20_000));
  assert.deepEqual(span({ from: 8500 }), [2000, 9000]);
  assert.deepEqual(span({ from: 1500 }), [1500, 9000]);
  assert.deepEqual(span({ from: 8500, until: 8700 }), [2000, 8700]);
  assert.deepEqual(span({ from: 1500, to: 4000 }), [1500, 4000]);
  assert.deepEqual(span({ from: 9500 }), [9500, 20_000]);
});

test('data that comes again ends the newest gap only', () => {
  const gaps = new Gaps();
  const at = (second) => `2026-11-21T03:30:0${second}Z`;
  for (const of of [1, 5])
    gaps.apply({ of, cause: 'venue_disconnect', state: 'open', recv: at(of) }, 0);
  gaps.resume(Date.parse(at(7)));
  gaps.resume(Date.parse(at(9)));
  assert.deepEqual(
    gaps.list.map(({ until }) => until),
    [undefined, Date.parse(at(7))],
  );
});

test('history knows better than a message when a gap was', () => {
  const gaps = new Gaps();
  const gap = { of: 5, cause: 'venue_disconnect' };
  gaps.apply({ ...gap, state: 'open' }, 90_000);
  gaps.apply({ ...gap, state: 'lost', missing: 2 }, 90_001);
  gaps.apply({ ...gap, state: 'open', recv: '1970-01-01T00:00:10Z' }, 0);
  gaps.apply({ ...gap, state: 'lost', missing: 2, recv: '1970-01-01T00:00:12Z' }, 0);
  gaps.apply({ ...gap, state: 'lost', missing: 2 }, 95_000);
  const [{ from, to, state }] = gaps.list;
  assert.deepEqual([from, to, state], [10_000, 12_000, 'lost']);
});
