// @ts-check
// A plot by the chart library (TradingView Lightweight Charts, Apache-2.0), where it is there.

import { typeface } from '../node.js';
import { Slots } from './slots.js';

/**
 * @typedef {object} Style
 * @property {(name: string) => string} colour
 * @property {(price: number) => string} write a price as the axis has it
 * @property {number} places
 */

/** The library's chart behind the verbs that the pane needs. */
export class LibraryPlot {
  #lines = /** @type {Record<string, any>} */ ({});
  #isFollowing = true;
  slots = new Slots(1000);

  /** @param {any} library @param {HTMLElement} node @param {Style} style */
  constructor(library, node, style) {
    this.inner = document.createElement('div');
    this.inner.className = 'lib';
    node.append(this.inner);
    const chart = library.createChart(this.inner, { autoSize: true, ...layout(style) });
    this.chart = chart;
    this.candles = chart.addSeries(library.CandlestickSeries, candles(style));
    const bottom = { priceFormat: { type: 'volume' }, priceScaleId: '', lastValueVisible: false };
    this.volume = chart.addSeries(library.HistogramSeries, { ...bottom, priceLineVisible: false });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.style = style;
    chart.timeScale().subscribeVisibleLogicalRangeChange(() => {
      this.#isFollowing = chart.timeScale().scrollPosition() > -1;
      this.onMove();
    });
    chart.subscribeCrosshairMove((/** @type {any} */ at) => {
      this.onHover(at.point ? (this.slots.list[Math.round(at.logical)]?.bar ?? null) : null);
    });
  }

  /** Told when another range is seen. */
  onMove = () => {};
  /** Told which bar is pointed at. @type {(bar: import('../bars.js').Bar | null) => void} */
  onHover = () => {};

  get isFollowing() {
    return this.#isFollowing;
  }

  /** Pixels of the price axis. */
  get axisWidth() {
    return this.chart.priceScale('right').width();
  }

  /**
   * Shows other bars.
   * @param {import('../bars.js').Bar[]} bars @param {number} ms of their interval
   */
  set(bars, ms) {
    this.slots = new Slots(ms);
    this.slots.set(bars);
    this.chart.applyOptions({ timeScale: { secondsVisible: ms < 60_000 } });
    this.candles.setData(this.slots.list.map(candle));
    this.volume.setData(this.slots.list.map((slot) => this.#column(slot)));
  }

  /** Takes the newest bar. @param {import('../bars.js').Bar} bar */
  push(bar) {
    for (const slot of this.slots.push(bar)) {
      this.candles.update(candle(slot));
      this.volume.update(this.#column(slot));
    }
  }

  /** Looks as the theme is now. @param {Style} style */
  dress(style) {
    this.style = style;
    this.chart.applyOptions(layout(style));
    this.candles.applyOptions(candles(style));
    this.volume.setData(this.slots.list.map((slot) => this.#column(slot)));
  }

  /**
   * Lines of other prices; undefined takes one away.
   * @param {string} name @param {string | undefined} price @param {string} colour
   */
  line(name, price, colour) {
    if (price === undefined) {
      if (this.#lines[name]) this.candles.removePriceLine(this.#lines[name]);
      delete this.#lines[name];
      return;
    }
    const options = {
      price: Number(price),
      color: colour,
      lineWidth: 1,
      lineStyle: 1,
      title: name,
    };
    if (this.#lines[name]) this.#lines[name].applyOptions(options);
    else this.#lines[name] = this.candles.createPriceLine(options);
  }

  /** @param {number} ms @returns {number} pixels from the left of the time's slot's left edge */
  xOf(ms) {
    const index = this.slots.indexOf(ms);
    const scale = this.chart.timeScale();
    const [whole, part] = [Math.floor(index), index - Math.floor(index)];
    const x = scale.logicalToCoordinate(whole);
    return x === null ? NaN : x + (part - 0.5) * scale.options().barSpacing;
  }

  /** @param {number} price */
  yOf(price) {
    return this.candles.priceToCoordinate(price) ?? NaN;
  }

  /** Follows the newest bar again. */
  follow() {
    this.chart.timeScale().scrollToRealTime();
  }

  /** @param {number} bars to the right */
  pan(bars) {
    const scale = this.chart.timeScale();
    scale.scrollToPosition(scale.scrollPosition() + bars, false);
  }

  /** @param {number} factor above 1: closer */
  zoom(factor) {
    const scale = this.chart.timeScale();
    const spacing = scale.options().barSpacing * factor;
    scale.applyOptions({ barSpacing: Math.max(0.5, Math.min(60, spacing)) });
  }

  /** @param {import('./slots.js').Slot} slot */
  #column({ start, bar }) {
    const time = start / 1000;
    if (bar === null) return { time };
    const isUp = Number(bar.close) >= Number(bar.open);
    const color = this.style.colour(isUp ? '--up-wash' : '--down-wash');
    return { time, value: Number(bar.volume), color };
  }
}

/** @param {import('./slots.js').Slot} slot */
function candle({ start, bar }) {
  const time = start / 1000;
  if (bar === null) return { time };
  const [open, high, low, close] = [bar.open, bar.high, bar.low, bar.close].map(Number);
  return { time, open, high, low, close };
}

/** @param {Style} style */
function layout({ colour }) {
  const [line, text] = [colour('--line-soft'), colour('--dim')];
  const background = { type: 'solid', color: colour('--panel') };
  const font = typeface();
  const label = { labelBackgroundColor: colour('--faint') };
  return {
    // The notice and the link that its licence asks for stand in the page's footer and help.
    layout: { background, textColor: text, fontSize: 11, fontFamily: font, attributionLogo: false },
    grid: { vertLines: { color: line }, horzLines: { color: line } },
    crosshair: { mode: 0, vertLine: label, horzLine: label },
    timeScale: { timeVisible: true, borderColor: colour('--line'), rightOffset: 4, barSpacing: 7 },
    rightPriceScale: { borderColor: colour('--line') },
    localization: { locale: document.documentElement.lang },
  };
}

/** @param {Style} style */
function candles({ colour, write, places }) {
  const [up, down] = [colour('--up-fill'), colour('--down-fill')];
  return {
    upColor: up,
    wickUpColor: up,
    borderUpColor: up,
    downColor: down,
    wickDownColor: down,
    borderDownColor: down,
    priceFormat: { type: 'custom', formatter: write, minMove: 10 ** -places },
  };
}
