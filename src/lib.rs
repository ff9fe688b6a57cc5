//! Tickwire: ticks of many venues on one ordered tape, and everyone a reader of it.

pub mod board;
pub mod clock;
pub mod event;
pub mod hub;
pub mod outbox;
pub mod sequencer;
pub mod subscriber;
pub mod tape;
pub mod wire;
