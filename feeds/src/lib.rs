//! Venue protocols: bytes in, ticks out.
//!
//! Nothing here does I/O or reads a clock: the time is an argument, and the dependency list is the
//! wall. A venue is one file that implements [`Feed`].

pub mod binance;
pub mod coinbase;
mod continuity;
pub mod decimal;
pub mod error;
pub mod feed;
mod instruments;
mod json;
pub mod kraken;
pub mod sim;
pub mod symbol;
pub mod tape_csv;
pub mod tick;
pub mod time;
pub mod venue;

pub use decimal::Price;
pub use decimal::Size;
pub use error::Error;
pub use feed::Feed;
pub use feed::Output;
pub use feed::Profile;
pub use sim::Sim;
pub use symbol::Symbol;
pub use tape_csv::TapeCsv;
pub use tick::Tick;
pub use time::Nanos;
pub use venue::Venue;
