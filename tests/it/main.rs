//! Integration tests: real sockets, one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod client;
mod data;
mod frames;
mod handshake;
mod harness;
mod http;
mod ingest;
mod operations;
mod slow;
