// @ts-check
// Bands over the plot: what is missing is hatched and says so; bars that were revised are marked.

import { spanOf } from '../gaps.js';
import { clockOf, countdown } from '../instant.js';
import { sharpen, typeface } from '../node.js';
import { say, term } from '../words.js';

const STEP = 7;
const FOOT = 24;
/** Where labels may stand, from the top. */
const LINES = [12, 27, 42, 57];

/** The layer over a plot. */
export class Bands {
  #canvas = document.createElement('canvas');

  /** @param {HTMLElement} node */
  constructor(node) {
    this.#canvas.className = 'bands';
    node.append(this.#canvas);
  }

  /**
   * @param {any} plot
   * @param {{ bars: import('../bars.js').Bars, gaps: import('../gaps.js').Gap[],
   *   colour: (name: string) => string, now: number }} what
   */
  paint(plot, { bars, gaps, colour, now }) {
    const { pen, width, height } = sharpen(this.#canvas);
    const right = width - plot.axisWidth;
    pen.font = `11px ${typeface()}`;
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, right, height - FOOT);
    pen.clip();
    /** Labels that stand already. @type {{ y: number, left: number, right: number }[]} */
    const labels = [];
    // The newest say what they are; where there is no room left the hatching has to do.
    for (const gap of [...gaps].reverse()) {
      const span = spanOf(gap, bars, now);
      const from = plot.xOf(span.from);
      const to = Math.max(from + 3, plot.xOf(span.to));
      if (!(to > 0 && from < right)) continue;
      const box = { left: Math.max(0, from), right: Math.min(right, to), height: height - FOOT };
      hatch(pen, box, colour('--hatch'));
      label(pen, labelOf(gap, span), { x: box.left, right, labels }, colour);
    }
    for (const bar of bars.list) {
      if (bar.revised) mark(pen, plot, bar, { width: bars.span.ms, colour });
    }
    pen.restore();
    this.#countdown(pen, plot, { bars, colour, now, right });
  }

  /** When the newest bar closes, under the mark of the last price. */
  /** @param {CanvasRenderingContext2D} pen @param {any} plot @param {any} what */
  #countdown(pen, plot, { bars, colour, now, right }) {
    const { last } = bars;
    if (!last) return;
    const left = bars.end(last.start) - now;
    const y = plot.yOf(Number(last.close));
    if (left <= 0 || !Number.isFinite(y)) return;
    pen.fillStyle = colour('--raised');
    pen.fillRect(right + 1, y + 9, plot.axisWidth - 2, 15);
    pen.fillStyle = colour('--dim');
    pen.textAlign = 'left';
    pen.fillText(countdown(left), right + 6, y + 20);
  }
}

/**
 * "gap 14:02:11–14:02:19 (feed reconnect) 27 lost".
 * @param {import('../gaps.js').Gap} gap @param {{ from: number, to: number }} span
 */
export function labelOf({ cause, state, missing }, { from, to }) {
  const count = missing === undefined ? '' : ` ${missing}`;
  const end = state === 'open' ? '' : ` ${term(state)}`;
  return `${say('gap')} ${clockOf(from)}–${clockOf(to)} (${term(cause)})${count}${end}`;
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {{ left: number, right: number, height: number }} box @param {string} colour
 */
function hatch(pen, { left, right, height }, colour) {
  pen.save();
  pen.beginPath();
  pen.rect(left, 0, right - left, height);
  pen.clip();
  pen.globalAlpha = 0.1;
  pen.fillStyle = colour;
  pen.fillRect(left, 0, right - left, height);
  pen.globalAlpha = 0.55;
  pen.strokeStyle = colour;
  pen.beginPath();
  for (let x = left - height; x < right; x += STEP) {
    pen.moveTo(x, height);
    pen.lineTo(x + height, 0);
  }
  pen.stroke();
  pen.restore();
}

/**
 * @param {CanvasRenderingContext2D} pen @param {string} text
 * @param {{ x: number, right: number, labels: { y: number, left: number, right: number }[] }} at
 * @param {(name: string) => string} colour
 */
function label(pen, text, { x, right, labels }, colour) {
  const wide = pen.measureText(text).width + 8;
  const left = Math.max(0, Math.min(x, right - wide));
  const isTaken = (/** @type {number} */ row) =>
    labels.some((other) => other.y === row && other.left < left + wide && other.right > left);
  const y = LINES.find((row) => !isTaken(row));
  if (y === undefined) return;
  labels.push({ y, left, right: left + wide });
  pen.fillStyle = colour('--panel');
  pen.fillRect(left, y - 9, wide, 15);
  pen.fillStyle = colour('--hatch');
  pen.textAlign = 'left';
  pen.fillText(text, left + 4, y + 2);
}

/**
 * @param {CanvasRenderingContext2D} pen @param {any} plot @param {import('../bars.js').Bar} bar
 * @param {{ width: number, colour: (name: string) => string }} how
 */
function mark(pen, plot, bar, { width, colour }) {
  const x = (plot.xOf(bar.start) + plot.xOf(bar.start + width)) / 2;
  const y = plot.yOf(Number(bar.high)) - 5;
  if (!Number.isFinite(x + y)) return;
  pen.fillStyle = colour('--hatch');
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x - 4, y - 7);
  pen.lineTo(x + 4, y - 7);
  pen.fill();
}
