//! Client of [Tickwire](https://docs.rs/tickwire-client): market data streams in which nothing is
//! missing without a word.
//!
//! A [`Client`] knows where the server is and what to show there. [`Client::subscribe`] follows what
//! is live, [`Client::replay`] plays what was, [`Client::trades`] and its siblings read history.
//!
//! ```no_run
//! use tickwire_client::Client;
//! use tickwire_client::Event;
//!
//! # async fn run() -> Result<(), tickwire_client::Error> {
//! let client = Client::new("ws://127.0.0.1:8080")?;
//! let mut events = client.subscribe(["sim:BTC-USD", "sim:ETH-USD"]).start();
//! while let Some(event) = events.next().await {
//!     match event {
//!         Event::Snapshot(it) => println!("{}: {:?} / {:?}", it.symbol, it.bid, it.ask),
//!         Event::Delta(it) => println!("{}: bid {:?}, ask {:?}", it.symbol, it.bid, it.ask),
//!         Event::Resync(it) => println!("{}: missed something: {}", it.symbol, it.reason),
//!         Event::State(state) => println!("{state}"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What a stream of events promises
//!
//! - Data messages come in the server's order. Each follows the one before it in its stream (a channel
//!   of a symbol), by its `prev`; what was seen already is dropped.
//! - What cannot be had any more is said: [`Event::Resync`] stands before the snapshot with which the
//!   stream goes on, [`Event::Gap`] where the venue or a slow reader left one.
//! - Lost connections are made again, with jitter, after the server's `reconnect_ms` if it named one,
//!   and go on from the last cursor. Each change is an [`Event::State`]; [`State::Closed`] is the last.
//! - The queue between connection and reader is bounded ([`Subscribe::queue`]). While it is full the
//!   socket is not read: nothing is dropped here, and the server does what [`Subscribe::slow`] says.
//!
//! # Features
//!
//! `rustls`: `wss://` and `https://`. `msgpack`: [`Builder::msgpack`](client::Builder::msgpack).

mod amount;
mod backoff;
mod change;
pub mod client;
mod cursor;
mod endpoint;
mod error;
mod event;
mod follower;
pub mod history;
mod intake;
mod link;
mod machine;
mod message;
#[cfg(feature = "msgpack")]
mod msgpack;
mod pattern;
mod player;
mod replay;
mod request;
mod socket;
mod streams;
mod subscription;
mod time;
mod token;

pub use backoff::Backoff;
pub use change::Change;
pub use client::Client;
pub use cursor::Cursor;
pub use error::Error;
pub use event::Event;
pub use event::Position;
pub use event::Rejected;
pub use event::Resync;
pub use event::Service;
pub use event::State;
pub use event::Subscribed;
pub use history::History;
pub use message::Amend;
pub use message::Bar;
pub use message::Delta;
pub use message::Gap;
pub use message::Level;
pub use message::Snapshot;
pub use message::Status;
pub use message::Trade;
pub use replay::Controls;
pub use replay::Place;
pub use replay::Play;
pub use replay::Replay;
pub use request::Slow;
pub use subscription::Handle;
pub use subscription::Subscribe;
pub use subscription::Subscription;
pub use time::Time;
pub use token::TokenSource;
