// @ts-check
// How busy a session was along its time, with what is missing and what is marked.

import { clockOf } from './instant.js';

/** Columns that are drawn at most. */
const COLUMNS = 400;
const STEPS = /** @type {const} */ ([
  { interval: '1s', ms: 1000 },
  { interval: '1m', ms: 60_000 },
  { interval: '5m', ms: 300_000 },
  { interval: '1h', ms: 3_600_000 },
]);

/** The interval of bars that fits a span. @param {number} ms */
export function stepOf(ms) {
  return STEPS.find((step) => ms / step.ms <= COLUMNS) ?? STEPS[STEPS.length - 1];
}

/** Trades of one symbol along a session. */
export class Density {
  /** @type {{ start: number, trades: number, close: string | null }[]} */
  columns = [];
  /** @type {import('./gaps.js').Gap[]} */
  gaps = [];

  /** @param {number} from ms @param {number} to ms */
  constructor(from, to) {
    this.from = from;
    this.to = Math.max(to, from + 1);
    this.step = stepOf(to - from);
  }

  /** @param {any[]} rows of `/v1/bars` */
  setBars(rows) {
    this.columns = rows.map(({ start, trades, close }) => ({
      start: Date.parse(start),
      trades,
      close,
    }));
  }

  /** The last price before an instant, if there was one. @param {number} ms */
  priceAt(ms) {
    let price = /** @type {string | null} */ (null);
    for (const { start, close } of this.columns) {
      if (start > ms) break;
      price = close ?? price;
    }
    return price;
  }

  /** Where an instant is, 0..1. @param {number} ms */
  share(ms) {
    return (ms - this.from) / (this.to - this.from);
  }

  /**
   * @param {CanvasRenderingContext2D} pen @param {{ width: number, height: number }} size
   * @param {{ at: number, loop: { a: number, b: number }, colour: (name: string) => string }} what
   */
  draw(pen, { width, height }, { at, loop, colour }) {
    const x = (/** @type {number} */ ms) => this.share(ms) * width;
    const foot = height - 11;
    pen.fillStyle = colour('--raised');
    pen.fillRect(0, 0, width, foot);
    const most = Math.max(1, ...this.columns.map((column) => column.trades));
    const wide = Math.max(1, (this.step.ms / (this.to - this.from)) * width - 0.5);
    for (const { start, trades } of this.columns) {
      const tall = Math.max(1, (trades / most) * (foot - 4));
      pen.fillStyle = colour(start <= at ? '--accent' : '--faint');
      pen.fillRect(x(start), foot - tall, wide, tall);
    }
    pen.fillStyle = colour('--hatch');
    for (const gap of this.gaps) {
      const left = x(gap.from);
      pen.fillRect(left, 0, Math.max(2, x(gap.to ?? this.to) - left), 4);
    }
    if (!Number.isNaN(loop.a)) {
      pen.globalAlpha = 0.25;
      pen.fillRect(
        x(loop.a),
        0,
        Math.max(2, x(Number.isNaN(loop.b) ? at : loop.b) - x(loop.a)),
        foot,
      );
      pen.globalAlpha = 1;
    }
    this.#ticks(pen, { width, height, x, colour });
  }

  /** @param {CanvasRenderingContext2D} pen @param {any} what */
  #ticks(pen, { width, height, x, colour }) {
    pen.fillStyle = colour('--dim');
    pen.font = `10px ${getComputedStyle(document.body).fontFamily}`;
    const count = Math.max(2, Math.floor(width / 110));
    for (let tick = 0; tick <= count; tick += 1) {
      const ms = this.from + ((this.to - this.from) * tick) / count;
      pen.textAlign = tick === 0 ? 'left' : tick === count ? 'right' : 'center';
      pen.fillText(clockOf(ms), x(ms), height - 1);
    }
  }
}
