// @ts-check
// The report: what the server told of itself, as lines of the tables.

import { clockOf, shortSpan, textOf } from '../instant.js';
import { make } from '../node.js';
import { nameOf } from '../sessions.js';
import { say, term } from '../words.js';
import { dismissal } from './dismissal.js';

/**
 * @typedef {import('./table.js').Line} Line
 * @typedef {object} Told
 * @property {import('./metrics.js').Metrics} metrics
 * @property {import('./metrics.js').Metrics | null} before
 * @property {any[]} venues @property {any} ready
 * @property {Map<string, import('../rate.js').Spread>} lags of feeds, as they were each time
 * @property {any[]} clients @property {any[]} sessions
 * @property {{ token: string, failed: (error: any) => void }} operator
 * @property {import('../figures.js').Figures} figures
 */

export const FEEDS = [
  'ops.feed',
  'ops.state',
  'ops.since',
  'ops.symbols#',
  'ops.ticks#',
  'ops.lag#',
  'ops.queue#',
  'ops.reconnects#',
  'ops.rejected#',
  'ops.error',
];
export const WORKERS = [
  'ops.worker',
  'ops.clients#',
  'ops.streams#',
  'ops.ring#',
  'ops.waiting#',
  'ops.most#',
  'ops.following#',
  'ops.sent#',
  'ops.laps#',
];
export const CLIENTS = [
  'ops.id#',
  'ops.way',
  'ops.remote',
  'ops.since',
  'ops.streams#',
  'ops.waiting#',
  'ops.skipped#',
  '',
];
export const PAIRS = ['ops.what', 'ops.value#'];
export const SESSIONS = [
  'session.day',
  'session.feed',
  'session.from',
  'session.to',
  'session.events#',
  'session.trades#',
  'session.gaps#',
  '',
];

/** @param {Told} told @returns {Line[]} */
export function feedLines({ metrics, before, venues, lags, figures }) {
  return venues.map((venue) => {
    const labels = { feed: venue.feed };
    const rejected = Object.values(venue.rejected).reduce((sum, count) => sum + count, 0);
    return {
      key: venue.feed,
      values: [
        venue.feed,
        { text: term(venue.state), state: venue.state },
        shortSpan(metrics.at - Date.parse(venue.since)),
        figures.count(venue.symbols),
        rate(metrics.rate('feed_ticks', before, labels), figures),
        lag(lags.get(venue.feed), figures),
        count(metrics.sum('feed_queue_ticks', labels), figures),
        figures.count(venue.reconnects),
        { text: figures.count(rejected), title: JSON.stringify(venue.rejected) },
        venue.reason ?? '',
      ],
    };
  });
}

/** @param {Told} told @returns {Line[]} */
export function workerLines({ metrics, before, figures }) {
  return metrics.values('shard_connections', 'shard').map((shard) => {
    const labels = { shard };
    const of = (/** @type {string} */ name) => count(metrics.sum(`shard_${name}`, labels), figures);
    return {
      key: shard,
      values: [
        shard,
        of('connections'),
        of('streams'),
        of('ring_events'),
        bytes(metrics.sum('shard_outbox_bytes', labels)),
        bytes(metrics.sum('shard_outbox_bytes_max', labels)),
        of('following'),
        rate(metrics.rate('shard_delivered', before, labels), figures),
        of('laps_total'),
      ],
    };
  });
}

/** @param {Told} told @returns {Line[]} */
export function clientLines({ metrics, clients, operator, figures }) {
  return clients.map((client) => ({
    key: String(client.id),
    values: [
      String(client.id),
      client.way.replace('/v1/', ''),
      client.remote ?? '–',
      shortSpan(metrics.at - Date.parse(client.since)),
      client.streams === null ? '–' : figures.count(client.streams),
      client.waiting_bytes === null ? '–' : bytes(client.waiting_bytes),
      client.skipped === null ? '–' : figures.count(client.skipped),
      { nodes: () => (client.streams === null ? [] : dismissal(client.id, operator)) },
    ],
  }));
}

