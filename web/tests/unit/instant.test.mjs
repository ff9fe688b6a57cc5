import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countdown, msOf, parseOn, shortSpan } from '../../app/js/instant.js';

const day = Date.parse('2026-11-20T14:30:00Z');

test('nanoseconds on the wire are read', () => {
  assert.equal(msOf('2026-11-21T20:01:43.249509496Z'), Date.parse('2026-11-21T20:01:43.249Z'));
  assert.ok(Number.isNaN(msOf(undefined)));
});

test('a time of day is one of the day that is shown', () => {
  for (const [text, at] of [
    ['9:30', '2026-11-20T09:30:00Z'],
    ['09:30:04', '2026-11-20T09:30:04Z'],
    ['09:30:04.118', '2026-11-20T09:30:04.118Z'],
    ['2026-11-19 10:00:00', '2026-11-19T10:00:00Z'],
    ['2026-11-19T10:00:00+09:00', '2026-11-19T01:00:00Z'],
  ]) {
    assert.equal(parseOn(text, day), Date.parse(at), text);
  }
});

test('what is no time is none', () => {
  for (const text of ['', 'noon', '25:00', '9:60', '9', '10:00:99', '-1:00']) {
    assert.ok(Number.isNaN(parseOn(text, day)), text);
  }
});

test('spans and countdowns are short', () => {
  assert.deepEqual([0, 99_000, 100_000, 7_200_000, 400_000_000].map(shortSpan), [
    '0s',
    '99s',
    '1m',
    '2h',
    '4d',
  ]);
  assert.deepEqual([0, 500, 59_001, 3_723_000].map(countdown), ['0:00', '0:01', '1:00', '1:02:03']);
});
