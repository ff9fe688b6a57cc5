import assert from 'node:assert/strict';
import { said, texts, until } from '../browser.mjs';

/** Everything can be done with keys, and the focus is never lost. */
export async function check(browser) {
  const page = await browser.live('/?w=sim:BTC-USD,sim:ETH-USD,sim:AAPL&i=1m');
  const names = () => page.evaluate(() => tickwire.grid.order);
  const focused = () =>
    page.evaluate(() => document.activeElement.closest('[data-symbol]')?.dataset.symbol ?? null);
  await page.keyboard.press('/');
  await page.keyboard.type('msft');
  await until(page, 'a symbol is found', () => document.querySelectorAll('#found li').length === 1);
  await page.keyboard.press('Enter');
  assert.deepEqual(await names(), ['sim:BTC-USD', 'sim:ETH-USD', 'sim:AAPL', 'sim:MSFT']);
  assert.equal(await focused(), 'sim:MSFT');
  await said(page, /sim:MSFT added/);
  await move(page, { names, focused });
  await page.keyboard.press('s');
  await said(page, /\d+\.\d\d, (up|down|unchanged).* seconds ago/);
  const stops = await page.evaluate(
    () => document.querySelectorAll('#watch [tabindex="0"]').length,
  );
  assert.equal(stops, 1, 'the grid is one tab stop');
  await dialogs(page);
  await groups(page);
  assert.deepEqual(await sorted(page), ['descending', 'ascending', null]);
  await page.keyboard.press('g');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'chart');
  await page.keyboard.press(']');
  await until(page, 'the next interval', () => tickwire.desk.interval === '5m');
}

async function move(page, { names, focused }) {
  await page.keyboard.press('Alt+ArrowUp');
  assert.deepEqual(await names(), ['sim:BTC-USD', 'sim:ETH-USD', 'sim:MSFT', 'sim:AAPL']);
  assert.equal(await focused(), 'sim:MSFT', 'the focus moves with its row');
  await page.keyboard.press('ArrowUp');
  assert.equal(await focused(), 'sim:ETH-USD');
  await page.keyboard.press('Enter');
  await until(
    page,
    'the chart',
    () => document.getElementById('symbol').textContent === 'ETH-USD · sim',
  );
  await page.keyboard.press('Delete');
  assert.deepEqual(await names(), ['sim:BTC-USD', 'sim:MSFT', 'sim:AAPL']);
  assert.equal(await focused(), 'sim:MSFT', 'after a removal the next row has the focus');
  await page.waitForTimeout(1000);
  assert.equal(await focused(), 'sim:MSFT', 'painting does not take the focus');
  await page.keyboard.press('ArrowRight');
  const column = await page.evaluate(() => document.activeElement.className);
  assert.match(column, /last/);
}

async function dialogs(page) {
  await page.keyboard.press('?');
  await until(page, 'the help', () => document.getElementById('help').open);
  assert.ok((await texts(page, '#help tr')).length > 20);
  await page.keyboard.press('Escape');
  await until(page, 'no help', () => !document.getElementById('help').open);
  await page.keyboard.press('x');
  const shared = await page
    .locator('#sharing textarea')
    .evaluateAll((areas) => areas.map(({ value }) => value));
  assert.match(shared[0], /\?w=sim:BTC-USD,sim:MSFT,sim:AAPL&s=/);
  assert.match(shared[1], /^tickwire sub sim:BTC-USD sim:MSFT sim:AAPL --url ws:/);
  await page.keyboard.press('Escape');
}

async function groups(page) {
  await page.locator('#group-add').click();
  const count = await page.locator('#groups button').count();
  assert.deepEqual(await page.evaluate(() => tickwire.grid.order), []);
  await page.locator('#chart').focus();
  await page.keyboard.press(String(count - 1));
  assert.equal((await page.evaluate(() => tickwire.grid.order)).length, 3);
}

async function sorted(page) {
  const head = page.locator('.grid-head .last');
  const orders = [];
  for (let click = 0; click < 3; click += 1) {
    await head.click();
    orders.push(await head.getAttribute('aria-sort'));
  }
  return orders;
}
