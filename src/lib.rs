//! Tickwire: ticks of many venues on one ordered tape, and everyone a reader of it.

pub mod board;
pub mod clock;
pub mod event;
pub mod ingest;
pub mod outbox;
pub mod sequencer;
pub mod standin;
pub mod wire;
