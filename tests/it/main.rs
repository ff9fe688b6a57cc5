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
mod attacks;
mod bars;
mod bench;
mod browser;
mod captures;
mod cli;
mod client;
mod clients;
mod clients_js;
mod clients_python;
mod clients_rust;
mod container;
mod crash;
mod db;
mod doctor;
mod drain;
mod frames;
mod full_disk;
mod h2;
mod handshake;
mod harness;
mod history;
mod http;
mod ingest;
mod limits;
mod observe;
mod operations;
mod packed;
mod postgres;
mod readers;
mod replay;
mod rfc6455;
mod server;
mod slow;
mod specs;
mod store;
mod streams;
mod tls;
mod top;
mod transfer;
mod verify;
mod ways;
