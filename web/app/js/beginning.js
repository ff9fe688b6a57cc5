// @ts-check
// The beginning: what a page shows to whom has chosen nothing yet.

import { textOf } from './instant.js';

/** As many bars of a minute make a chart. */
const BARS = 10;
const HOUR_MS = 3_600_000;

/**
 * The symbol that is traded most often, or '' if that cannot be told.
 * @param {any} client @param {string[]} symbols
 */
export async function busiest(client, symbols) {
  try {
    const params = { channel: 'ticker', symbols: symbols.join(',') };
    const { snapshots } = await client.get('/v1/snapshot', params);
    let most = snapshots[0];
    for (const snapshot of snapshots) if (trades(snapshot) > trades(most)) most = snapshot;
    return most?.symbol ?? '';
  } catch {
    // The first will do; what fails is said elsewhere.
    return '';
  }
}

/**
 * Shows bars of a second where nothing is older than some minutes: a chart of minutes is empty
 * there. Nothing changes for whom has chosen.
 * @param {import('./screen.js').Screen} screen
 */
export async function fitInterval(screen) {
  const { client, desk } = screen;
  const isFree = () => !desk.isIntervalChosen && !screen.player.isOn;
  if (!isFree() || !(await isYoung(client, desk.symbol)) || !isFree()) return;
  screen.setInterval('1s');
  desk.isIntervalChosen = false;
  screen.note();
}

/**
 * Whether a symbol has too few bars of a minute to be seen as such.
 * @param {any} client @param {string} symbol
 */
async function isYoung(client, symbol) {
  if (symbol === '') return false;
  try {
    const from = textOf(Date.now() - HOUR_MS);
    const { bars } = await client.get('/v1/bars', { symbol, interval: '1m', from, limit: BARS });
    return bars.length < BARS;
  } catch {
    return false;
  }
}

/** @param {any} snapshot */
function trades({ trades }) {
  return Number(trades ?? 0);
}
