// A browser at the page, which listens for everything that must not happen.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** @param {string} url of the server @param {Record<string, string>} options */
export async function open(url, options) {
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'] });
  return new Browser(browser, url, options);
}

/** A browser and the pages that were opened in it. */
class Browser {
  #troubles = [];
  #isAwayExpected = false;
  #input = null;
  #lines = null;

  constructor(browser, url, options) {
    this.browser = browser;
    this.url = url;
    this.options = options;
  }

  /** Whether the bounds of a machine of one's own are asked for. */
  get isFull() {
    return process.env.SCREEN_BOUNDS === 'full';
  }

  /** Opens a page at a path. */
  async page(path = '/', { prepare = async () => {}, ...context } = {}) {
    const size = { viewport: { width: 1280, height: 800 }, colorScheme: 'dark', locale: 'en-GB' };
    const inner = await this.browser.newContext({ ...size, ...context });
    const page = await inner.newPage();
    this.last = page;
    page.on('console', (message) => this.#heard(message));
    page.on('pageerror', (error) => this.#troubles.push(`uncaught: ${error.stack}`));
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    await prepare(page);
    await page.goto(this.url + path);
    return page;
  }

  /** A page with prices on it. */
  async live(path, context) {
    const page = await this.page(path, context);
    await page.waitForFunction(() => globalThis.tickwire?.meter.firstPaint > 0, null, {
      timeout: 20_000,
    });
    return page;
  }

  /** From now on the server may be away. */
  expectAway() {
    this.#isAwayExpected = true;
  }

  /** A picture of the page that was opened last. */
  async picture(name, page = this.last) {
    const folder = this.options.pictures ?? 'target/screens';
    await mkdir(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${name}.png`) });
  }

  /** Says something to whoever runs this. */
  say(...words) {
    console.log(...words);
  }

  /** The next line that whoever runs this has to say. */
  async hear() {
    this.#input ??= createInterface({ input: process.stdin });
    this.#lines ??= this.#input[Symbol.asyncIterator]();
    const { value } = await this.#lines.next();
    return value;
  }

  assertClean() {
    assert.deepEqual(this.#troubles, []);
  }

  async close() {
    this.#input?.close();
    process.stdin.destroy();
    await this.browser.close();
  }

  #heard(message) {
    if (!['error', 'warning'].includes(message.type())) return;
    const text = `${message.type()}: ${message.text()} ${message.location().url}`;
    // A browser writes each request that fails to the console; nothing else can say it is expected.
    const isAway =
      /ERR_CONNECTION|ERR_FAILED|ERR_EMPTY|WebSocket connection|503|ERR_INCOMPLETE/.test(text);
    if (!(this.#isAwayExpected && isAway)) this.#troubles.push(text);
  }
}

/** The texts of all elements that a selector finds. */
export async function texts(page, selector) {
  return page
    .locator(selector)
    .evaluateAll((nodes) => nodes.map((node) => node.textContent.trim()));
}

/** Waits until something is so, asked of the page. */
export async function until(page, what, isSo, argument) {
  try {
    await page.waitForFunction(isSo, argument, { timeout: 15_000, polling: 50 });
  } catch {
    throw new Error(`not within 15 s: ${what}`);
  }
}

/** What the status line says next, if it says it. */
export async function said(page, pattern) {
  const source = pattern.source;
  await until(
    page,
    `said ${source}`,
    (text) => new RegExp(text).test(document.getElementById('said').textContent),
    source,
  );
}
