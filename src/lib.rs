//! Tickwire: many venues, one ordered tape, served live and replayed alike.

pub mod clock;
pub mod config;
