import assert from 'node:assert/strict';
import { texts, until } from '../browser.mjs';

/** The operators' page shows feeds, workers, clients and sessions. */
export async function check(browser) {
  const screen = await browser.live('/');
  const page = await browser.page('/ui/ops');
  await until(
    page,
    'tables',
    () => document.querySelectorAll('#clients-table tbody tr').length > 0,
  );
  await page.waitForTimeout(4500);
  assert.match((await texts(page, '#feeds-table tbody tr'))[0], /^simlive/);
  assert.match((await texts(page, '#clients-table tbody tr'))[0], /stream127\.0\.0\.1\d+s\d+/);
  assert.equal(await page.locator('#ready').getAttribute('data-state'), 'live');
  assert.ok((await texts(page, '#events')).every((text) => Number(text.replace(',', '')) > 50));
  await browser.picture('ops', page);
  const href = await page.locator('#sessions-table a').first().getAttribute('href');
  const replay = await browser.page(href);
  await until(
    replay,
    'its replay',
    () =>
      document.body.dataset.mode === 'replay' &&
      globalThis.tickwire?.player.past.state === 'playing',
  );
  await screen.context().close();
}
