import assert from 'node:assert/strict';
import { until } from '../browser.mjs';

/** A session is opened, sought, stepped, played and left; times are never mixed. */
export async function check(browser) {
  const page = await browser.live('/?s=sim:BTC-USD&i=1s');
  await page.waitForTimeout(8000);
  await page.keyboard.press('r');
  await page.locator('#sessions table button').first().click();
  await until(page, 'prices of then', () => {
    const { past } = tickwire.player;
    return past.state === 'playing' && tickwire.desk.ticker('sim:BTC-USD').fields.last > 0;
  });
  await page.keyboard.press('Space');
  await until(
    page,
    'a replay',
    () => tickwire.player.past.state === 'paused' && !document.body.hasAttribute('data-held'),
  );
  assert.equal(await page.locator('body').getAttribute('data-mode'), 'replay');
  assert.equal(await page.locator('.replay-word').textContent(), 'REPLAY');
  await seek(page, browser);
  await step(page);
  await play(page);
  await loop(page);
  await notLater(page);
  await browser.picture('replay');
  await link(page, browser);
  await page.keyboard.press('l');
  await until(
    page,
    'live again',
    () =>
      !('mode' in document.body.dataset) &&
      tickwire.client.state.state === 'live' &&
      tickwire.desk.mode === 'live',
  );
  await until(page, 'prices of now', () => {
    const { recv } = tickwire.desk.ticker('sim:BTC-USD');
    return Date.now() - recv < 2000;
  });
  assert.ok(!new URL(page.url()).searchParams.has('session'));
}

/** What is painted after a seek is what the server says of that place. */
async function seek(page, browser) {
  const before = await page.evaluate(() => {
    const { past } = tickwire.player;
    past.seek(past.from + (past.to - past.from) / 2);
    return past.from;
  });
  await until(
    page,
    'the place',
    (from) => {
      const { past } = tickwire.player;
      return past.at > from + 1000 && !document.body.hasAttribute('data-held');
    },
    before,
  );
  const { shown, said, latest } = await page.evaluate(async () => {
    const { past } = tickwire.player;
    const at = new Date(past.at + 1).toISOString();
    const symbols = tickwire.desk.lists.symbols.join(',');
    const { snapshots } = await tickwire.client.get('/v1/snapshot', {
      channel: 'ticker',
      symbols,
      at,
    });
    const shown = Object.fromEntries(
      [...tickwire.desk.tickers].map(([symbol, { seq }]) => [symbol, seq]),
    );
    const said = Object.fromEntries(snapshots.map(({ symbol, seq }) => [symbol, seq]));
    const latest = Math.max(
      tickwire.desk.bars.last?.start ?? 0,
      tickwire.desk.prints.list[0]?.at ?? 0,
    );
    return { shown, said, latest: latest - past.at };
  });
  const differing = Object.keys(said).filter((symbol) => said[symbol] !== shown[symbol]);
  assert.ok(differing.length <= 1, `seqs of ${differing} at the place`);
  assert.ok(latest <= 5, `something on the screen is ${latest} ms after the place`);
  browser.say(`${Object.keys(said).length} rows are as /v1/snapshot?at= says`);
}

async function step(page) {
  const seq = () => page.evaluate(() => tickwire.player.past.seq);
  const first = await seq();
  await page.keyboard.press('.');
  await until(page, 'a step on', (seq) => tickwire.player.past.seq > seq, first);
  await page.keyboard.press('.');
  await page.waitForTimeout(300);
  const second = await seq();
  await page.keyboard.press(',');
  await until(page, 'a step back', (seq) => tickwire.player.past.seq < seq, second);
}

async function play(page) {
  const at = await page.evaluate(() => tickwire.player.past.at);
  await page.keyboard.press(' ');
  await page.keyboard.press('>');
  await until(page, 'it plays', (at) => tickwire.player.past.at > at + 1500, at);
  assert.equal(await page.evaluate(() => tickwire.player.past.speed), 2);
  await page.keyboard.press(' ');
  await until(page, 'it stands', () => tickwire.player.past.state === 'paused');
  const stood = await page.evaluate(() => tickwire.player.past.at);
  await page.keyboard.press('ArrowLeft');
  await until(
    page,
    'a second back',
    (at) => Math.abs(tickwire.player.past.at - (at - 1000)) < 60,
    stood,
  );
}

/** A, then B two seconds later: it goes back to A by itself. */
async function loop(page) {
  await until(page, 'it has settled', () => !document.body.hasAttribute('data-held'));
  await page.keyboard.press('a');
  const a = await page.evaluate(() => tickwire.player.past.loop.a);
  await page.keyboard.press('ArrowRight');
  await until(
    page,
    'a second on',
    (a) => tickwire.player.past.at >= a + 900 && !document.body.hasAttribute('data-held'),
    a,
  );
  await page.keyboard.press('a');
  const { b } = await page.evaluate(() => tickwire.player.past.loop);
  assert.ok(b > a);
  await page.keyboard.press(' ');
  await until(
    page,
    'it is at A again',
    ({ a, b }) => {
      const { past } = tickwire.player;
      globalThis.wasAtEnd ||= past.at >= b - 300;
      return globalThis.wasAtEnd && past.at < a + 500;
    },
    { a, b },
  );
  await page.keyboard.press(' ');
  await page.keyboard.press('a');
  await until(page, 'it stands', () => tickwire.player.past.state === 'paused');
}

/** Nothing on the screen is of after the instant that is shown. */
async function notLater(page) {
  await until(page, 'it has settled', () => !document.body.hasAttribute('data-held'));
  await page.waitForTimeout(500);
  const later = await page.evaluate(() => {
    const { bars, prints, tickers } = tickwire.desk;
    const times = [...tickers.values()].map(({ recv }) => recv).filter(Number.isFinite);
    const newest = Math.max(bars.last?.start ?? 0, prints.list[0]?.at ?? 0, ...times);
    return newest - tickwire.player.past.at;
  });
  assert.ok(later <= 5, `something on the screen is ${later} ms after the place`);
}

/** The address opens the same session at the same instant. */
async function link(page, browser) {
  await page.waitForTimeout(1200);
  const url = new URL(page.url());
  const at = await page.evaluate(() => tickwire.player.past.at);
  assert.ok(Math.abs(Date.parse(url.searchParams.get('t')) - at) < 1500, url.search);
  const other = await browser.page(url.pathname + url.search);
  await until(
    other,
    'the same instant',
    (at) => {
      const { past } = globalThis.tickwire?.player ?? { past: null };
      return past?.state === 'paused' && Math.abs(past.at - at) < 1500;
    },
    at,
  );
  await other.context().close();
}