/** @param {Told} told @returns {Line[]} */
export function storeLines({ metrics, before, ready, figures }) {
  const { store } = ready;
  const stopped = metrics.sum('tape_stopped') === 1;
  const lines = [
    pair('ops.tape', say(stopped ? 'ops.stopped' : 'ops.writing'), stopped ? 'down' : 'live'),
    pair('ops.tape.bytes', bytes(metrics.sum('tape_bytes'))),
    pair('ops.tape.segments', count(metrics.sum('tape_segments'), figures)),
    pair('ops.sequencer', `${count(metrics.sum('sequencer_age_ms'), figures)} ms`),
  ];
  if (store === undefined) return [...lines, pair('ops.store.state', say('ops.store.none'))];
  const lost = store.lost === null ? '–' : `${store.lost.after}…${store.lost.upto}`;
  return [
    ...lines,
    pair('ops.store.state', store.state, store.error === null ? 'live' : 'warn'),
    pair('ops.store.behind', store.behind === null ? '–' : figures.count(store.behind)),
    pair('ops.store.rows', rate(metrics.rate('store_events', before), figures)),
    pair('ops.store.lost', lost, store.lost === null ? undefined : 'down'),
    pair('ops.error', store.error ?? '–', store.error === null ? undefined : 'warn'),
  ];
}

/** @param {Told} told @returns {Line[]} */
export function slowLines({ metrics, figures }) {
  const names = /** @type {const} */ ([
    'conflated',
    'spills',
    'gaps',
    'dropped',
    'too_slow',
    'handed_over',
  ]);
  return names.map((name) => {
    const sum = metrics.sum(`shard_${name}_total`);
    return pair(
      `ops.slow.${name}`,
      count(sum, figures),
      sum > 0 && name !== 'handed_over' ? 'warn' : undefined,
    );
  });
}

/** Newest first. @param {Told} told @returns {Line[]} */
export function sessionLines({ sessions, figures }) {
  return [...sessions].reverse().map((session) => ({
    key: nameOf(session),
    values: [
      session.day,
      session.feed,
      clockOf(Date.parse(session.recv_first)),
      clockOf(Date.parse(session.recv_last)),
      figures.count(session.events),
      figures.count(session.trades),
      figures.count(session.gaps),
      { nodes: () => sessionLinks(session) },
    ],
  }));
}

/** @param {any} session */
function sessionLinks(session) {
  const replay = `/?session=${nameOf(session)}&speed=1`;
  const command = exportCommand(session);
  const copy = make('button', { class: 'small', title: command }, [say('ops.export')]);
  copy.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(command);
      copy.textContent = say('copied');
    } catch {
      copy.replaceWith(make('code', {}, [command]));
    }
  });
  return [make('a', { class: 'button small', href: replay }, [say('replay.open')]), ' ', copy];
}

/** What takes a session out into a file. @param {any} session */
export function exportCommand({ epoch, feed, venue, day, recv_first, recv_last }) {
  const to = textOf(Date.parse(recv_last) + 1);
  return (
    `tickwire export -o ${feed}-${day}.csv.gz --format tape --symbols '${venue}:*' ` +
    `--epoch ${epoch} --from ${recv_first} --to ${to}`
  );
}

/** @param {string} key @param {string} text @param {string} [state] @returns {Line} */
function pair(key, text, state) {
  return { key, values: [say(/** @type {any} */ (key)), { text, state }] };
}

/** @param {number} value @param {import('../figures.js').Figures} figures */
function count(value, figures) {
  return Number.isFinite(value) ? figures.count(value) : '–';
}

/** @param {number} value @param {import('../figures.js').Figures} figures */
function rate(value, figures) {
  return Number.isFinite(value) ? figures.count(value) : '–';
}

/**
 * @param {import('../rate.js').Spread | undefined} seen
 * @param {import('../figures.js').Figures} figures
 */
function lag(seen, figures) {
  const [half, most] = [0.5, 0.99].map((share) => seen?.at(share) ?? NaN);
  if (!Number.isFinite(half)) return '–';
  const text = `${figures.count(half)} / ${figures.count(most)} ms`;
  return { text, title: say('ops.lag.title') };
}

/** @param {number} value */
export function bytes(value) {
  if (!Number.isFinite(value)) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 ? 0 : 1)} ${units[unit]}`;
}
