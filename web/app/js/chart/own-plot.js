// @ts-check
// A plot of our own: candles on a canvas, where the program was built without the library.

import { sharpen, typeface } from '../node.js';
import { Slots } from './slots.js';

const AXIS = 72;
const FOOT = 20;
const LINES = 6;

/** Candles, volume, axes; wheel zooms, dragging pans. */
export class OwnPlot {
  #canvas = document.createElement('canvas');
  /** Pixels of a slot, and slots between the newest and the right edge. */
  #spacing = 7;
  #offset = 4;
  #range = { low: 0, high: 1 };
  /** As it was painted last: asking the canvas lays the page out. */
  #size = { width: 0, height: 0 };
  #lines = /** @type {Record<string, { price: number, colour: string }>} */ ({});
  #asked = false;
  slots = new Slots(1000);
  axisWidth = AXIS;

  /** @param {HTMLElement} node @param {import('./library-plot.js').Style} style */
  constructor(node, style) {
    this.style = style;
    this.#canvas.className = 'own';
    node.append(this.#canvas);
    new ResizeObserver(() => this.#draw()).observe(this.#canvas);
    this.#canvas.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    this.#canvas.addEventListener('pointerdown', (event) => this.#drag(event));
    this.#canvas.addEventListener('pointermove', (event) =>
      this.onHover(this.#barAt(event.offsetX)),
    );
    this.#canvas.addEventListener('pointerleave', () => this.onHover(null));
  }

  onMove = () => {};
  /** @type {(bar: import('../bars.js').Bar | null) => void} */
  onHover = () => {};

  get isFollowing() {
    return this.#offset > -1;
  }

  /** @param {import('../bars.js').Bar[]} bars @param {number} ms */
  set(bars, ms) {
    this.slots = new Slots(ms);
    this.slots.set(bars);
    this.#draw();
  }

  /** @param {import('../bars.js').Bar} bar */
  push(bar) {
    const before = this.slots.list.length;
    this.slots.push(bar);
    if (!this.isFollowing) this.#offset -= this.slots.list.length - before;
    this.#draw();
  }

  /** @param {import('./library-plot.js').Style} style */
  dress(style) {
    this.style = style;
    this.#draw();
  }

  /** @param {string} name @param {string | undefined} price @param {string} colour */
  line(name, price, colour) {
    if (price === undefined) delete this.#lines[name];
    else this.#lines[name] = { price: Number(price), colour };
    this.#draw();
  }

  /** @param {number} ms */
  xOf(ms) {
    const right = this.#size.width - AXIS;
    const fromLast = this.slots.indexOf(ms) - (this.slots.list.length - 1);
    return right + (fromLast - this.#offset - 0.5) * this.#spacing;
  }

  /** @param {number} price */
  yOf(price) {
    const { low, high } = this.#range;
    const height = this.#size.height - FOOT;
    return 8 + ((high - price) / (high - low || 1)) * (height * 0.82 - 8);
  }

  follow() {
    this.#offset = 4;
    this.#moved();
  }

  /** @param {number} bars */
  pan(bars) {
    this.#offset = Math.max(-this.slots.list.length, Math.min(20, this.#offset + bars));
    this.#moved();
  }

  /** @param {number} factor */
  zoom(factor) {
    this.#spacing = Math.max(1, Math.min(60, this.#spacing * factor));
    this.#moved();
  }

  #moved() {
    this.#draw();
    this.onMove();
  }

  /** Zooms so that what is under the pointer stays there. @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const before = this.#spacing;
    const right = this.#size.width - AXIS;
    this.#spacing = Math.max(1, Math.min(60, before * (event.deltaY < 0 ? 1.15 : 1 / 1.15)));
    this.#offset += (right - event.offsetX) / before - (right - event.offsetX) / this.#spacing;
    this.#moved();
  }

  /** @param {PointerEvent} event */
  #drag(event) {
    this.#canvas.setPointerCapture(event.pointerId);
    let x = event.clientX;
    const move = (/** @type {PointerEvent} */ moved) => {
      this.pan((x - moved.clientX) / this.#spacing);
      x = moved.clientX;
    };
    this.#canvas.addEventListener('pointermove', move);
    const end = () => this.#canvas.removeEventListener('pointermove', move);
    this.#canvas.addEventListener('pointerup', end, { once: true });
  }

  /** @param {number} x */
  #barAt(x) {
    const right = this.#size.width - AXIS;
    const fromLast = Math.round((x - right) / this.#spacing + this.#offset);
    return this.slots.list[this.slots.list.length - 1 + fromLast]?.bar ?? null;
  }

  #draw() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#paint();
    });
  }

  #paint() {
    const { pen, width, height } = sharpen(this.#canvas);
    this.#size = { width, height };
    const { colour } = this.style;
    const [right, foot] = [width - AXIS, height - FOOT];
    const last = this.slots.list.length - 1 + Math.ceil(this.#offset);
    const seen = this.slots.list.slice(
      Math.max(0, last - Math.ceil(right / this.#spacing) - 1),
      last + 1,
    );
    const bars = seen.flatMap(({ bar }) => bar ?? []);
    if (bars.length === 0) return;
    this.#fit(bars);
    pen.font = `11px ${typeface()}`;
    this.#paintAxes(pen, { width, right, foot });
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, right, foot);
    pen.clip();
    const most = Math.max(...bars.map((bar) => Number(bar.volume))) || 1;
    const thick = Math.max(1, Math.floor(this.#spacing * 0.7));
    for (const bar of bars) {
      const [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(Number);
      const name = close >= open ? 'up' : 'down';
      const x = Math.round(this.xOf(bar.start) + this.#spacing / 2);
      const tall = (Number(bar.volume) / most) * foot * 0.16;
      pen.fillStyle = colour(`--${name}-wash`);
      pen.fillRect(x - thick / 2, foot - tall, thick, tall);
      pen.fillStyle = colour(`--${name}-fill`);
      pen.fillRect(x - 0.5, this.yOf(high), 1, this.yOf(low) - this.yOf(high));
      const [top, bottom] = [this.yOf(Math.max(open, close)), this.yOf(Math.min(open, close))];
      pen.fillRect(x - thick / 2, top, thick, Math.max(1, bottom - top));
    }
    pen.restore();
    this.#paintLines(pen, { right, last: Number(bars[bars.length - 1].close) });
    this.onMove();
  }

  /** @param {import('../bars.js').Bar[]} bars */
  #fit(bars) {
    const low = Math.min(...bars.map((bar) => Number(bar.low)));
    const high = Math.max(...bars.map((bar) => Number(bar.high)));
    const margin = (high - low) * 0.06 || high * 0.0005 || 1;
    this.#range = { low: low - margin, high: high + margin };
  }

  /**
   * @param {CanvasRenderingContext2D} pen
   * @param {{ width: number, right: number, foot: number }} box
   */
  #paintAxes(pen, { width, right, foot }) {
    const { colour, write } = this.style;
    pen.fillStyle = colour('--dim');
    pen.strokeStyle = colour('--line-soft');
    pen.textAlign = 'right';
    const { low, high } = this.#range;
    for (let line = 0; line < LINES; line += 1) {
      const price = low + ((high - low) * (line + 0.5)) / LINES;
      const y = Math.round(this.yOf(price)) + 0.5;
      stroke(pen, [0, y], [right, y]);
      pen.fillText(write(price), width - 6, y + 4);
    }
    pen.textAlign = 'center';
    const step = Math.max(1, Math.round(110 / this.#spacing));
    this.slots.list.forEach(({ start }, index) => {
      if ((start / this.slots.ms) % step !== 0 || index < 0) return;
      const x = Math.round(this.xOf(start) + this.#spacing / 2) + 0.5;
      if (x < 30 || x > right) return;
      stroke(pen, [x, 0], [x, foot]);
      const time = new Date(start).toISOString();
      pen.fillText(this.slots.ms < 60_000 ? time.slice(11, 19) : time.slice(11, 16), x, foot + 14);
    });
  }

  /** @param {CanvasRenderingContext2D} pen @param {{ right: number, last: number }} at */
  #paintLines(pen, { right, last }) {
    const { colour, write } = this.style;
    const lines = { ...this.#lines, last: { price: last, colour: colour('--accent') } };
    pen.textAlign = 'left';
    for (const { price, colour: line } of Object.values(lines)) {
      const y = Math.round(this.yOf(price)) + 0.5;
      pen.strokeStyle = line;
      pen.setLineDash([2, 3]);
      stroke(pen, [0, y], [right, y]);
      pen.setLineDash([]);
      pen.fillStyle = line;
      pen.fillRect(right + 1, y - 8, AXIS - 2, 16);
      pen.fillStyle = colour('--panel');
      pen.fillText(write(price), right + 6, y + 4);
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} pen @param {[number, number]} from
 * @param {[number, number]} to
 */
function stroke(pen, from, to) {
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
}
