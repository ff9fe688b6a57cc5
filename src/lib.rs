//! Tickwire: ticks of many venues on one ordered tape, and everyone a reader of it.

pub mod board;
pub mod event;
pub mod tape;
