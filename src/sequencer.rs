//! The sequencer: the single writer of the tape.

pub mod intake;
