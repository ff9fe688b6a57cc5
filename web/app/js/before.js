// @ts-check
// What had happened before an instant of a recorded session, as chart and tape show it.

import { INTERVALS } from './bars.js';
import { textOf } from './instant.js';

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
  const get = async (/** @type {string} */ path, /** @type {any} */ params) => {
    // A session that has just begun has nothing before it, which is refused as an empty range.
    const none = { bars: [], trades: [], gaps: [] };
    return client.get(path, { symbol, to: cursor, ...params }).catch(() => none);
  };
  const from = textOf(at - BARS * ms);
  const [{ bars }, { trades }, { gaps }] = await Promise.all([
    get('/v1/bars', { interval: of, from, limit: Math.min(10_000, BARS * parts + 10) }),
    get('/v1/trades', { from: textOf(at - TRADES_MS), limit: 10_000 }),
    get('/v1/gaps', { from }),
  ]);
  return { bars, trades: trades.slice(-TRADES), gaps };
}
