import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandLine, parseLink, writeLink } from '../../app/js/link.js';
import { matches } from '../../app/js/search.js';
import { Sorting } from '../../app/js/sorting.js';
import { Ticker } from '../../app/js/ticker.js';
import { Watchlists } from '../../app/js/watchlists.js';

test('a symbol is there once, and moves', () => {
  const lists = new Watchlists([{ name: '1', symbols: ['a', 'b', 'c'] }]);
  assert.equal(lists.add('b'), false);
  assert.equal(lists.move('c', 0), true);
  assert.equal(lists.move('c', -1), false);
  lists.remove('a');
  assert.deepEqual(lists.symbols, ['c', 'b']);
});

test('what was stored comes back, and what was not stored by us is nothing', () => {
  const lists = new Watchlists([
    { name: '1', symbols: ['a'] },
    { name: '2', symbols: [] },
  ]);
  lists.choose(1);
  assert.deepEqual(Watchlists.parse(lists.text()), lists);
  for (const text of [
    null,
    '',
    '{',
    '[]',
    '{"groups":[]}',
    '{"groups":[{"name":1,"symbols":[]}]}',
  ]) {
    assert.equal(Watchlists.parse(text), null, String(text));
  }
  const odd = Watchlists.parse('{"groups":[{"name":"x","symbols":["a","a",7]}],"current":9}');
  assert.deepEqual([odd.symbols, odd.current], [['a'], 0]);
});

test('there are nine groups at most, and one at least', () => {
  const lists = new Watchlists([{ name: '1', symbols: [] }]);
  for (let count = 0; count < 20; count += 1) lists.addGroup('x');
  assert.equal(lists.groups.length, 9);
  for (let count = 0; count < 20; count += 1) lists.removeGroup();
  assert.deepEqual([lists.groups.length, lists.current], [1, 0]);
});

test('a link is read as it was written', () => {
  for (const link of [
    {
      watch: ['sim:BTC-USD', 'sim:A%2F,B'],
      symbol: 'sim:BTC-USD',
      interval: '5s',
      conflateMs: 0,
      session: '',
      at: '',
      speed: 1,
    },
    {
      watch: [],
      symbol: '',
      interval: '',
      conflateMs: 25,
      session: 'k3v9/sim/2026-11-20',
      at: '2026-11-20T09:30:04.118Z',
      speed: 0,
    },
  ]) {
    assert.deepEqual(parseLink(writeLink(link)), {
      ...link,
      watch: link.watch.flatMap((name) => name.split(',')),
    });
  }
});

test('a link that makes no sense is an empty one', () => {
  for (const conflation of ['-1', '60001', '2.5', 'x', '']) {
    const search = `?i=2y&speed=-3&w=,,&conflate_ms=${conflation}`;
    const { interval, speed, watch, conflateMs } = parseLink(search);
    assert.deepEqual([interval, speed, watch, conflateMs], ['', 1, [], 25], conflation);
  }
});

test('a command line takes the list as it is', () => {
  assert.equal(
    commandLine(['sim:BTC-USD', 'sim:*'], 'https://h'),
    "tickwire sub sim:BTC-USD 'sim:*' --url wss://h",
  );
});

test('the likeliest symbol is found first', () => {
  const all = ['x:ABTC', 'sim:BTC-USD', 'sim:BTC', 'btc:FOO'];
  assert.deepEqual(matches('btc', all), ['sim:BTC', 'sim:BTC-USD', 'btc:FOO', 'x:ABTC']);
  assert.deepEqual(matches(' ', all), []);
});

test('a column sorts down, up, and not at all', () => {
  const tickers = new Map(
    ['9', '10', '-1', undefined].map((last, index) => {
      const ticker = new Ticker(`s${index}`);
      if (last !== undefined) ticker.apply({ type: 'snapshot', seq: 1, last });
      return [`s${index}`, ticker];
    }),
  );
  const symbols = ['s0', 's1', 's2', 's3'];
  const sorting = new Sorting();
  const orders = [0, 1, 2].map(() => {
    sorting.turn('last');
    return sorting.sort(symbols, tickers).join(' ');
  });
  assert.deepEqual(orders, ['s1 s0 s2 s3', 's2 s0 s1 s3', 's0 s1 s2 s3']);
});
