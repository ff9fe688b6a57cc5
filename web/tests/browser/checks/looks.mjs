import assert from 'node:assert/strict';
import { until } from '../browser.mjs';

const THEMES = ['dark', 'light'];
const COLOURS = ['blue', 'green', 'korean'];

/** Themes, colours, motion, languages, zoom and narrow screens. */
export async function check(browser) {
  await contrasts(browser);
  await languages(browser);
  await motion(browser);
  await forced(browser);
  await sizes(browser);
}

async function contrasts(browser) {
  const page = await browser.live('/');
  for (const theme of THEMES) {
    for (const colours of COLOURS) {
      await choose(page, { theme, colours });
      // Marks fade from the colours before.
      await page.waitForTimeout(400);
      const poor = await page.evaluate(poorTexts);
      assert.deepEqual(poor, [], `${theme} ${colours}`);
    }
    await choose(page, { theme, colours: 'blue' });
    await page.waitForTimeout(500);
    await browser.picture(theme);
  }
  await page.keyboard.press('t');
  assert.equal(await page.evaluate(() => localStorage.getItem('tickwire.theme')), 'auto');
  await page.context().close();
}

async function choose(page, choices) {
  await page.evaluate((choices) => {
    for (const [name, value] of Object.entries(choices)) tickwire.preferences.set(name, value);
    tickwire.looks.apply();
  }, choices);
}

/** Texts with a contrast below 4.5:1 to the ground that they stand on (WCAG 1.4.3). */
function poorTexts() {
  const parse = (text) => text.match(/[\d.]+/g).map(Number);
  const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = ([red, green, blue]) =>
    [0.2126, 0.7152, 0.0722].reduce(
      (sum, part, index) => sum + part * linear([red, green, blue][index] / 255),
      0,
    );
  const groundOf = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const ground = parse(getComputedStyle(at).backgroundColor);
      if ((ground[3] ?? 1) > 0.99) return ground;
    }
    return [255, 255, 255];
  };
  const poor = new Set();
  for (const node of document.querySelectorAll('body *')) {
    const hasText = [...node.childNodes].some(
      (child) => child.nodeType === 3 && child.data.trim() !== '',
    );
    if (!hasText || !node.checkVisibility() || node.closest('.skip, noscript, option')) continue;
    const [ink, ground] = [parse(getComputedStyle(node).color), groundOf(node)].map(light);
    const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    if (ratio < 4.5) poor.add(`${node.className || node.id || node.tagName} ${ratio.toFixed(2)}`);
  }
  return [...poor];
}

async function languages(browser) {
  const page = await browser.live('/', { locale: 'ko-KR' });
  await until(page, 'Korean', () => document.documentElement.lang === 'ko');
  assert.equal(await page.locator('#watch-pane').getAttribute('aria-label'), '관심종목');
  await page.locator('#language').selectOption('en');
  assert.equal(await page.locator('#watch-pane').getAttribute('aria-label'), 'Watchlist');
  await page.context().close();
}

async function motion(browser) {
  const page = await browser.live('/', { reducedMotion: 'reduce' });
  assert.equal(await page.locator('html').getAttribute('data-motion'), 'less');
  const held = await page.evaluate(() => tickwire.look().hold);
  assert.equal(held, 1000, 'a change is marked longer, not absent');
  await until(page, 'a mark', () => document.querySelector('.cell[data-flash]') !== null);
  const [ground, border] = await page
    .locator('.cell[data-flash]')
    .first()
    .evaluate((cell) => {
      const { backgroundColor, borderLeftColor } = getComputedStyle(cell);
      return [backgroundColor, borderLeftColor];
    });
  assert.equal(ground, 'rgba(0, 0, 0, 0)');
  assert.notEqual(border, 'rgba(0, 0, 0, 0)');
  await page.context().close();
}

async function forced(browser) {
  const page = await browser.live('/', { forcedColors: 'active' });
  assert.ok(await page.evaluate(() => matchMedia('(forced-colors: active)').matches));
  assert.ok(await page.locator('.grid-row.chosen').isVisible());
  await browser.picture('forced');
  await page.context().close();
}

async function sizes(browser) {
  const zoomed = { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 };
  for (const [name, context] of Object.entries({
    zoom: zoomed,
    narrow: { viewport: { width: 390, height: 760 } },
    tablet: { viewport: { width: 1024, height: 700 } },
    wide: { viewport: { width: 1280, height: 800 } },
  })) {
    const page = await browser.live('/', context);
    const { across, down } = await page.evaluate(() => {
      const { scrollWidth, clientWidth, scrollHeight, clientHeight } = document.documentElement;
      return { across: scrollWidth - clientWidth, down: scrollHeight - clientHeight };
    });
    assert.equal(across, 0, `${name} scrolls across`);
    if (name === 'wide') assert.equal(down, 0, `${name} scrolls down`);
    if (name === 'narrow' || name === 'zoom') await tabs(page);
    await browser.picture(name);
    await page.context().close();
  }
}

async function tabs(page) {
  for (const pane of ['chart-pane', 'tape-pane', 'watch-pane']) {
    await page.locator(`#tabs [aria-controls="${pane}"]`).click();
    const seen = await page
      .locator('main > .pane:visible')
      .evaluateAll((panes) => panes.map(({ id }) => id));
    assert.deepEqual(seen, [pane]);
  }
}
