//! Proof: that all that is left of a tape, wherever it stands, makes the same messages.
//!
//! Messages are those that a client of all channels and all symbols would be sent, which nobody
//! conflates. Each [`Witness`] makes them of what one place has; they are compared event by event.

mod frames;
mod live;
mod witness;

pub use frames::Frames;
pub use live::Heard;
pub use live::Verdict;
pub use witness::Difference;
pub use witness::Testimony;
pub use witness::Witness;
pub use witness::compare;
