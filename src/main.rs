//! The tickwire binary.
fn main() {}
