import assert from 'node:assert/strict';
import { openUnheard } from '../unheard.mjs';

const SECONDS = 8;
/** Each change is sent, as the page is asked for it. */
const PATH = '/?w=sim:*&conflate_ms=0';

/** Many messages on many rows: frames a second, and how far the screen is behind. */
export async function check(browser) {
  const size = { width: 1280, height: 800 };
  const page = await openUnheard(browser.browser, browser.url + PATH, size);
  await page.evaluate(untilPainted);
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const { frames, received, shown, rows, middle, behind, paints } = await page.evaluate(
    measure,
    SECONDS,
  );
  browser.say(
    `${rows} rows, ${received.toFixed(0)} messages of tickers/s came, ` +
      `${frames.toFixed(1)} frames/s, ${middle.toFixed(0)} ms behind (the last 256 rows: ` +
      `95 % within ${behind.toFixed(0)}), ${shown.toFixed(0)} rows/s painted, ` +
      `95 % of paintings within ${paints.toFixed(1)} ms`,
  );
  assert.equal(rows, 200);
  assert.ok(received >= (browser.isFull ? 8000 : 500), `${received} messages/s`);
  assert.ok(frames >= (browser.isFull ? 40 : 8), `${frames} frames/s`);
  assert.ok(middle <= (browser.isFull ? 50 : 1500), `${middle} ms behind`);
}

/** Until there are prices. */
async function untilPainted() {
  for (let waited = 0; !(globalThis.tickwire?.meter.firstPaint > 0); waited += 50) {
    if (waited > 20_000) throw new Error('no price within 20 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What the page itself counts in so many seconds. */
async function measure(seconds) {
  const { meter } = tickwire;
  const behind = [];
  const [began, came] = [performance.now(), meter.tickers];
  let count = 0;
  let now = began;
  while (now < began + seconds * 1000) {
    await new Promise(requestAnimationFrame);
    now = performance.now();
    count += 1;
    behind.push(meter.behind.at(0.5));
  }
  const span = (now - began) / 1000;
  behind.sort((a, b) => a - b);
  return {
    frames: count / span,
    received: (meter.tickers - came) / span,
    shown: meter.shown.perSecond,
    rows: document.querySelectorAll('.grid-row').length - 1,
    middle: behind[Math.floor(behind.length / 2)],
    behind: meter.behind.at(0.95),
    paints: meter.paints.at(0.95),
  };
}
