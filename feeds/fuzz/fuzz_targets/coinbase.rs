//! Frames of coinbase.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    tickwire_feeds_fuzz::play(tickwire_feeds::Venue::Coinbase, input);
});
