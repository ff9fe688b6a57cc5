import { until } from '../browser.mjs';
import { shrink } from '../palette.mjs';

/** Pictures of the page for the documentation. */
export async function check(browser) {
  const keep = async (name, page) => {
    await browser.picture(name, page);
    await shrink(page, `${browser.options.pictures}/${name}.png`);
    await page.context().close();
  };
  const dark = await browser.live('/?s=sim:BTC-USD&i=5s');
  await dark.waitForTimeout(65_000);
  await keep('screen-dark', dark);
  const light = await browser.live('/?s=sim:ETH-USD&i=1s', { colorScheme: 'light' });
  await light.waitForTimeout(8000);
  await keep('screen-light', light);
  const narrow = await browser.live('/', { viewport: { width: 390, height: 700 } });
  await narrow.waitForTimeout(4000);
  await keep('screen-narrow', narrow);
  const replay = await browser.live('/?s=sim:BTC-USD&i=5s');
  await replay.keyboard.press('r');
  await replay.locator('#sessions table button').first().click();
  await until(replay, 'a replay', () => tickwire.player.past.state === 'playing');
  await replay.evaluate(() => {
    const { past } = tickwire.player;
    past.seek(past.from + (past.to - past.from) * 0.6);
  });
  await replay.waitForTimeout(8000);
  await keep('screen-replay', replay);
  const watched = await browser.live('/');
  const ops = await browser.page('/ui/ops');
  await ops.waitForTimeout(7000);
  await keep('screen-ops', ops);
  await watched.context().close();
}
