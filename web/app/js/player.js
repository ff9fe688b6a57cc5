// @ts-check
// The player: from live to a replay and back, so that the two are never mixed.

import { textOf } from './instant.js';
import { find } from './node.js';
import { Past } from './past.js';
import { chooseSession, nameOf, named } from './sessions.js';
import { alertOut, speakOut } from './speech.js';
import { showPane } from './tabs.js';
import { Transport } from './transport.js';
import { say } from './words.js';

/** How often the address is brought up to where a replay is. */
const NOTE_MS = 1000;
const GROUP_MAX = 60;

/** Replays sessions on the page. */
export class Player {
  #noted = 0;
  /** Whether symbols are added to the list as they are heard of. */
  #isFinding = false;

  /**
   * @param {import('./screen.js').Screen} screen
   */
  constructor(screen) {
    this.screen = screen;
    const { client, desk } = screen;
    this.past = new Past(client, desk, {
      message: (message) => screen.meter.take(message, this.past.at),
      refused: (error) => alertOut(`${error.code}: ${error.message}`),
      changed: () => screen.painter.wake(),
      held: (isHeld) => screen.painter.hold(isHeld),
      found: (symbol) => this.#found(symbol),
    });
    this.transport = new Transport(this.past, () => screen.look(), {
      leave: () => this.leave(),
      get: (path, params) => client.get(path, params),
    });
  }

  get isOn() {
    return this.past.session !== null;
  }

  /** Lets a session be chosen. */
  async choose() {
    const { client, figures } = this.screen;
    try {
      const { sessions } = await client.get('/v1/sessions');
      chooseSession(sessions, figures, (session) => this.open(session, { at: NaN, speed: 1 }));
    } catch (error) {
      this.screen.connection.refused(error);
    }
  }

  /** Opens what a link names. @param {import('./link.js').Link} link */
  async openLink(link) {
    const { sessions } = await this.screen.connection.ask('/v1/sessions');
    const session = named(sessions, link.session);
    if (session) this.open(session, { at: Date.parse(link.at), speed: link.speed });
    else alertOut(say('session.gone', { name: link.session }));
    return session !== undefined;
  }

  /** @param {import('./past.js').Session} session @param {{ at: number, speed: number }} start */
  open(session, start) {
    const { screen, past } = this;
    const { desk } = screen;
    screen.live.stop();
    desk.mode = 'replay';
    desk.now = () => past.at;
    desk.reset();
    document.body.dataset.mode = 'replay';
    const own = desk.lists.symbols.filter((symbol) => symbol.startsWith(`${session.venue}:`));
    this.#isFinding = own.length === 0;
    const symbols = this.#isFinding ? [`${session.venue}:*`] : own;
    if (this.#isFinding) screen.showGroup(`${session.feed} ${session.day}`, []);
    past.open(session, symbols, start);
    this.transport.show(true);
    // Where only one pane is seen, it is the one with the transport bar.
    showPane('chart-pane');
    this.transport.load(desk.symbol);
    find('replay-open').setAttribute('aria-pressed', 'true');
    speakOut(say('said.replay', { name: `${session.feed} ${session.day}` }));
    screen.painter.wake();
  }

  /** Back to what is live. */
  leave() {
    if (!this.isOn) return;
    const { screen } = this;
    this.past.close();
    this.transport.show(false);
    screen.desk.mode = 'live';
    screen.desk.now = (ms) => ms;
    screen.desk.reset();
    delete document.body.dataset.mode;
    find('replay-open').setAttribute('aria-pressed', 'false');
    screen.goLive();
    speakOut(say('said.live'));
  }

  /** What a link says of it. @returns {{ session: string, at: string, speed: number }} */
  get link() {
    const { session, at, speed } = this.past;
    if (session === null) return { session: '', at: '', speed: 1 };
    return { session: nameOf(session), at: Number.isNaN(at) ? '' : textOf(at), speed };
  }

  /** Chart and tape look at another symbol. */
  look() {
    this.past.look();
    this.transport.load(this.screen.desk.symbol);
  }

  /**
   * Keys of a replay; they mean nothing while it is live.
   * @returns {Record<string, (event: KeyboardEvent) => void>}
   */
  keys() {
    const { past, transport } = this;
    const only =
      (/** @type {(event: KeyboardEvent) => void} */ act) => (/** @type {KeyboardEvent} */ event) =>
        this.isOn && act(event);
    /** @type {Record<string, (event: KeyboardEvent) => void>} */
    const keys = {
      ' ': only(() => past.toggle()),
      '.': only(() => past.step(1)),
      ',': only(() => past.step(-1)),
      '>': only(() => transport.turnSpeed(1)),
      '<': only(() => transport.turnSpeed(-1)),
      a: only(() => past.turnLoop()),
      l: only(() => this.leave()),
      r: () => this.choose(),
    };
    const seeks = ['ArrowLeft', 'ArrowRight', 'PageUp', 'PageDown', 'Home', 'End'];
    for (const key of seeks) keys[key] = only((event) => transport.press(event));
    return keys;
  }

  /** @param {number} now */
  paint(now) {
    this.transport.paint();
    if (!this.isOn || now - this.#noted < NOTE_MS) return;
    this.#noted = now;
    this.screen.note();
  }

  /** @param {string} symbol */
  #found(symbol) {
    const { lists } = this.screen.desk;
    if (!this.#isFinding || lists.symbols.length >= GROUP_MAX) return;
    if (lists.add(symbol)) this.screen.listChanged();
    if (this.screen.desk.symbol.split(':')[0] !== symbol.split(':')[0]) this.screen.choose(symbol);
  }
}
