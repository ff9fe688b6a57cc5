// A client of the Node library `ws`: usage: node node_ws.mjs URL SUBPROTOCOL COUNT
// Subscribes, takes COUNT messages of data, pings, closes, and prints what it saw as JSON.
import { decode } from "@msgpack/msgpack";
import WebSocket from "ws";

const [url, protocol, count] = process.argv.slice(2);
const socket = new WebSocket(url, [protocol]);
const seen = { data: 0, binary: 0 };

socket.on("message", (message, isBinary) => {
  const value = isBinary ? decode(message) : JSON.parse(message);
  seen.binary += isBinary ? 1 : 0;
  if (value.type === "welcome") {
    const op = { op: "subscribe", id: 1, channel: "ticker", symbols: ["*:*"] };
    socket.send(JSON.stringify(op));
  }
  if (value.symbol === undefined || seen.data === Number(count)) return;
  const since = value.since ?? value.recv;
  if (isBinary && !(since instanceof Date)) throw new Error(`no time: ${since}`);
  seen.data += 1;
  if (seen.data === Number(count)) socket.ping("hello");
});
socket.on("pong", (payload) => {
  if (payload.toString() !== "hello") throw new Error(`a pong of ${payload}`);
  socket.close(1000, "done");
});
socket.on("close", (code) => {
  const { protocol: subprotocol, extensions } = socket;
  console.log(JSON.stringify({ ...seen, subprotocol, extensions: extensions.length, code }));
});
