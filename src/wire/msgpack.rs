//! MessagePack: the same messages in fewer bytes (`tickwire.v1.msgpack`).
//!
//! Nothing is written twice: what the server says is packed from its JSON, what a client says is
//! unpacked to JSON and read as such. So the two formats cannot say different things.

mod pack;
mod unpack;

pub use pack::pack;
pub use unpack::Error;
pub use unpack::unpack;

/// Deepest nesting of maps and lists, both ways. Nothing that makes sense needs more than 4.
const DEPTH_MAX: usize = 16;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

#[cfg(test)]
mod tests;
