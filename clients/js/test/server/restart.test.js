// @ts-check
// A minute of a real market, played as a feed, across the end of the server.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { cursorOf } from '../../src/cursor.js';
import { Client } from '../../src/index.js';
import { Told, eventually, pause, same, seqOf } from '../stage/compare.js';
import { Proxy } from '../stage/proxy.js';
import { Server, needsServer } from '../stage/server.js';

const beside = fileURLToPath(new URL('../../../../../shared/captures', import.meta.url));
const capture = `${process.env.CAPTURES ?? beside}/tape/crypto_20240808.csv.gz`;
const needsCapture = {
  skip: needsServer.skip || (existsSync(capture) ? false : 'needs ../shared/captures'),
};
const channels = ['ticker', 'trades'];
/** Times as fast as it happened. */
const SPEED = 8;
const quick = { WebSocket, backoff: { minMs: 10, maxMs: 100 } };

/** @type {('ws' | 'sse' | 'poll')[]} */
const WAYS = ['ws', 'sse', 'poll'];

test('each way tells a minute of a real market exactly, across the end of the server, and slow',
  needsCapture, async (t) => {
    const server = await Server.start({
      'feeds.market.venue': 'file',
      'feeds.market.path': capture,
      'feeds.market.speed': SPEED,
      'limits.buffer_bytes': 65_536,
    });
    t.after(() => server.close());
    const begun = performance.now();
    const clients = await Promise.all(WAYS.map((way) => follow(server, way)));
    for (const { client, proxy } of clients) {
      t.after(() => client.close());
      t.after(() => proxy.close());
    }
    await pause(700);
    for (const { proxy } of clients) proxy.stall();
    await pause(800);
    for (const { proxy } of clients) proxy.flow();
    await pause(200);
    assert.ok((await server.metric('shard_spills_total')) >= 2, 'the slow phase was none');
    for (const signal of /** @type {const} */ (['SIGTERM', 'SIGKILL'])) {
      await server.end(signal);
      await pause(150);
      await server.begin();
      const places = clients.map(({ told }) => told.seq);
      const goesOn = () => clients.every(({ told }, at) => told.seq > places[at] + 1_000);
      await eventually(`all go on after ${signal}`, goesOn);
    }
    await pause(200);
    const played = ((performance.now() - begun) / 1_000) * SPEED;
    t.diagnostic(`${Math.round(played)} s of the market`);
    const truth = await tape(clients[0].client);
    for (const { way, told, client } of clients) {
      const compared = same(told, truth);
      const prints = await history(client, told);
      const { connections } = client.stats;
      t.diagnostic(`${way}: ${compared} messages, ${prints} prints, ${connections} connections`);
      assert.ok(compared > 4_000 && prints > 500 && connections === 3, `${way} proves too little`);
    }
  });

/**
 * @param {Server} server
 * @param {'ws' | 'sse' | 'poll'} way
 */
async function follow(server, way) {
  const proxy = await Proxy.start(server.port);
  const client = new Client(proxy.url, { ...quick, transports: [way] });
  const subscribe = (/** @type {string} */ channel) =>
    client.subscribe('market:*', { channel, slow: 'spill' });
  const told = new Told(...channels.map(subscribe));
  await eventually(`${way} has begun`, () => told.streams.size >= 6 * channels.length);
  return { way, client, proxy, told };
}

/**
 * The server's own history of the tape, played again.
 * @param {Client} client
 */
async function tape(client) {
  const range = { symbols: 'market:*', channels, from: new Date(0) };
  const replay = client.replay({ ...range, speed: 0 });
  const played = new Told(replay);
  await eventually('the tape was played to its end', () => replay.state.state === 'ended');
  replay.close();
  return played;
}

/**
 * The prints that were told are those of history, none more and none less.
 * @param {Client} client
 * @param {Told} told
 */
async function history(client, told) {
  let prints = 0;
  for (const [stream, texts] of told.streams) {
    const [channel, symbol] = stream.split(' ');
    if (channel !== 'trades') continue;
    const { cursor } = await client.get('/v1/snapshot', { channel, symbols: symbol });
    const { epoch } = cursorOf(cursor);
    const mine = texts.filter((text) => text.startsWith('{"type":"trade"'));
    const from = { epoch, seq: seqOf(texts[0]) };
    const to = { epoch, seq: seqOf(texts.at(-1)) };
    const rows = [];
    for await (const row of client.rows('/v1/trades', { symbol, from, to, limit: 10_000 })) {
      rows.push(row);
    }
    const bare = mine.map((text) => {
      const { type, channel: of, prev, ...row } = JSON.parse(text);
      return row;
    });
    assert.deepEqual(bare, rows);
    prints += rows.length;
  }
  return prints;
}
