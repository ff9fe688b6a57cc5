// @ts-check
// What had happened before an instant of a recorded session, as chart and tape show it.

import { INTERVALS } from './bars.js';
import { textOf } from './instant.js';
import { readAll } from './pages.js';

const BARS = 600;
const TRADES = 60;
/** How far back trades are looked for. */
const TRADES_MS = 60_000;

/**
 * Bars, trades and gaps up to a place, as they stood there: nothing of what came after is in them.
 * @param {any} client @param {import('./desk.js').Desk} desk
 * @param {{ at: number, cursor: { epoch: string, seq: number } }} place
 */
export async function readBefore(client, { symbol, interval }, { at, cursor }) {
  const { of, ms, parts } = INTERVALS[interval];
  const get = (/** @type {string} */ path, /** @type {any} */ params) => client.get(path, params);
  const read = (/** @type {string} */ name, /** @type {any} */ params) =>
    // A session that has just begun has nothing before it, which is refused as an empty range.
    readAll(get, name, { symbol, to: cursor, ...params }).catch(() => []);
  const from = textOf(at - BARS * ms);
  const [bars, trades, gaps] = await Promise.all([
    read('bars', { interval: of, from, limit: Math.min(10_000, BARS * parts + 10) }),
    read('trades', { from: textOf(at - TRADES_MS), limit: 10_000 }),
    read('gaps', { from }),
  ]);
  return { bars, trades: trades.slice(-TRADES), gaps };
}
