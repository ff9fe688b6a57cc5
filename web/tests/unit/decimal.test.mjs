import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as decimal from '../../app/js/decimal.js';

test('places are those that are shown', () => {
  for (const [text, places] of [
    ['1', 0],
    ['1.5', 1],
    ['105944.20', 2],
    ['0.00027625', 8],
  ]) {
    assert.equal(decimal.places(text), places, text);
  }
});

test('long tails of zeros are padding and say nothing', () => {
  for (const [text, places] of [
    ['97000.01000000', 2],
    ['0.00001234', 8],
    ['3456.00000000', 2],
    ['1.50', 2],
  ]) {
    assert.equal(decimal.meantPlaces(text), places, text);
  }
});

test('a tick size says how many places a price has', () => {
  for (const [tick, places] of [
    ['0.01', 2],
    ['0.010', 2],
    ['0.25', 2],
    ['5', 0],
    ['10', 0],
    ['0.00000001', 8],
  ]) {
    assert.equal(decimal.tickPlaces(tick), places, tick);
  }
});

test('a price has the places of its symbol, and no digit is dropped', () => {
  for (const [text, count, shown] of [
    ['184.3', 2, '184.30'],
    ['184.25', 2, '184.25'],
    ['184', 2, '184.00'],
    ['184.255', 2, '184.255'],
    ['97000.01000000', 2, '97000.01'],
    ['97000.00', 0, '97000'],
    ['1500', 0, '1500'],
    ['-1.5', 2, '-1.50'],
  ]) {
    assert.equal(decimal.toPlaces(text, count), shown, text);
  }
});

test('sums and differences are exact where binary floats are not', () => {
  assert.equal(decimal.subtract('0.3', '0.1'), '0.2');
  assert.equal(decimal.subtract('97000.02', '97000.01'), '0.01');
  assert.equal(decimal.subtract('1', '1.05'), '-0.05');
  assert.equal(decimal.add('0.1', '0.2'), '0.3');
  assert.equal(
    decimal.add('79228162514264337593543950335', '0.1'),
    '79228162514264337593543950335.1',
  );
});

test('numbers are compared by value, whatever their places', () => {
  for (const [a, b, order] of [
    ['1.10', '1.1', 0],
    ['9', '10', -1],
    ['-1', '0.5', -1],
    ['2.01', '2.001', 1],
  ]) {
    assert.equal(Math.sign(decimal.compare(a, b)), order, `${a} ${b}`);
  }
});

test('a change is rounded half away from zero to hundredths of a per cent', () => {
  for (const [now, then, points] of [
    ['101', '100', 100],
    ['99', '100', -100],
    ['100.005', '100', 1],
    ['99.995', '100', -1],
    ['100.0049', '100', 0],
    ['100', '100.00', 0],
    ['1', '0', null],
    ['200', '3', 656667],
  ]) {
    assert.equal(decimal.changeBasisPoints(now, then), points, `${now} ${then}`);
  }
});
