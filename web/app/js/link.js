// @ts-check
// A link: what of the screen stands in its address, so that it can be passed on.

import { INTERVALS } from './bars.js';
import { CONFLATE_MS } from './live.js';
import { SYMBOLS_MAX } from './watchlists.js';

/** What the protocol allows. */
const CONFLATE_MS_MAX = 60_000;

/**
 * @typedef {object} Link
 * @property {string[]} watch symbols and patterns of the watchlist; empty: the user's own
 * @property {string} symbol the one in the chart, or ''
 * @property {keyof typeof INTERVALS | ''} interval '' leaves it to the page
 * @property {number} conflateMs how often a row is sent, in ms; 0: each change
 * @property {string} session `epoch/feed/day` of what is replayed, or '' for live
 * @property {string} at the instant of the replay, or ''
 * @property {number} speed of the replay; 0: as fast as can be
 */

/** @param {string} search of an address, with or without its `?` @returns {Link} */
export function parseLink(search) {
  const given = new URLSearchParams(search);
  const interval = given.get('i') ?? '';
  const speed = Number(given.get('speed') ?? 1);
  const conflateMs = Number(given.get('conflate_ms') || CONFLATE_MS);
  return {
    watch: (given.get('w') ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean),
    symbol: given.get('s') ?? '',
    interval: interval in INTERVALS ? /** @type {any} */ (interval) : '',
    conflateMs: isConflation(conflateMs) ? conflateMs : CONFLATE_MS,
    session: given.get('session') ?? '',
    at: given.get('t') ?? '',
    speed: Number.isFinite(speed) && speed >= 0 ? speed : 1,
  };
}

/**
 * The address's search; names are short, so commas and colons stay as they are.
 * @param {Link} link
 */
export function writeLink(link) {
  const parts = [];
  if (link.watch.length > 0) parts.push(`w=${link.watch.map(escape).join(',')}`);
  if (link.symbol) parts.push(`s=${escape(link.symbol)}`);
  if (link.interval) parts.push(`i=${link.interval}`);
  if (link.conflateMs !== CONFLATE_MS) parts.push(`conflate_ms=${link.conflateMs}`);
  if (link.session) {
    parts.push(`session=${escape(link.session)}`);
    if (link.at) parts.push(`t=${escape(link.at)}`);
    parts.push(`speed=${link.speed}`);
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`;
}

/** The symbols that a name stands for: itself, or all that a pattern covers. @param {string} name
 * @param {string[]} known */
export function expand(name, known) {
  if (!name.includes('*')) return [name];
  const pattern = name.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*');
  const covers = new RegExp(`^${pattern}$`);
  return known.filter((symbol) => covers.test(symbol)).slice(0, SYMBOLS_MAX);
}

/** What reads the same list on a command line. @param {string[]} symbols @param {string} origin */
export function commandLine(symbols, origin) {
  return `tickwire sub ${symbols.map(quoted).join(' ')} --url ${origin.replace(/^http/, 'ws')}`;
}

/** @param {number} ms */
function isConflation(ms) {
  return Number.isInteger(ms) && ms >= 0 && ms <= CONFLATE_MS_MAX;
}

/** @param {string} text */
function escape(text) {
  return encodeURIComponent(text).replace(/%3A/g, ':').replace(/%2F/g, '/').replace(/%2A/g, '*');
}

/** @param {string} word */
function quoted(word) {
  return /^[\w:./-]+$/.test(word) ? word : `'${word}'`;
}
