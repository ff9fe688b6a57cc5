//! The `tickwire.v1` words: what clients send and get, as bytes. PROTOCOL.md is the contract.

pub mod answer;
pub mod code;
pub mod csv;
pub mod form;
pub mod frame;
pub mod json;
pub mod op;
pub mod pattern;
pub mod secret;

pub use code::Close;
pub use code::Code;
pub use code::Reject;
pub use form::Form;
pub use secret::Secret;
