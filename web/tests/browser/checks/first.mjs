import assert from 'node:assert/strict';

/** From the beginning of the load to the first price. */
export async function check(browser) {
  const times = [];
  for (let visit = 0; visit < 3; visit += 1) {
    const page = await browser.live('/');
    times.push(Math.round(await page.evaluate(() => tickwire.meter.firstPaint)));
    await page.context().close();
  }
  browser.say(`first tick painted after ${times.join(', ')} ms`);
  // The first visit begins with an empty cache.
  assert.ok(Math.max(...times) <= (browser.isFull ? 1500 : 6000), String(times));
}
