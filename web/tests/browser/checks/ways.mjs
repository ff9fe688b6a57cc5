import { until } from '../browser.mjs';

/** Where WebSocket does not get through the page falls to other ways, and says which. */
export async function check(browser) {
  browser.expectAway();
  await falls(browser, { names: ['WebSocket'], way: 'sse', word: 'SSE' });
  await falls(browser, { names: ['WebSocket', '/v1/sse'], way: 'poll', word: 'long poll' });
}

async function falls(browser, { names, way, word }) {
  const prepare = async (page) => {
    await page.routeWebSocket('**/v1/stream', (socket) => socket.close());
    if (names.includes('/v1/sse')) await page.route('**/v1/sse*', (route) => route.abort());
  };
  const page = await browser.page('/', { prepare });
  await until(
    page,
    `falls to ${way}`,
    (way) => {
      const { state, transport } = globalThis.tickwire?.client.state ?? {};
      return state === 'live' && transport === way && tickwire.meter.firstPaint > 0;
    },
    way,
  );
  await until(
    page,
    `says ${word}`,
    (word) => document.getElementById('link').textContent.includes(word),
    word,
  );
  await page.context().close();
}
