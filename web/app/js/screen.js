// @ts-check
// The screen: the parts of the page, put together.

import { Banner } from './banner.js';
import { busiest, fitInterval } from './beginning.js';
import { Chart } from './chart.js';
import { Connection } from './connection.js';
import { Figures } from './figures.js';
import { FLASH_MS, HELD_MS } from './flash.js';
import { Grid } from './grid.js';
import { Groups } from './groups.js';
import { Header } from './header.js';
import { listen, showHelp } from './keys.js';
import { shortcuts, useGrid } from './shortcuts.js';
import { expand, writeLink } from './link.js';
import { Live } from './live.js';
import { Meter } from './meter.js';
import { find } from './node.js';
import { Player } from './player.js';
import { Painter } from './painter.js';
import { Search } from './search.js';
import { showSharing } from './sharing.js';
import { sentence, speakOut } from './speech.js';
import { useTabs } from './tabs.js';
import { Tape } from './tape.js';
import { Title } from './title.js';
import { Tools } from './tools.js';
import { Top } from './top.js';
import { Venues } from './venues.js';
import { say } from './words.js';

/** The page. */
export class Screen {
  meter = new Meter();
  painter = new Painter();

  /**
   * @param {import('./desk.js').Desk} desk @param {import('./looks.js').Looks} looks
   * @param {{ client: any, preferences: import('./preferences.js').Preferences,
   *   access: import('./access.js').Access, library: any }} parts
   */
  constructor(desk, looks, { client, preferences, access, library }) {
    this.desk = desk;
    this.looks = looks;
    this.client = client;
    this.preferences = preferences;
    this.figures = new Figures(looks.language);
    this.banner = new Banner(() => client.retry());
    this.connection = new Connection(client, { banner: this.banner, access, meter: this.meter });
    const look = () => this.look();
    this.header = new Header(
      () => this.#standing(),
      () => this.figures,
    );
    this.grid = new Grid(find('watch'), desk, look);
    this.groups = new Groups(find('groups'), desk, () => this.listChanged());
    this.chart = new Chart(desk, look, library);
    this.tape = new Tape(desk, () => this.figures);
    this.top = new Top(desk, look);
    this.live = new Live(client, desk, {
      message: (message) => {
        this.meter.take(message, this.serverNow());
        this.connection.note(message.seq);
        if (message.cause === 'slow_consumer') this.connection.slowed();
        if (message.type === 'status') this.venues.soon();
      },
      resync: (message) => this.connection.resynced(message),
      refused: (error) => this.connection.refused(error),
    });
    this.player = new Player(this);
    this.venues = new Venues(client, this.header);
    this.#wire();
  }

  /** Begins with what a link says. @param {import('./link.js').Link} link */
  async open(link) {
    this.desk.interval = link.interval || '1m';
    this.desk.isIntervalChosen = link.interval !== '';
    this.live.conflateMs = link.conflateMs;
    this.groups.show();
    this.chart.markInterval();
    this.painter.wake();
    setInterval(() => this.painter.wake(), 250);
    // What the user had is followed at once; what is new has to be looked up first.
    if (link.watch.length === 0 && this.desk.lists.symbols.length > 0) this.#follow(link.symbol);
    await this.#lookUp(link);
    if (link.watch.length > 0 || this.desk.symbol === '') this.#follow(link.symbol);
    if (link.session) return void this.player.openLink(link);
    this.live.warm(this.desk.lists.symbols);
    await fitInterval(this);
  }

  /** The server's clock. */
  serverNow() {
    return Date.now() + (this.client.stats.clockOffsetMs ?? 0);
  }

  /** How things are painted now. @returns {import('./row.js').Look} */
  look() {
    return {
      now: this.desk.now(this.serverNow()),
      hold: this.looks.isStill ? HELD_MS : FLASH_MS,
      figures: this.figures,
      colour: (name) => this.looks.colour(name),
    };
  }

  /** Shows a symbol in chart and tape. @param {string} symbol */
  choose(symbol) {
    if (symbol === '' || symbol === this.desk.symbol) return;
    this.desk.look(symbol, this.desk.interval);
    this.grid.choose(symbol);
    this.#source.look();
    this.note();
  }

  /** @param {import('./desk.js').Interval} interval */
  setInterval(interval) {
    this.desk.isIntervalChosen = true;
    this.desk.look(this.desk.symbol, interval);
    this.chart.markInterval();
    this.#source.look();
    this.note();
  }

  /** @param {string} symbol */
  add(symbol) {
    if (this.desk.lists.add(symbol)) this.listChanged();
    this.grid.reveal(symbol);
    speakOut(say('added', { symbol }));
  }

  /** @param {string} symbol */
  remove(symbol) {
    const at = this.grid.order.indexOf(symbol);
    if (!this.desk.lists.remove(symbol)) return;
    this.listChanged();
    const next = this.grid.order[Math.min(at, this.grid.order.length - 1)];
    if (next !== undefined) this.grid.reveal(next);
    speakOut(say('removed', { symbol }));
  }

  /** Moves a symbol up or down. @param {string} symbol @param {number} step */
  move(symbol, step) {
    this.put(symbol, this.desk.lists.symbols.indexOf(symbol) + step);
  }

  /** Puts a symbol at a place of the list. @param {string} symbol @param {number} place */
  put(symbol, place) {
    if (this.grid.isSorted || !this.desk.lists.move(symbol, place)) return;
    this.listChanged();
    this.grid.reveal(symbol);
  }

