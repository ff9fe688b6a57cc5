// The browser's own EventSource and WebSocket: usage: node browser.mjs URL CHROMIUM
// The page follows all trades in three ways. "cut" asks whoever runs this to end the server and to
// begin it again, and to say so by a line. What the page took is printed as JSON.
import { createInterface } from "node:readline";
import { decode } from "@msgpack/msgpack";
import { chromium } from "playwright-core";

const [url, executablePath] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
const browser = await chromium.launch({ executablePath, args, headless: true });
const page = await browser.newPage();
const troubles = [];
page.on("pageerror", (error) => troubles.push(String(error)));
await page.goto(`${url}/docs/`);

await page.evaluate(() => {
  const taken = { events: [], opens: 0, sockets: {} };
  globalThis.taken = taken;
  const source = new EventSource("/v1/sse?channel=trades&symbols=sim:*");
  source.onmessage = ({ data }) => taken.events.push(data);
  source.onopen = () => { taken.opens += 1; };
  const open = (protocol, send) => {
    const socket = new WebSocket(`ws://${location.host}/v1/stream`, protocol);
    const mine = { messages: [], protocol: null, close: null };
    taken.sockets[protocol] = mine;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      mine.protocol = socket.protocol;
      socket.send(JSON.stringify({ op: "subscribe", channel: "trades", symbols: ["sim:*"], ...send }));
    };
    socket.onmessage = ({ data }) => {
      const bytes = typeof data === "string" ? null : [...new Uint8Array(data)];
      mine.messages.push(bytes ?? data);
    };
    socket.onclose = ({ code, wasClean }) => { mine.close = { code, wasClean }; };
  };
  open("tickwire.v1.json");
  open("tickwire.v1.msgpack");
});

const events = () => page.evaluate(() => globalThis.taken.events.length);
const more = async (count) => {
  const until = await events() + count;
  await page.waitForFunction((least) => globalThis.taken.events.length >= least, until, {
    timeout: 15_000,
  });
};

for (let cuts = 0; cuts < 2; cuts += 1) {
  await more(150);
  console.log("cut");
  await lines.next();
}
await more(150);
const taken = await page.evaluate(() => globalThis.taken);
await browser.close();

const sockets = Object.entries(taken.sockets).map(([name, { messages, protocol, close }]) => {
  const told = messages.map((it) => (typeof it === "string" ? JSON.parse(it) : decode(it)));
  const trades = told.filter(({ type }) => type === "trade");
  return { name, protocol, close, trades: trades.map(({ recv, ts, ...rest }) => rest) };
});
const told = taken.events.map((data) => JSON.parse(data));
const seen = JSON.stringify({ events: told, opens: taken.opens, sockets, troubles });
process.stdout.write(`${seen}\n`, () => process.exit(0));
