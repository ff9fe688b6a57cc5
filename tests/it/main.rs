//! Integration tests: real sockets, one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed"
)]

mod access;
mod bars;
mod bench;
mod captures;
mod cli;
mod client;
mod container;
mod crash;
mod db;
mod frames;
mod full_disk;
mod handshake;
mod harness;
mod history;
mod http;
mod ingest;
mod operations;
mod postgres;
mod replay;
mod server;
mod slow;
mod specs;
mod store;
mod streams;
mod transfer;
mod verify;
mod ways;
