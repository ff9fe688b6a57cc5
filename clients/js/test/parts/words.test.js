// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Address } from '../../src/address.js';
import { Backoff } from '../../src/backoff.js';
import { cursorOf, textOf } from '../../src/cursor.js';
import { covers, listOf, overlap, packs } from '../../src/names.js';
import { endOf, waitAfter } from '../../src/sessions/end.js';

test('patterns mean what the protocol says', () => {
  const check = (name, inside, outside) => {
    for (const symbol of inside) assert.ok(covers(name, symbol), `${name} ${symbol}`);
    for (const symbol of outside) assert.ok(!covers(name, symbol), `${name} ${symbol}`);
  };
  check('*:*', ['a:B', 'binance:BTC-USDT'], []);
  check('a:*', ['a:B', 'a:B-C'], ['b:B']);
  check('*:B-C', ['a:B-C', 'b:B-C'], ['a:B', 'a:B-C-D']);
  check('a:*-USD', ['a:B-USD', 'a:B-C-USD'], ['a:B-USDT', 'a:USD', 'b:B-USD']);
  check('a:B-*', ['a:B-C'], ['a:B', 'a:B-C-D', 'a:BB-C']);
  check('a:B-C', ['a:B-C'], ['a:B-CC']);
});

test('two names overlap if a symbol could be meant by both', () => {
  assert.ok(overlap('a:*', 'a:B') && overlap('a:B', '*:*') && overlap('a:*', '*:B-C'));
  assert.ok(!overlap('a:B', 'a:C') && !overlap('a:*', 'b:*') && !overlap('b:C', 'a:*'));
});

test('names are listed once each, and what is no name is refused', () => {
  assert.deepEqual(listOf('a:B'), ['a:B']);
  assert.deepEqual(listOf(new Set(['a:B', 'a:C'])), ['a:B', 'a:C']);
  assert.deepEqual(listOf(['a:B', 'a:B']), ['a:B']);
  for (const bad of ['AAPL', [''], [7]]) {
    assert.throws(() => listOf(/** @type {any} */ (bad)), /venue:NAME/);
  }
});

test('many names go out in requests that each fit', () => {
  const names = Array.from({ length: 5_000 }, (_, i) => `sim:S${i}-USD`);
  const lists = packs(names, { bytes: 1_000 });
  assert.deepEqual(lists.flat(), names);
  for (const list of lists) assert.ok(JSON.stringify(list).length <= 1_002);
  const patterns = Array.from({ length: 600 }, (_, i) => `v${i}:*`);
  assert.deepEqual(packs(patterns, { bytes: 65_536 }).map((list) => list.length), [256, 256, 88]);
  assert.deepEqual(packs([], { bytes: 10 }), []);
});

test('any URL of a server leads to all of it', () => {
  const base = 'h:8080/';
  const ways = ['ws://h:8080/v1/stream', 'http://h:8080', 'http://h:8080/v1/', 'ws://h:8080/'];
  for (const text of ways) {
    const address = new Address(text);
    assert.equal(address.ws('/v1/stream'), `ws://${base}v1/stream`, text);
    assert.equal(address.http('/v1/symbols'), `http://${base}v1/symbols`, text);
  }
  const below = new Address('wss://h/ticks/v1/stream');
  assert.equal(below.http('/v1/venues'), 'https://h/ticks/v1/venues');
  assert.throws(() => new Address('ftp://h/'), /no http or ws URL/);
  assert.throws(() => new Address('/v1/stream'), 'without a page there is nothing to complete it');
});

test('parameters are written as the server reads them', () => {
  const address = new Address('http://h');
  const from = new Date(Date.UTC(2026, 10, 20, 9, 30));
  const url = new URL(address.http('/v1/trades', {
    symbols: ['a:B', 'a:C-D'], from, to: { epoch: 'k:3', seq: 7 }, last: undefined, limit: 0,
  }));
  assert.deepEqual(Object.fromEntries(url.searchParams), {
    symbols: 'a:B,a:C-D', from: '2026-11-20T09:30:00.000Z', to: 'k:3:7', limit: '0',
  });
});

test('a cursor is the same after being written and read', () => {
  const cursor = { epoch: 'k3v9', seq: 2 ** 53 - 1 };
  assert.deepEqual(cursorOf(textOf(cursor)), cursor);
});

test('waits double up to a bound and are spread by chance', () => {
  const waits = (random) => {
    const backoff = new Backoff({ minMs: 100, maxMs: 1_000, random: () => random });
    return Array.from({ length: 6 }, () => backoff.next());
  };
  assert.deepEqual(waits(0), [50, 100, 200, 400, 500, 500]);
  assert.deepEqual(waits(1), [100, 200, 400, 800, 1_000, 1_000]);
});

test('the server says when to come back, and who was turned away waits long', () => {
  assert.equal(waitAfter({ ...endOf(4000, ''), retryInMs: 3_120 }, 50), 3_120);
  assert.equal(waitAfter(endOf(1006, ''), 50), 50);
  for (const code of [4401, 4403, 4429, 4029]) assert.equal(waitAfter(endOf(code, ''), 50), 30_000);
  assert.equal(endOf(4008, '').code, 'too_slow');
});
