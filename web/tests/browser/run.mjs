// Runs one check of the page in a browser: `node run.mjs CHECK URL [KEY=VALUE…]`. What it measured
// goes to stdout as lines; whatever goes wrong ends it with 1.

import { open } from './browser.mjs';

const [name, url, ...given] = process.argv.slice(2);
const options = Object.fromEntries(given.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
const { check } = await import(`./checks/${name}.mjs`);
const browser = await open(url, options);
try {
  await check(browser);
  browser.assertClean();
} catch (error) {
  await browser.picture(`failed-${name}`).catch(() => {});
  console.error(error.stack ?? error);
  process.exitCode = 1;
} finally {
  await browser.close();
}
