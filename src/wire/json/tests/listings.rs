//! Symbols that are unlisted, listed again, or move to another feed.

use tickwire_feeds::Tick;
use tickwire_feeds::tick;
use tickwire_feeds::tick::Scope;
use tickwire_feeds::tick::State;

use super::DOWN;
use super::Desk;
use super::NAME;
use super::at;
use super::print;
use super::status;
use super::symbol;
use crate::board::Refused;
use crate::event::Channel;
use crate::event::FeedId;
use crate::event::Registry;
use crate::event::Seq;

#[test]
fn a_symbol_that_is_not_listed_gets_no_ticks_until_it_is_again() {
    let mut desk = Desk::open();
    desk.trade(print("10:00:01", "1", "1"));
    let id = desk.board.id(NAME).unwrap();
    let seq = desk.board.seq().next();
    desk.board.stamp_registry(Registry::Unlisted { id }, at("10:00:02"), seq);
    let refused = desk.tick(Tick::Trade(print("10:00:03", "1", "1")));
    assert_eq!(refused, Err(Refused::UnknownSymbol));
    desk.list(NAME);
    let listing = tick::Listing { symbol: symbol(), raw: None, recv: at("10:00:04") };
    assert_eq!(desk.tick(Tick::Listed(listing)), Err(Refused::Repeated));
    assert_eq!(desk.board.id(NAME), Some(id));
    assert_eq!(desk.board.symbol(id).unwrap().listed_at, Seq(5));
    desk.trade(print("10:00:05", "2", "1"));
    assert!(desk.message(Channel::Trades, NAME).contains(r#""seq":6,"prev":3,"#));
}

#[test]
fn a_symbol_that_changes_its_feed_does_not_go_back() {
    let mut desk = Desk::open();
    desk.tick(Tick::Status(status(Scope::Feed, "10:00:00", State::Live))).unwrap();
    let other = Registry::Feed { id: FeedId(1), name: "other".into(), venue: "sim".into() };
    desk.board.stamp_registry(other, at("10:00:01"), Seq(4));
    let listing = tick::Listing { symbol: symbol(), raw: None, recv: at("10:00:02") };
    desk.board.stamp(FeedId(1), Tick::Listed(listing), Seq(5)).unwrap();
    assert_eq!(desk.tick(Tick::Trade(print("10:00:03", "1", "1"))), Err(Refused::UnknownSymbol));
    let trade = Tick::Trade(print("10:00:03", "1", "1"));
    desk.last = Some(desk.board.stamp(FeedId(1), trade, Seq(6)).unwrap());
    assert!(desk.message(Channel::Trades, NAME).contains(r#""seq":6,"prev":3,"#));
    assert!(desk.snapshot(Channel::Trades).ends_with(DOWN), "its new feed was never live");
}
