import assert from 'node:assert/strict';
import { until } from '../browser.mjs';

const SYMBOL = 'sim:BTC-USD';

/** The server goes away for ten seconds: nothing is blanked, and no wrong price is ever shown. */
export async function check(browser) {
  const page = await browser.live(`/?s=${SYMBOL}`);
  await page.evaluate((symbol) => {
    const painted = (globalThis.painted = []);
    const told = tickwire.grid.onPainted;
    tickwire.grid.onPainted = (ticker) => {
      told(ticker);
      if (ticker.symbol !== symbol) return;
      const row = document.querySelector(`[data-symbol="${symbol}"]`);
      const shown = (name) => row.querySelector(`.${name}`).textContent.replace(/[^\d.]/g, '');
      painted.push({ seq: ticker.seq, bid: shown('bid'), ask: shown('ask'), last: shown('last') });
    };
  }, SYMBOL);
  await page.waitForTimeout(2000);
  browser.expectAway();
  browser.say('STOP');
  await browser.hear();
  await until(page, 'the banner', () => !document.getElementById('banner').hidden);
  await page.waitForTimeout(1500);
  const shown = await page.locator(`[data-symbol="${SYMBOL}"] .last`).textContent();
  assert.match(shown, /\d/, 'prices are not blanked');
  assert.match(
    await page.locator('#banner-text').textContent(),
    /Reconnecting \(attempt \d+.*last data \d\d:/,
  );
  const dimmed = await page.evaluate(
    () => getComputedStyle(document.getElementById('watch')).opacity,
  );
  assert.ok(Number(dimmed) < 1, 'the table is dimmed');
  await browser.picture('cut');
  await page.waitForTimeout(8500);
  browser.say('START');
  await browser.hear();
  await until(page, 'live again', () => tickwire.client.state.state === 'live');
  await until(page, 'the good news', () =>
    /Recovered|Resynchronised/.test(document.getElementById('banner-text').textContent),
  );
  browser.say(await page.locator('#banner-text').textContent());
  await browser.picture('recovered');
  await page.waitForTimeout(2500);
  await verify(browser, page);
}

/** Each price that was painted is the one that the tape has at its place. */
async function verify(browser, page) {
  const { painted, quotes, trades } = await page.evaluate(async (symbol) => {
    const all = async (kind) => {
      const rows = [];
      const newest = painted.at(-1).seq;
      for (let cursor; cursor !== null && !(rows.at(-1)?.seq > newest);) {
        const page = await tickwire.client.get(`/v1/${kind}`, { symbol, cursor, limit: 10_000 });
        rows.push(...page[kind]);
        cursor = page.next;
      }
      return rows;
    };
    return { painted, quotes: await all('quotes'), trades: await all('trades') };
  }, SYMBOL);
  const last = (rows, seq) => rows.findLast((row) => row.seq <= seq);
  let seq = 0;
  for (const paint of painted) {
    assert.ok(paint.seq >= seq, 'what is painted never goes back');
    seq = paint.seq;
    const [quote, trade] = [last(quotes, seq), last(trades, seq)];
    assert.deepEqual(
      { seq, bid: Number(paint.bid), ask: Number(paint.ask), last: Number(paint.last) },
      { seq, bid: Number(quote.bid), ask: Number(quote.ask), last: Number(trade.price) },
    );
  }
  browser.say(`${painted.length} paintings of ${SYMBOL} are what the tape has`);
  assert.ok(painted.length > 30);
}
