import assert from 'node:assert/strict';
import { until } from '../browser.mjs';

/** From the beginning of the load to the first price. */
export async function check(browser) {
  const times = [];
  for (let visit = 0; visit < 3; visit += 1) {
    const page = await browser.live('/');
    times.push(Math.round(await page.evaluate(() => tickwire.meter.firstPaint)));
    await page.context().close();
  }
  await newcomer(browser);
  browser.say(`first tick painted after ${times.join(', ')} ms`);
  // The first visit begins with an empty cache.
  assert.ok(Math.max(...times) <= (browser.isFull ? 1500 : 6000), String(times));
}

/** Who has chosen nothing sees what moves: the busiest symbol, in seconds while the tape is young. */
async function newcomer(browser) {
  const page = await browser.live('/');
  await until(page, 'bars of seconds', () => tickwire.desk.interval === '1s');
  const { symbol, trades, most, search } = await page.evaluate(() => {
    const { symbol, tickers } = tickwire.desk;
    const counts = [...tickers.values()].map(({ fields }) => Number(fields.trades ?? 0));
    const trades = Number(tickers.get(symbol).fields.trades);
    return { symbol, trades, most: Math.max(...counts), search: location.search };
  });
  // Another one may have come past it since the page asked.
  assert.ok(trades > most * 0.7, `${symbol} has ${trades} trades, another one ${most}`);
  assert.doesNotMatch(search, /[?&]i=/, 'a link says what was chosen');
  await page.locator('#intervals button', { hasText: /^5s$/ }).click();
  assert.match(await page.evaluate(() => location.search), /&i=5s/);
  const other = await browser.live('/?i=1m');
  await other.waitForTimeout(1500);
  assert.equal(await other.evaluate(() => tickwire.desk.interval), '1m', 'as it was chosen');
  await Promise.all([page, other].map((one) => one.context().close()));
}
