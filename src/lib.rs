//! Tickwire: ticks of many venues on one ordered tape, and everyone a reader of it.

pub mod access;
pub mod app;
pub mod board;
pub mod cli;
pub mod clock;
pub mod config;
pub mod descriptors;
pub mod event;
pub mod export;
pub mod history;
pub mod http;
pub mod hub;
pub mod import;
pub mod ingest;
pub mod load;
pub mod outbox;
pub mod parcel;
pub mod proof;
pub mod replay;
pub mod sequencer;
pub mod standin;
pub mod store;
pub mod subscriber;
pub mod tape;
pub mod telemetry;
pub mod wire;
