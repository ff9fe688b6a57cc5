//! The ways in without WebSocket: Server-Sent Events, NDJSON, long polling, polling.

mod browsers;
mod client;
mod ends;
mod hostile;
mod polling;
mod programs;
mod same;
mod slow;
mod streaming;
