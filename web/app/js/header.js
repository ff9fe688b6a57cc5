// @ts-check
// The header: feeds, connection, rates, place and clocks; patched a few times a second.

import { clockOf, localClockOf, shortSpan } from './instant.js';
import { find, make, setAttribute, setText } from './node.js';
import { say, term } from './words.js';

const EVERY_MS = 250;

/**
 * @typedef {object} Standing how the connection is
 * @property {string} state `connecting`, `live`, `waiting` or `closed`
 * @property {string} transport `ws`, `sse` or `poll`
 * @property {number} rttMs @property {number} ageMs of events as they come @property {number} seq
 * @property {number} received messages a second @property {number} shown rows painted a second
 * @property {number} offsetMs the server's clock less ours
 */

/** The header of the page. */
export class Header {
  /** @type {Map<string, { node: HTMLElement, word: Text }>} */
  #feeds = new Map();
  /** @type {any[]} */
  #venues = [];
  #painted = 0;
  #link = find('link');
  #word = find('link').querySelector('.word');

  /** @param {() => Standing} standing @param {() => import('./figures.js').Figures} figures */
  constructor(standing, figures) {
    this.standing = standing;
    this.figures = figures;
  }

  /** @param {any[]} venues rows of `/v1/venues` */
  setVenues(venues) {
    this.#venues = venues;
    for (const { feed } of venues) {
      if (this.#feeds.has(feed)) continue;
      const word = document.createTextNode('');
      const dot = make('i', { class: 'dot', 'aria-hidden': 'true' });
      const node = make('li', { class: 'chip' }, [dot, `${feed} `, make('b', {}, [word])]);
      this.#feeds.set(feed, { node, word });
      find('feeds').append(node);
    }
    this.#painted = 0;
  }

  /** @param {number} now ms */
  paint(now) {
    if (now - this.#painted < EVERY_MS) return;
    this.#painted = now;
    const standing = this.standing();
    const server = now + standing.offsetMs;
    for (const venue of this.#venues) this.#paintFeed(venue, server);
    this.#paintLink(standing);
    const isLive = standing.state === 'live';
    setText(find('age'), isLive ? span(standing.ageMs) : '–');
    setText(find('rate'), this.figures().count(standing.received));
    setText(find('drawn'), this.figures().count(standing.shown));
    setText(find('seq'), this.figures().count(standing.seq));
    setText(find('utc'), clockOf(now));
    setText(find('local'), localClockOf(now));
  }

  /** @param {any} venue @param {number} now */
  #paintFeed(venue, now) {
    const chip = this.#feeds.get(venue.feed);
    if (!chip) return;
    const since = venue.state === 'live' ? '' : ` ${shortSpan(now - Date.parse(venue.since))}`;
    setAttribute(chip.node, 'data-state', venue.state);
    const word = term(venue.state) + since;
    if (chip.word.data !== word) chip.word.data = word;
    setAttribute(chip.node, 'title', venue.reason ?? say('feed.title', { count: venue.symbols }));
  }

  /** @param {Standing} standing */
  #paintLink({ state, transport, rttMs }) {
    setAttribute(this.#link, 'data-state', state);
    setAttribute(document.body, 'data-link', state);
    const way = transport === 'ws' || !transport ? '' : ` · ${WAYS[transport] ?? transport}`;
    const time = state === 'live' && Number.isFinite(rttMs) ? ` ${span(rttMs)}` : '';
    setText(this.#word, say(`link.${/** @type {'live'} */ (state)}`) + time + way);
    setAttribute(this.#link, 'title', say('link.title'));
  }
}

/** @type {Record<string, string>} */
const WAYS = { sse: 'SSE', poll: 'long poll' };

/** "3 ms" or "1.2 s". @param {number} ms */
function span(ms) {
  if (!Number.isFinite(ms)) return '–';
  if (Math.abs(ms) < 1000) return `${ms < 10 ? Math.max(0, ms).toFixed(1) : Math.round(ms)} ms`;
  return Math.abs(ms) < 100_000 ? `${(ms / 1000).toFixed(1)} s` : shortSpan(ms);
}
