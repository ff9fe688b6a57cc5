import assert from 'node:assert/strict';
import { test } from 'node:test';
import { place } from '../../app/js/focus.js';
import { stepOf } from '../../app/js/density.js';
import { SECONDS, Sparkline } from '../../app/js/sparkline.js';
import { STEPS_MAX, Steps } from '../../app/js/steps.js';
import { readAll } from '../../app/js/pages.js';
import { Metrics } from '../../app/js/ops/metrics.js';

test('arrows move among cells and stop at the edges', () => {
  const at = { line: 0, column: 0, lines: 5, columns: 3 };
  const press = (key, ctrlKey = false) => place({ key, ctrlKey }, at);
  assert.deepEqual(press('ArrowUp'), { line: 0, column: 0 });
  assert.deepEqual(press('ArrowDown'), { line: 1, column: 0 });
  assert.deepEqual(press('End', true), { line: 4, column: 2 });
  assert.deepEqual(press('PageDown'), { line: 4, column: 0 });
  assert.equal(press('x'), null);
});

test('a session is drawn in no more than some hundred columns', () => {
  for (const [minutes, interval] of [
    [1, '1s'],
    [30, '1m'],
    [1440, '5m'],
    [10_000, '1h'],
  ]) {
    assert.equal(stepOf(minutes * 60_000).interval, interval);
  }
});

test('a sparkline has a minute, holds what is silent, and forgets what is old', () => {
  const spark = new Sparkline();
  spark.note(1000, 5);
  spark.note(3000, 7);
  assert.deepEqual(
    spark.points().map(([, y]) => y),
    [1, 1, 0],
  );
  spark.note(3000 + SECONDS * 1000, 7);
  assert.ok(spark.points().every(([, y]) => y === 0.5));
  spark.note(1000, 900);
  assert.ok(spark.points().every(([, y]) => y === 0.5));
});

test('metrics are read by name and label, and counters as rates', () => {
  const text = (count) =>
    `# HELP x\ntickwire_a_total{feed="x\\"y"} ${count}\ntickwire_a_total{feed="z"} 1\ntickwire_b 7\n`;
  const [before, now] = [new Metrics(text(10), 0), new Metrics(text(30), 2000)];
  assert.equal(now.sum('b'), 7);
  assert.equal(now.rate('a', before, { feed: 'x"y' }), 10);
  assert.equal(now.sum('a_total'), 31);
  assert.deepEqual(now.values('a_total', 'feed'), ['x"y', 'z']);
  assert.ok(Number.isNaN(now.sum('nothing')));
});

test('a replay can be stepped back as far as places are kept', () => {
  const steps = new Steps();
  for (const seq of [1, 2, 2, 3]) steps.take(seq);
  assert.equal(steps.back(), 2);
  assert.equal(steps.back(), undefined);
  for (let seq = 0; seq < 5 * STEPS_MAX; seq += 1) steps.take(seq);
  let count = 0;
  for (let back = steps.back(); back !== undefined; back = steps.back()) count += 1;
  assert.ok(count >= STEPS_MAX / 2 && count <= STEPS_MAX);
});

test('pages of history are read to the end, also past an empty one', async () => {
  const answers = [
    { bars: [1, 2], next: 'a' },
    { bars: [], next: 'b' },
    { bars: [3], next: null },
  ];
  const asked = [];
  const get = async (path, { cursor }) => {
    asked.push([path, cursor]);
    return answers[asked.length - 1];
  };
  assert.deepEqual(await readAll(get, 'bars', { symbol: 'sim:X' }), [1, 2, 3]);
  assert.deepEqual(asked, [
    ['/v1/bars', undefined],
    ['/v1/bars', 'a'],
    ['/v1/bars', 'b'],
  ]);
});

test('history that never ends is not read for ever', async () => {
  const rows = await readAll(async () => ({ gaps: [1], next: 'more' }), 'gaps', {});
  assert.equal(rows.length, 40);
});
