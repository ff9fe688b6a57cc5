//! Integration tests: real sockets, one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod crash;
mod full_disk;
mod ingest;
