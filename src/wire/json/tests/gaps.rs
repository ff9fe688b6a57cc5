//! Gaps, in the streams that they cover.

use tickwire_feeds::Tick;
use tickwire_feeds::tick;
use tickwire_feeds::tick::Cause;
use tickwire_feeds::tick::Covers;
use tickwire_feeds::tick::GapState;
use tickwire_feeds::tick::Scope;

use super::Desk;
use super::NAME;
use super::gap;
use super::print;
use super::symbol;
use crate::board::Refused;
use crate::event::Channel;

#[test]
fn a_gap_is_told_in_the_streams_that_it_covers() {
    let mut desk = Desk::open();
    let own = || Scope::Symbol(symbol());
    let open = |covers| gap(own(), "10:00:00", covers, GapState::Open);
    let tick = tick::Gap { missing: Some(27), cause: Cause::VenueSequence, ..open(Covers::Trades) };
    desk.tick(Tick::Gap(tick)).unwrap();
    let expected =
        r#""seq":3,"prev":0,"cause":"venue_sequence","missing":27,"state":"open","of":3"#;
    desk.is(Channel::Ticker, expected).is(Channel::Trades, expected);
    desk.tick(Tick::Gap(open(Covers::Book))).unwrap();
    desk.is(Channel::Ticker, "").is(Channel::Trades, "");
    desk.tick(Tick::Gap(open(Covers::All))).unwrap();
    desk.is(
        Channel::Trades,
        r#""seq":5,"prev":3,"cause":"venue_disconnect","state":"open","of":5"#,
    );
}

#[test]
fn a_disconnect_is_settled_by_its_own_number() {
    let mut desk = Desk::open();
    let filled = gap(Scope::Feed, "10:00:00", Covers::All, GapState::Filled);
    assert_eq!(desk.tick(Tick::Gap(filled.clone())), Err(Refused::Repeated));
    desk.tick(Tick::Gap(gap(Scope::Feed, "10:00:00", Covers::All, GapState::Open))).unwrap();
    desk.tick(Tick::Gap(filled)).unwrap();
    desk.is(
        Channel::Ticker,
        r#""seq":4,"prev":4000,"cause":"venue_disconnect","state":"filled","of":3"#,
    );
}

#[test]
fn a_feed_wide_gap_of_books_alone_is_no_message_of_what_is_served() {
    let mut desk = Desk::open();
    desk.tick(Tick::Gap(gap(Scope::Feed, "10:00:00", Covers::Book, GapState::Open))).unwrap();
    desk.is(Channel::Ticker, "").is(Channel::Trades, "");
    desk.trade(print("10:00:01", "1", "1"));
    assert!(desk.message(Channel::Trades, NAME).contains(r#""seq":4,"prev":0,"#));
}
