// @ts-check
import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';
import { Client } from '../../src/index.js';
import { Told, Witness, eventually, pause, same } from '../stage/compare.js';
import { Proxy } from '../stage/proxy.js';
import { Server, needsServer } from '../stage/server.js';

const CUTS = 20;
const what = { channels: ['ticker', 'trades', 'bars.1s'], symbols: ['sim:*'] };
const quick = { WebSocket, backoff: { minMs: 10, maxMs: 50 }, pingMs: 200 };

test(`${CUTS} cuts of each way lose nothing and double nothing`, needsServer, async (t) => {
  const server = await Server.start({ 'feeds.sim.ticks_per_s': 800 });
  t.after(() => server.close());
  const witness = new Witness(server.url, what);
  t.after(() => witness.close());
  await witness.ready;
  const cut = async (/** @type {'ws' | 'sse' | 'poll'} */ transport) => {
    const proxy = await Proxy.start(server.port);
    const client = new Client(proxy.url, { ...quick, transports: [transport] });
    t.after(() => client.close());
    const subscribe = (/** @type {string} */ channel) =>
      client.subscribe('sim:*', { channel, slow: 'spill' });
    const subscriptions = what.channels.map(subscribe);
    const told = new Told(...subscriptions);
    // Who is cut amid the first snapshots holds nothing yet that could be lost.
    const begun = () => told.streams.size === 60 && subscriptions.every((it) => it.cursor);
    await eventually(`${transport} has begun`, begun);
    for (let cuts = 0; cuts < CUTS; cuts += 1) {
      const { seq } = told;
      const goesOn = () => told.seq > seq + 20 && client.state.state === 'live';
      await eventually(`${transport} goes on`, goesOn);
      // Anywhere: also while it comes back, and in the midst of a message.
      await pause(Math.random() * 40);
      if (transport === 'poll' || cuts % 2) await proxy.cutAfter(Math.random() * 4_000);
      else proxy.cut();
    }
    const { seq } = told;
    await eventually(`${transport} is back`, () => told.seq > seq + 50);
    const { connections } = client.stats;
    client.close();
    proxy.close();
    return { transport, told, connections };
  };
  const clients = await Promise.all([cut('ws'), cut('sse'), cut('poll')]);
  const last = Math.max(...clients.map(({ told }) => told.seq));
  await witness.reaches(last);
  for (const { transport, told, connections } of clients) {
    const compared = same(told, witness);
    t.diagnostic(`${transport}: ${connections} connections, ${compared} messages compared`);
    assert.ok(compared > 1_000 && connections > CUTS / 2, `${compared}, ${connections}`);
  }
});
