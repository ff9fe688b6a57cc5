import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { en } from '../../app/words/en.js';
import { ko } from '../../app/words/ko.js';

const app = new URL('../../app/', import.meta.url);

function files(ending) {
  const names = readdirSync(app, { recursive: true }).map(String);
  return names
    .filter((name) => name.endsWith(ending) && !name.startsWith('vendor'))
    .map((name) => ({ name, text: readFileSync(new URL(name, app), 'utf8') }));
}

test('each language has the same keys', () => {
  assert.deepEqual(Object.keys(ko).sort(), Object.keys(en).sort());
});

test('a translation has the values that the original has', () => {
  const values = (text) => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();
  for (const key of Object.keys(en)) assert.deepEqual(values(ko[key]), values(en[key]), key);
});

test('everything that is asked for is there', () => {
  const asked = new Set();
  for (const { text } of files('.js')) {
    for (const [, key] of text.matchAll(/\bsay\(\s*'([^']+)'/g)) asked.add(key);
  }
  for (const { text } of files('.html')) {
    for (const [, key] of text.matchAll(/data-(?:word|title|label|hint)="([^"]+)"/g))
      asked.add(key);
  }
  assert.ok(asked.size > 50);
  for (const key of asked) assert.ok(key in en, key);
});

test('nothing is put into the page as markup', () => {
  for (const { name, text } of files('.js')) {
    for (const banned of [
      'innerHTML',
      'outerHTML',
      'insertAdjacentHTML',
      'document.write',
      'eval(',
      'new Function',
    ]) {
      assert.ok(!text.includes(banned), `${name}: ${banned}`);
    }
  }
});

test('files are short and narrow', () => {
  for (const { name, text } of files('.js')) {
    const lines = text.split('\n');
    assert.ok(lines.length <= 300 || name.startsWith('words/'), `${name}: ${lines.length} lines`);
    lines.forEach((line, at) => {
      assert.ok(line.length <= 100, `${name}:${at + 1}: ${line.length} columns`);
    });
    assert.ok(text.startsWith('// @ts-check\n// ') || name.startsWith('words/'), name);
  }
});
