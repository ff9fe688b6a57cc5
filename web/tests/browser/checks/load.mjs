import assert from 'node:assert/strict';

const SECONDS = 8;

/** Many messages on many rows: frames a second, and how far the screen is behind. */
export async function check(browser) {
  const page = await browser.live('/?w=sim:*');
  await page.waitForTimeout(3000);
  const before = await page.evaluate(() => ({ ...tickwire.client.stats, at: performance.now() }));
  const frames = await page.evaluate(
    (seconds) =>
      new Promise((resolve) => {
        const times = [];
        const behind = [];
        const end = performance.now() + seconds * 1000;
        const step = (now) => {
          times.push(now);
          behind.push(tickwire.meter.behind.at(0.5));
          if (now < end) requestAnimationFrame(step);
          else resolve({ count: times.length, span: times.at(-1) - times[0], behind });
        };
        requestAnimationFrame(step);
      }),
    SECONDS,
  );
  const { paints, p95, p50, rows, stats, at } = await page.evaluate(() => ({
    paints: tickwire.meter.paints.at(0.95),
    p95: tickwire.meter.behind.at(0.95),
    p50: tickwire.meter.behind.at(0.5),
    rows: document.querySelectorAll('.grid-row').length - 1,
    stats: tickwire.client.stats,
    at: performance.now(),
  }));
  const fps = ((frames.count - 1) / frames.span) * 1000;
  const received = ((stats.frames - before.frames) / (at - before.at)) * 1000;
  const middle = frames.behind.sort((a, b) => a - b)[Math.floor(frames.behind.length / 2)];
  browser.say(
    `${rows} rows, ${received.toFixed(0)} messages/s came, ${fps.toFixed(1)} frames/s, ` +
      `${middle.toFixed(0)} ms behind (last p50 ${p50.toFixed(0)}, p95 ${p95.toFixed(0)}), ` +
      `95 % of paintings within ${paints.toFixed(1)} ms`,
  );
  assert.equal(rows, 200);
  assert.ok(fps >= (browser.isFull ? 40 : 8), `${fps} frames/s`);
  assert.ok(middle <= (browser.isFull ? 50 : 1500), `${middle} ms behind`);
}
