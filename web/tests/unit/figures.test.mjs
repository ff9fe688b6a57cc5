import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Figures, firstDifference } from '../../app/js/figures.js';

const english = new Figures('en');

test('thousands are grouped and no digit is rounded', () => {
  for (const [text, shown] of [
    ['97441.40', '97,441.40'],
    ['123', '123'],
    ['1234567.00000001', '1,234,567.00000001'],
    ['-1234.5', '−1,234.5'],
    ['12345678901234567890.12', '12,345,678,901,234,567,890.12'],
  ]) {
    assert.equal(english.exact(text), shown);
  }
});

test('a language has its own separators', () => {
  assert.equal(new Figures('de').exact('97441.40'), '97.441,40');
});

test('a change has a sign, and none if it is none', () => {
  for (const [points, shown] of [
    [120, '+1.20%'],
    [-5, '−0.05%'],
    [0, '0.00%'],
    [123456, '+1,234.56%'],
    [null, ''],
  ]) {
    assert.equal(english.percent(points), shown);
  }
});

test('a quantity is short', () => {
  for (const [text, shown] of [
    ['5', '5'],
    ['812.5', '812.5'],
    ['8123.4411', '8.12K'],
    ['142400', '142.4K'],
    ['1710000', '1.71M'],
    ['0.5', '0.50'],
    [undefined, ''],
  ]) {
    assert.equal(english.short(text), shown);
  }
});

test('what changed begins at the first other digit', () => {
  assert.equal(firstDifference('97,441.40', '97,441.52'), 7);
  assert.equal(firstDifference('99.99', '100.00'), 0);
  assert.equal(firstDifference('', '1'), 0);
});
