import assert from 'node:assert/strict';
import { until } from '../browser.mjs';

/** A feed that falls silent is said to be, in words, and its prices are marked. */
export async function check(browser) {
  const page = await browser.live('/?i=1s');
  await until(page, 'stale rows', () => document.querySelectorAll('.grid-row.stale').length > 5);
  await page.waitForTimeout(1200);
  assert.match(
    await page.locator('.grid-row.stale .age').first().textContent(),
    /^(stale|resyncing) \d+s$/,
  );
  await until(page, 'the chip', () =>
    /sim (stale|resyncing) \d+s/.test(document.getElementById('feeds').textContent),
  );
  assert.match(await page.locator('#symbol-state').textContent(), /^(stale|resyncing)$/);
  const row = page.locator('.grid-row.stale').first();
  assert.match(await row.getAttribute('title'), /Last tick 20\d\d-.*: \w+/);
  const style = await row.locator('.last').evaluate((cell) => getComputedStyle(cell).fontStyle);
  assert.equal(style, 'italic');
  await browser.picture('stale');
  await until(page, 'live again', () => document.querySelectorAll('.grid-row.stale').length === 0);
}
