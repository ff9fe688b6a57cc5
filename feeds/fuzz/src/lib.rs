//! What each fuzz target does: an open feed reads the lines of the input as frames, with a cut of
//! the connection at each empty line, and no trade comes out twice.

use std::collections::HashMap;

use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::Venue;

/// Plays `input` through a feed of the venue's main pairs.
///
/// # Panics
/// If the feed does, or breaks its word.
pub fn play(venue: Venue, input: &[u8]) {
    let symbols: Vec<_> =
        venue.main_pairs().iter().map(|text| Symbol::parse(text).unwrap()).collect();
    let mut feed = venue.feed(&symbols).unwrap();
    let mut out = Output::default();
    let mut last = HashMap::new();
    feed.on_open(Nanos(0), &mut out);
    for (line, frame) in (1..).zip(input.split(|byte| *byte == b'\n')) {
        let now = Nanos::from_millis(line * 700);
        out.ticks.clear();
        if frame.is_empty() {
            feed.on_close(now, &mut out);
            feed.on_open(now, &mut out);
        } else if let Err(error) = feed.on_frame(&mut frame.to_vec(), now, &mut out) {
            assert!(error.to_string().len() < 2_000);
        }
        if feed.poll_timeout().is_some_and(|at| now >= at) {
            feed.on_timeout(now, &mut out);
        }
        for tick in &out.ticks {
            let Tick::Trade(trade) = tick else { continue };
            let id = trade.trade_id.as_ref().and_then(|id| id.number()).unwrap();
            assert!(trade.price.parts().0 > 0 && !trade.size.is_zero());
            assert!(last.insert(trade.symbol.clone(), id).is_none_or(|last| last < id));
        }
    }
}
