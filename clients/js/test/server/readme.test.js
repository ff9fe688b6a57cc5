// @ts-check
// The examples of README.md, as they stand there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pause } from '../stage/compare.js';
import { Server, needsServer } from '../stage/server.js';

const root = new URL('../../', import.meta.url);
/** A line that each example prints if it does what it says. */
const EXPECTED = [/^(trade|snapshot) sim:\S+ [\d.]+ [\d.]+$/m, /^sim:\S+ [\d.]+ [\d.]+ live$/m,
  /^\d{2,} messages, and the end$/m, /^2\S+Z [\d.]+ [\d.]+$/m];

test('the examples of the README do what they say', needsServer, async (t) => {
  const server = await Server.start({ 'feeds.sim.ticks_per_s': 1_000 });
  t.after(() => server.close());
  await pause(1_000);
  const text = await readFile(new URL('README.md', root), 'utf8');
  const examples = [...text.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);
  assert.equal(examples.length, EXPECTED.length);
  // Below the package, so that its own name leads to it.
  const folder = new URL('test/examples/', root);
  await mkdir(folder, { recursive: true });
  t.after(() => rm(folder, { recursive: true }));
  await Promise.all(examples.map(async (code, at) => {
    const file = fileURLToPath(new URL(`${at}.mjs`, folder));
    await writeFile(file, code.replaceAll('http://127.0.0.1:8080', server.url));
    const said = await run(file);
    assert.match(said, EXPECTED[at], code);
  }));
});

/** @param {string} file */
async function run(file) {
  const child = spawn(process.execPath, [file], { timeout: 20_000 });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes) => { said += bytes; });
  }
  const code = await new Promise((resolve) => child.on('close', resolve));
  assert.equal(code, 0, said);
  return said;
}
