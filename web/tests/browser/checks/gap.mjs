import assert from 'node:assert/strict';
import { until } from '../browser.mjs';

/** A feed that was cut leaves a hatched band with words on the chart, in the library's and in ours. */
export async function check(browser) {
  for (const plot of ['library', 'own']) {
    const prepare = async (page) => {
      if (plot === 'own') await absent(page);
    };
    const page = await browser.live('/?i=1s', { prepare });
    const drawn = await page.locator('#chart').getAttribute('data-plot');
    if (plot === 'library' && drawn === 'own') {
      browser.say('SKIPPED: needs the chart library (npm ci in web)');
      continue;
    }
    assert.equal(drawn, plot);
    await until(page, 'a gap', () => tickwire.desk.gaps.list.some((gap) => gap.until || gap.to));
    await page.waitForTimeout(4000);
    const share = await page.locator('canvas.bands').evaluate((canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let painted = 0;
      for (let at = 3; at < data.length; at += 4) painted += data[at] > 0 ? 1 : 0;
      return painted / (data.length / 4);
    });
    assert.ok(share > 0.002, `the bands take ${share} of the chart`);
    await browser.picture(`gap-${plot}`);
    await page.context().close();
  }
}

/** As if the program had been built without npm. */
export async function absent(page) {
  await page.route('**/vendor/lightweight-charts.js', (route) =>
    route.fulfill({
      contentType: 'text/javascript',
      body: 'export const createChart = null;',
    }),
  );
}
