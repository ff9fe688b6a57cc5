//! Any message: its head, and the text of a venue within it.

use proptest::prelude::*;
use tickwire_feeds::Tick;
use tickwire_feeds::tick::Covers;
use tickwire_feeds::tick::GapState;
use tickwire_feeds::tick::Scope;
use tickwire_feeds::tick::State;

use super::Desk;
use super::NAME;
use super::gap;
use super::print;
use super::status;
use super::symbol;
use crate::event::Channel;
use crate::wire::json::write_text;

#[test]
fn the_head_of_each_kind_of_message_is_the_same() {
    let mut desk = Desk::open();
    desk.trade(print("10:00:01", "1", "1"));
    for (channel, kind) in [(Channel::Trades, "trade"), (Channel::Ticker, "delta")] {
        let word = channel.word();
        let head =
            format!(r#"{{"type":"{kind}","channel":"{word}","symbol":"{NAME}","seq":3,"prev":0,"#);
        assert!(desk.message(channel, NAME).starts_with(&head));
    }
    desk.tick(Tick::Status(status(Scope::Symbol(symbol()), "10:00:02", State::Live))).unwrap();
    let head =
        format!(r#"{{"type":"status","channel":"trades","symbol":"{NAME}","seq":4,"prev":3,"#);
    assert!(desk.message(Channel::Trades, NAME).starts_with(&head));
    desk.tick(Tick::Gap(gap(Scope::Feed, "10:00:03", Covers::All, GapState::Lost))).unwrap();
    let head =
        format!(r#"{{"type":"gap","channel":"trades","symbol":"{NAME}","seq":5,"prev":4000,"#);
    assert!(desk.message(Channel::Trades, NAME).starts_with(&head));
}

proptest! {
    #[test]
    fn any_text_of_a_venue_comes_out_as_it_was(text in any::<String>()) {
        let mut out = Vec::new();
        write_text(&mut out, &text);
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}
