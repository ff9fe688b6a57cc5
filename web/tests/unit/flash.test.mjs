import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flash } from '../../app/js/flash.js';

test('a change is marked for 300 ms and then no more', () => {
  const flash = new Flash();
  flash.change(1, 1000);
  assert.deepEqual([flash.mark(1000), flash.mark(1299), flash.mark(1300)], ['up', 'up', '']);
});

test('a second change restarts the mark and does not add to it', () => {
  const flash = new Flash();
  flash.change(1, 1000);
  flash.change(-1, 1200);
  assert.deepEqual([flash.mark(1250), flash.mark(1499), flash.mark(1500)], ['down', 'down', '']);
});

test('above three changes in a second it stands instead of blinking', () => {
  const flash = new Flash();
  for (const at of [1000, 1250, 1500]) flash.change(1, at);
  assert.equal(flash.mark(1500), 'up');
  flash.change(-1, 1750);
  for (const at of [1750, 1900, 1999]) assert.equal(flash.mark(at), 'steady');
  assert.equal(flash.isLit(1999), true);
});

test('no more than three marks begin in any second, however often it changes', () => {
  for (const every of [20, 100, 250, 300, 333, 340, 400]) {
    const flash = new Flash();
    const begun = [];
    let before = '';
    for (let now = 0; now < 5000; now += 10) {
      if (now % every === 0) flash.change(now % (2 * every) === 0 ? 1 : -1, now);
      const mark = flash.mark(now);
      if (mark !== before && mark !== '' && mark !== 'steady') begun.push(now);
      before = mark;
    }
    for (const start of begun) {
      const near = begun.filter((at) => at >= start && at < start + 1000).length;
      assert.ok(near <= 3, `${near} marks in a second at one change each ${every} ms`);
    }
  }
});

test('less motion holds the mark for a second', () => {
  const flash = new Flash();
  flash.change(1, 1000, 1000);
  assert.deepEqual([flash.mark(1999), flash.mark(2000)], ['up', '']);
});
