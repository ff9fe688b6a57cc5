// @ts-check
// The transport bar: where a replay is, and all that can be done with it.

import { Density } from './density.js';
import { Gaps } from './gaps.js';
import { clockOf, dateClockOf, parseOn, textOf } from './instant.js';
import { find, make, setAttribute, setText, sharpen } from './node.js';
import { readAll } from './pages.js';
import { fill, say } from './words.js';

/** Speeds that are offered; 0 is as fast as can be. */
export const SPEEDS = [0.25, 0.5, 1, 2, 5, 10, 60, 0];

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/**
 * Where a key on the slider leads; null: nowhere.
 * @param {{ key: string, shiftKey: boolean }} event
 * @param {{ at: number, from: number, to: number }} where
 */
export function target({ key, shiftKey }, { at, from, to }) {
  const step = shiftKey ? MINUTE : SECOND;
  switch (key) {
    case 'ArrowRight':
    case 'ArrowUp':
      return at + step;
    case 'ArrowLeft':
    case 'ArrowDown':
      return at - step;
    case 'PageDown':
      return at + 5 * MINUTE;
    case 'PageUp':
      return at - 5 * MINUTE;
    case 'Home':
      return from;
    case 'End':
      return to;
    default:
      return null;
  }
}

/** The bar under the chart. */
export class Transport {
  #node = find('transport');
  #clock = make('span', { class: 'clock', id: 'replay-at' });
  #place = make('span', { class: 'place' });
  #play = make('button', { id: 'replay-play' });
  #loop = make('button', { id: 'replay-loop' });
  #speed = /** @type {HTMLSelectElement} */ (make('select', { id: 'replay-speed' }));
  #jump = /** @type {HTMLInputElement} */ (make('input', { class: 'jump', id: 'replay-jump' }));
  #slider = /** @type {HTMLInputElement} */ (
    make('input', { type: 'range', id: 'replay-seek', min: '0', step: '1' })
  );
  #preview = make('output', { hidden: '' });
  #canvas = /** @type {HTMLCanvasElement} */ (make('canvas', { 'aria-hidden': 'true' }));
  #isDragged = false;
  #drawn = '';
  /** @type {Density | null} */
  #density = null;

  /**
   * @param {import('./past.js').Past} past @param {() => import('./row.js').Look} look
   * @param {{ leave: () => void, get: (path: string, params: any) => Promise<any> }} told
   */
  constructor(past, look, told) {
    this.past = past;
    this.look = look;
    this.told = told;
    this.#build();
  }

  /** Shows or hides it. @param {boolean} isShown */
  show(isShown) {
    this.#node.hidden = !isShown;
    this.#density = null;
  }

  /** How busy the session was, for the symbol at which the desk looks. @param {string} symbol */
  async load(symbol) {
    const { past } = this;
    const density = new Density(past.from, past.to);
    this.#density = density;
    this.#drawn = '';
    const epoch = past.session?.epoch;
    const range = { symbol, epoch, from: textOf(past.from - density.step.ms), to: textOf(past.to) };
    const interval = density.step.interval;
    const read = (/** @type {string} */ name, /** @type {any} */ params) =>
      readAll(this.told.get, name, params).catch(() => []);
    const [bars, gaps] = await Promise.all([
      read('bars', { ...range, interval, limit: 10_000 }),
      read('gaps', range),
    ]);
    const folded = new Gaps();
    for (const row of gaps) folded.apply(row, past.from);
    density.gaps = folded.list;
    density.setBars(bars);
    this.#drawn = '';
  }

  /** A key that means something wherever the focus is. @param {KeyboardEvent} event */
  press(event) {
    const to = target(event, this.past);
    if (to !== null) this.past.seek(to);
  }

  /** The next faster or slower speed. @param {number} step */
  turnSpeed(step) {
    const at = SPEEDS.indexOf(this.past.speed);
    const speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, at + step))];
    this.past.setSpeed(speed);
  }

  paint() {
    const { past } = this;
    if (past.session === null) return;
    const { colour } = this.look();
    setText(this.#clock, `${dateClockOf(past.at)} UTC`);
    const share = `${(((past.at - past.from) / (past.to - past.from)) * 100).toFixed(1)}%`;
    setText(this.#place, `${say(`replay.${/** @type {'paused'} */ (past.state)}`)} · ${share}`);
    const isPlaying = past.state === 'playing';
    setText(this.#play, isPlaying ? '❚❚' : '▶');
    setAttribute(this.#play, 'aria-label', say(isPlaying ? 'replay.pause' : 'replay.play'));
    if (this.#speed.value !== String(past.speed)) this.#speed.value = String(past.speed);
    const { a, b } = past.loop;
    const marks = Number.isNaN(a) ? '' : ` ${clockOf(a)}–${Number.isNaN(b) ? '…' : clockOf(b)}`;
    setText(this.#loop, `A-B${marks}`);
    setAttribute(this.#loop, 'aria-pressed', String(!Number.isNaN(a)));
    this.#paintSlider();
    const drawn = [Math.round(past.at / 100), a, b, this.#canvas.clientWidth, colour('--accent')];
    if (drawn.join(' ') === this.#drawn || this.#density === null) return;
    this.#drawn = drawn.join(' ');
    const { pen, ...size } = sharpen(this.#canvas);
    this.#density.draw(pen, size, { at: past.at, loop: past.loop, colour });
  }

  #paintSlider() {
    const { past } = this;
    const length = String(Math.max(1, past.to - past.from));
    if (this.#slider.max !== length) this.#slider.max = length;
    if (!this.#isDragged) this.#slider.value = String(past.at - past.from);
    setAttribute(this.#slider, 'aria-valuetext', dateClockOf(past.at));
  }

  /** While it is dragged nothing is sought: time and price are shown. */
  #drag() {
    this.#isDragged = true;
    const at = this.past.from + Number(this.#slider.value);
    const price = this.#density?.priceAt(at) ?? '';
    const shown = price === '' ? '' : ` · ${this.look().figures.exact(price)}`;
    setText(this.#preview, clockOf(at) + shown);
    this.#preview.hidden = false;
    const share = Number(this.#slider.value) / Number(this.#slider.max);
    this.#preview.style.left = `${Math.min(82, share * 100)}%`;
  }

  #drop() {
    this.#isDragged = false;
    this.#preview.hidden = true;
    this.past.seek(this.past.from + Number(this.#slider.value));
  }

  #jumpTo() {
    const at = parseOn(this.#jump.value, this.past.at);
    setAttribute(this.#jump, 'aria-invalid', Number.isNaN(at) ? 'true' : null);
    if (Number.isNaN(at)) return;
    this.#jump.value = '';
    this.past.seek(at);
  }

  #build() {
    const button = (
      /** @type {any} */ key,
      /** @type {string} */ text,
      /** @type {() => void} */ act,
    ) => {
      const node = make('button', { 'data-title': key, 'data-label': key, title: say(key) }, [
        text,
      ]);
      node.addEventListener('click', act);
      return node;
    };
    const { past } = this;
    for (const speed of SPEEDS) {
      const text = speed === 0 ? say('replay.max') : `${speed}×`;
      this.#speed.append(make('option', { value: String(speed) }, [text]));
    }
    this.#speed.setAttribute('data-label', 'replay.speed');
    this.#jump.setAttribute('data-hint', 'replay.jump');
    this.#jump.setAttribute('data-label', 'replay.jump.label');
    this.#slider.setAttribute('data-label', 'replay.seek');
    this.#loop.setAttribute('data-title', 'replay.loop');
    const form = make('form', {}, [this.#jump]);
    const live = button('replay.leave', say('replay.leave'), () => this.told.leave());
    live.setAttribute('data-word', 'replay.leave');
    live.className = 'push';
    live.id = 'replay-leave';
    this.#node.append(
      make('div', { class: 'line' }, [
        make('strong', { class: 'replay-word', 'data-word': 'replay.word' }, [say('replay.word')]),
        this.#clock,
        this.#place,
        live,
      ]),
      make('div', { class: 'seek' }, [this.#canvas, this.#slider, this.#preview]),
      make('div', { class: 'line' }, [
        button('replay.back', '|◀', () => past.step(-1)),
        this.#play,
        button('replay.on', '▶|', () => past.step(1)),
        this.#speed,
        this.#loop,
        form,
      ]),
    );
    fill(this.#node);
    this.#play.addEventListener('click', () => past.toggle());
    this.#loop.addEventListener('click', () => past.turnLoop());
    this.#speed.addEventListener('change', () => past.setSpeed(Number(this.#speed.value)));
    this.#slider.addEventListener('input', () => this.#drag());
    this.#slider.addEventListener('change', () => this.#drop());
    this.#slider.addEventListener('keydown', (event) => {
      if (target(event, past) === null) return;
      this.press(event);
      event.preventDefault();
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#jumpTo();
    });
  }
}
