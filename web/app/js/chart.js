// @ts-check
// The chart of one symbol: plot, gaps, legend, intervals, and the same as a table.

import { INTERVALS } from './bars.js';
import { Bands } from './chart/bands.js';
import { LibraryPlot } from './chart/library-plot.js';
import { OwnPlot } from './chart/own-plot.js';
import { BarsTable } from './chart/table.js';
import { clockOf } from './instant.js';
import { find, make, setAttribute, setText } from './node.js';
import { split } from './row.js';
import { say, term } from './words.js';

/** The pane in the middle. */
export class Chart {
  #node = find('chart');
  /** @type {any} */
  #plot = null;
  #bands;
  #table = new BarsTable();
  #legend = legend(find('legend'));
  /** @type {import('./bars.js').Bar | null} */
  #hovered = null;
  #seen = { bars: /** @type {any} */ (null), version: -1, places: -1, gaps: -1, second: 0 };
  #isMoved = true;
  #isSettling = false;
  #sides = '';

  /**
   * @param {import('./desk.js').Desk} desk @param {() => import('./row.js').Look} look
   * @param {any} library the chart library, or null
   */
  constructor(desk, look, library) {
    this.desk = desk;
    this.look = look;
    const style = this.#style();
    this.#plot = library
      ? new LibraryPlot(library, this.#node, style)
      : new OwnPlot(this.#node, style);
    this.#node.dataset.plot = library ? 'library' : 'own';
    this.#bands = new Bands(this.#node);
    this.#plot.onMove = () => this.#moved();
    this.#plot.onHover = (/** @type {any} */ bar) => {
      this.#hovered = bar;
      this.onDirty();
    };
    this.#node.addEventListener('dblclick', () => this.#plot.follow());
    this.#node.addEventListener('keydown', (event) => this.#press(event));
    find('chart-live').addEventListener('click', () => this.#plot.follow());
    find('sides').addEventListener('change', () => this.onDirty());
    new ResizeObserver(() => this.#moved()).observe(this.#node);
    this.#makeIntervals();
  }

  /** @type {() => void} */
  onDirty = () => {};
  /** Told which interval was chosen. @type {(interval: any) => void} */
  onInterval = () => {};

  /** The next longer or shorter interval. @param {number} step */
  turn(step) {
    const names = Object.keys(INTERVALS);
    const to = names[names.indexOf(this.desk.interval) + step];
    if (to !== undefined) this.onInterval(to);
  }

  /** Colours, language or places changed. */
  dress() {
    this.#plot.dress(this.#style());
    this.#moved();
  }

  paint(/** @type {number} */ now) {
    const { bars, gaps, symbol } = this.desk;
    const places = this.desk.ticker(symbol).places;
    if (places !== this.#seen.places) this.#plot.dress(this.#style());
    const isOther = bars !== this.#seen.bars;
    const isChanged = isOther || bars.version !== this.#seen.version;
    if (isChanged) this.#show(bars, isOther);
    const second = Math.floor(now / 1000);
    const isDue =
      this.#isMoved ||
      isChanged ||
      second !== this.#seen.second ||
      gaps.version !== this.#seen.gaps;
    this.#seen = { bars, version: bars.version, places, gaps: gaps.version, second };
    this.#paintHead();
    this.#paintLines();
    if (!isDue && !this.#isSettling) return false;
    this.#isMoved = false;
    // The plot lays itself out in a frame of its own, after this one.
    this.#isSettling = isDue;
    const { colour, figures } = this.look();
    this.#bands.paint(this.#plot, { bars, gaps: gaps.list, colour, now: this.desk.now(now) });
    if (this.#table.isOpen) this.#table.paint(bars.list, { figures, places });
    return this.#isSettling;
  }

  /** @param {import('./bars.js').Bars} bars @param {boolean} isOther */
  #show(bars, isOther) {
    const news = bars.list.slice(bars.changedFrom);
    if (isOther || news.length > 3 || news.length === 0) this.#plot.set(bars.list, bars.span.ms);
    else if (this.#canPush(news[0])) for (const bar of news) this.#plot.push(bar);
    else this.#plot.set(bars.list, bars.span.ms);
    bars.taken();
    if (isOther) this.#plot.follow();
  }

  /** @param {import('./bars.js').Bar} bar */
  #canPush(bar) {
    const { list } = this.#plot.slots;
    return list.length > 0 && bar.start >= list[list.length - 1].start;
  }

  #paintHead() {
    const { symbol, bars } = this.desk;
    const [venue, name] = split(symbol);
    setText(find('symbol'), symbol === '' ? '' : `${name} · ${venue}`);
    const trouble = this.desk.ticker(symbol).trouble;
    setText(find('symbol-state'), trouble === null ? '' : term(trouble));
    find('chart-live').hidden = this.#plot.isFollowing;
    this.#paintLegend(this.#hovered ?? bars.last);
  }

  /** @param {import('./bars.js').Bar | undefined} bar */
  #paintLegend(bar) {
    setAttribute(find('legend'), 'data-empty', bar ? null : '');
    const { figures } = this.look();
    const places = this.desk.ticker(this.desk.symbol).places;
    const price = (/** @type {string} */ text) => figures.price(text, places);
    setText(this.#legend.time, bar ? clockOf(bar.start) : '');
    setText(this.#legend.open, bar ? price(bar.open) : '');
    setText(this.#legend.high, bar ? price(bar.high) : '');
    setText(this.#legend.low, bar ? price(bar.low) : '');
    setText(this.#legend.close, bar ? price(bar.close) : '');
    setText(this.#legend.volume, bar ? figures.exact(bar.volume) : '');
    setText(this.#legend.revised, bar?.revised ? say('revised') : '');
  }

  #paintLines() {
    const { fields } = this.desk.ticker(this.desk.symbol);
    const { colour } = this.look();
    const isOn = find('sides').checked;
    const mark = isOn ? `${fields.bid} ${fields.ask} ${colour('--up')}` : '';
    if (mark === this.#sides) return;
    this.#sides = mark;
    this.#plot.line('bid', isOn ? fields.bid : undefined, colour('--up'));
    this.#plot.line('ask', isOn ? fields.ask : undefined, colour('--down'));
  }

  #moved() {
    this.#isMoved = true;
    this.onDirty();
  }

  #style() {
    const { figures, colour } = this.look();
    const places = this.desk.ticker(this.desk.symbol).places;
    const write = (/** @type {number} */ price) => figures.exact(price.toFixed(places));
    return { colour, places, write };
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const step = event.shiftKey ? 20 : 4;
    if (event.key === 'ArrowLeft') this.#plot.pan(-step);
    else if (event.key === 'ArrowRight') this.#plot.pan(step);
    else if (event.key === '+' || event.key === '=') this.#plot.zoom(1.25);
    else if (event.key === '-') this.#plot.zoom(0.8);
    else if (event.key === 'End') this.#plot.follow();
    else return;
    event.preventDefault();
  }

  #makeIntervals() {
    const buttons = Object.keys(INTERVALS).map((name) => {
      const button = make('button', { 'aria-pressed': 'false' }, [name]);
      button.addEventListener('click', () => this.onInterval(name));
      return button;
    });
    find('intervals').append(...buttons);
  }

  /** Marks the interval that is shown. */
  markInterval() {
    for (const button of find('intervals').children) {
      setAttribute(button, 'aria-pressed', String(button.textContent === this.desk.interval));
    }
  }
}

/** @param {HTMLElement} node */
function legend(node) {
  const part = (/** @type {string} */ letter) => {
    const value = make('b');
    node.append(make('span', {}, [letter, letter === '' ? '' : ' ', value]));
    return value;
  };
  const parts = {
    time: part(''),
    open: part('O'),
    high: part('H'),
    low: part('L'),
    close: part('C'),
    volume: part('V'),
    revised: part(''),
  };
  parts.revised.className = 'revised';
  return parts;
}