  /** Where prices come from. @returns {{ watch: (symbols: string[]) => void, look: () => void }} */
  get #source() {
    if (!this.player.isOn) return this.live;
    return { watch: (symbols) => this.player.past.watch(symbols), look: () => this.player.look() };
  }

  #standing() {
    const { state: link, transport, rttMs } = this.client.state;
    const state = this.player.isOn ? 'replay' : link;
    const { received, shown, ageMs } = this.meter;
    return {
      state,
      transport,
      rttMs: rttMs ?? NaN,
      ageMs,
      seq: this.player.isOn ? this.player.past.seq : this.connection.seq,
      received: received.perSecond,
      shown: shown.perSecond,
      offsetMs: this.client.stats.clockOffsetMs ?? 0,
    };
  }

  #wire() {
    const wake = () => this.painter.wake();
    for (const part of [this.grid, this.chart, this.tape]) part.onDirty = wake;
    this.desk.onTicker = (symbol) => {
      this.grid.touch(symbol);
      wake();
    };
    this.desk.onDetail = wake;
    this.grid.onPainted = (ticker) => this.meter.paint(ticker, this.serverNow());
    const title = new Title(this.desk, () => this.figures);
    this.painter.addFrame({ paint: (now) => this.meter.turn(now) });
    for (const part of [this.header, this.banner, this.player, title]) this.painter.addFrame(part);
    for (const part of [this.grid, this.chart, this.tape, this.top]) this.painter.add(part);
    this.painter.onPainted = (took) => this.meter.paints.add(took);
    this.chart.onInterval = (interval) => this.setInterval(interval);
    this.looks.onChange = () => this.#dress();
    new Tools(this.looks);
    new Search(find('search'), find('found'), {
      symbols: () => this.desk.instruments.keys(),
      add: (symbol) => this.add(symbol),
      say: speakOut,
    });
    useTabs();
    useGrid(this);
    listen({ ...shortcuts(this), ...this.player.keys() });
    find('replay-open').addEventListener('click', () => this.player.choose());
    find('help-open').addEventListener('click', showHelp);
    find('share').addEventListener('click', () => this.share());
    find('group-add').addEventListener('click', () => this.groups.add());
    document.addEventListener('visibilitychange', () => this.live.rest());
  }

  /** Instruments, and the list of a link. @param {import('./link.js').Link} link */
  async #lookUp(link) {
    const { symbols } = await this.connection.ask('/v1/symbols');
    this.desk.setInstruments(symbols);
    const known = symbols.map((/** @type {any} */ row) => row.symbol);
    const { lists } = this.desk;
    if (link.watch.length > 0) {
      const shared = link.watch.flatMap((name) => expand(name, known));
      this.showGroup(say('group.link'), [...new Set(shared)]);
    } else if (lists.groups.length === 1 && lists.symbols.length === 0) {
      lists.group.symbols.push(...known.slice(0, 60));
      link.symbol ||= await busiest(this.client, lists.symbols);
    } else return;
    this.groups.show();
  }

  /** @param {string} symbol to look at, or '' */
  #follow(symbol) {
    this.listChanged();
    this.choose(symbol || this.desk.lists.symbols[0] || '');
  }

  /** Shows what is live, after a replay. */
  goLive() {
    this.listChanged();
    this.live.look();
    this.live.warm(this.desk.lists.symbols);
    this.note();
    this.painter.wake();
  }

  /**
   * Begins a group and looks at it, in place of one of that name.
   * @param {string} name @param {string[]} symbols
   */
  showGroup(name, symbols) {
    const { lists } = this.desk;
    const at = lists.groups.findIndex((group) => group.name === name);
    if (at >= 0) lists.groups.splice(at, 1);
    lists.addGroup(name, symbols);
    this.groups.show();
    this.listChanged();
  }

  /** The list is another one: rows, what is followed, and what is kept. */
  listChanged() {
    const { lists } = this.desk;
    this.preferences.set('lists', lists.text());
    for (const symbol of lists.symbols) this.desk.ticker(symbol);
    this.grid.setSymbols(lists.symbols);
    this.#source.watch(this.#watched());
    if (this.desk.symbol !== '') this.note();
  }

  /** The list, and what the chart shows if it is another one. */
  #watched() {
    return [...new Set([...this.desk.lists.symbols, this.desk.symbol])].filter(Boolean);
  }

  /** Keeps the address a link to what is shown. */
  note() {
    this.#source.watch(this.#watched());
    const search = writeLink(this.#shown());
    history.replaceState(null, '', search === '' ? location.pathname : search);
  }

  #shown() {
    const { lists, symbol, chosenInterval: interval } = this.desk;
    const { conflateMs } = this.live;
    return { watch: lists.symbols, symbol, interval, conflateMs, ...this.player.link };
  }

  /** Shows a link to all that is on the screen. */
  share() {
    showSharing({ search: writeLink(this.#shown()), symbols: this.desk.lists.symbols });
  }

  /** Says the price of the row in focus. */
  sayPrice() {
    const ticker = this.desk.ticker(this.grid.focused || this.desk.symbol);
    speakOut(sentence(ticker, { figures: this.figures, now: this.look().now }));
  }

  #dress() {
    this.figures = new Figures(this.looks.language);
    this.chart.dress();
    this.grid.touchAll();
    this.painter.wake();
  }
}
