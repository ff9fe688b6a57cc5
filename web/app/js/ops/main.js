// @ts-check
// The operators' page: asks the server how it does, every other second while it is seen.

import { Client, Failure } from '/client/index.js';
import { Access } from '../access.js';
import { Figures } from '../figures.js';
import { clockOf } from '../instant.js';
import { Looks } from '../looks.js';
import { find, setAttribute, setText } from '../node.js';
import { Preferences } from '../preferences.js';
import { Spread } from '../rate.js';
import { Tools } from '../tools.js';
import { say } from '../words.js';
import { Metrics } from './metrics.js';
import * as report from './report.js';
import { Table } from './table.js';

const EVERY_MS = 2000;
/** Sessions are counted by the server: that takes longer than all the rest. */
const SESSIONS_EVERY = 8;

const looks = new Looks(Preferences.open());
const access = new Access();
const client = new Client('/v1/stream', { getToken: () => access.token });
// It asks, and follows nothing.
client.close();

const tables = {
  feeds: new Table(find('feeds-table'), report.FEEDS),
  store: new Table(find('store-table'), report.PAIRS),
  workers: new Table(find('workers-table'), report.WORKERS),
  slow: new Table(find('slow-table'), report.PAIRS),
  clients: new Table(find('clients-table'), report.CLIENTS),
  sessions: new Table(find('sessions-table'), report.SESSIONS),
};
/** @type {Metrics | null} */
let before = null;
let round = 0;
/** How far each feed lagged at each look. @type {Map<string, Spread>} */
const lags = new Map();
/** @type {any[]} */
let sessions = [];

async function ask() {
  if (document.hidden) return;
  try {
    if (round % SESSIONS_EVERY === 0) sessions = await past();
    round += 1;
    const [text, { venues }, ready, { clients, left_off: leftOff }] = await Promise.all([
      client.get('/metrics'),
      client.get('/v1/venues'),
      readiness(),
      client.get('/ui/clients.json'),
    ]);
    const metrics = new Metrics(text, Date.now());
    note(venues);
    show({
      metrics,
      before,
      venues,
      lags,
      ready,
      clients,
      sessions,
      operator: { token: access.token, failed: refused },
      figures: new Figures(looks.language),
    });
    setText(find('clients-note'), leftOff > 0 ? say('ops.more', { count: leftOff }) : '');
    before = metrics;
    setText(find('alert'), '');
  } catch (error) {
    failed(/** @type {any} */ (error));
  }
}

/** What the tape holds, if that may be known. @returns {Promise<any[]>} */
async function past() {
  const node = find('sessions-note');
  setText(node, '');
  try {
    return (await client.get('/v1/sessions')).sessions;
  } catch (error) {
    if (!(error instanceof Failure) || error.status !== 403) throw error;
    setText(node, error.message);
    return [];
  }
}

/** @param {any[]} venues */
function note(venues) {
  for (const { feed, lag_ms: lagMs } of venues) {
    const seen = lags.get(feed) ?? new Spread();
    if (lagMs !== null) seen.add(lagMs);
    lags.set(feed, seen);
  }
}

/** Not to be ready is an answer too. */
async function readiness() {
  try {
    return await client.get('/readyz');
  } catch (error) {
    if (error instanceof Failure && error.status === 503) return { status: error.message };
    throw error;
  }
}

/** @param {report.Told} told */
function show(told) {
  const { metrics, ready, figures } = told;
  tables.feeds.show(report.feedLines(told));
  tables.store.show(report.storeLines(told));
  tables.workers.show(report.workerLines(told));
  tables.slow.show(report.slowLines(told));
  tables.clients.show(report.clientLines(told));
  tables.sessions.show(report.sessionLines(told));
  const count = (/** @type {number} */ value) =>
    Number.isFinite(value) ? figures.count(value) : '–';
  setText(find('events'), count(metrics.rate('sequencer_events', told.before)));
  setText(find('sent'), count(metrics.rate('shard_delivered', told.before)));
  setText(find('connections'), count(metrics.sum('shard_connections')));
  setText(find('replays'), count(metrics.sum('replay_open')));
  setText(find('seq'), count(metrics.sum('tape_head')));
  chip(
    ready.status === 'ready' ? 'live' : 'stale',
    ready.status === 'ready' ? say('ops.ready') : ready.status,
  );
}

/** What an operator may not do. @param {any} error */
function refused({ code, message }) {
  setText(find('alert'), `${code} ${message}`);
}

/** @param {any} error */
function failed(error) {
  if (error.code === 'unauthorized') access.ask(error.message, ask);
  chip('down', say('ops.away'));
  setText(find('alert'), `${error.code ?? ''} ${error.message}`);
}

/** @param {string} state @param {string} text */
function chip(state, text) {
  setAttribute(find('ready'), 'data-state', state);
  setText(find('ready').querySelector('.word'), text);
}

looks.onChange = () => void ask();
new Tools(looks);
setInterval(() => void ask(), EVERY_MS);
setInterval(() => setText(find('utc'), clockOf(Date.now())), 250);
document.addEventListener('visibilitychange', () => void ask());
void ask();
