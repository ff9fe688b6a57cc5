//! The ticker: quotes, and the figures of the day.

use tickwire_feeds::Size;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;
use tickwire_feeds::tick::Level;
use tickwire_feeds::tick::Scope;
use tickwire_feeds::tick::State;

use super::DOWN;
use super::Desk;
use super::level;
use super::print;
use super::status;
use crate::event::Channel;

#[test]
fn the_first_trade_begins_the_day_and_sends_all_of_it() {
    let mut desk = Desk::open();
    desk.trade(print("09:30:00.5", "105944.20", "0.50"));
    desk.is(
        Channel::Ticker,
        concat!(
            r#""seq":3,"prev":0,"ts":"2026-11-21T09:30:00.5Z","recv":"2026-11-21T09:30:00.501Z","#,
            r#""last":"105944.20","last_size":"0.50","day":"2026-11-21","#,
            r#""day_from":"2026-11-21T09:30:00.5Z","prev_close":null,"open":"105944.20","#,
            r#""high":"105944.20","low":"105944.20","volume":"0.50","trades":1"#
        ),
    );
    assert_eq!(
        desk.snapshot(Channel::Ticker),
        concat!(
            r#"{"type":"snapshot","channel":"ticker","symbol":"sim:BTC-USD","seq":3,"#,
            r#""ts":"2026-11-21T09:30:00.5Z","recv":"2026-11-21T09:30:00.501Z","#,
            r#""last":"105944.20","last_size":"0.50","day":"2026-11-21","#,
            r#""day_from":"2026-11-21T09:30:00.5Z","open":"105944.20","high":"105944.20","#,
            r#""low":"105944.20","volume":"0.50","trades":1,"#,
            r#""state":"down","since":"1970-01-01T00:00:00Z"}"#
        )
    );
}

#[test]
fn a_quote_begins_the_day_too_and_its_figures_are_unknown() {
    let mut desk = Desk::open();
    desk.quote("00:00:00", level("1.0", "2"), None);
    desk.is(
        Channel::Ticker,
        concat!(
            r#""seq":3,"prev":0,"recv":"2026-11-21T00:00:00Z","bid":"1.0","bid_size":"2","#,
            r#""day":"2026-11-21","day_from":null,"prev_close":null,"open":null,"high":null,"#,
            r#""low":null,"volume":"0","trades":0"#
        ),
    );
    desk.is(Channel::Trades, "")
        .shows("\"day\"", &format!(r#":"2026-11-21","volume":"0","trades":0,{DOWN}"#));
}

#[test]
fn an_equal_quote_is_no_message_and_moves_no_prev() {
    let mut desk = Desk::open();
    desk.quote("10:00:00", level("1.0", "2"), level("1.1", "3"));
    desk.quote("10:00:01", level("1.0", "2"), level("1.1", "3"));
    desk.is(Channel::Ticker, "");
    desk.quote("10:00:02", level("1.0", "2"), level("1.10", "3"));
    desk.is(Channel::Ticker, r#""seq":5,"prev":3,"recv":"2026-11-21T10:00:02Z","ask":"1.10""#);
}

#[test]
fn an_emptied_side_is_null_and_then_absent() {
    let mut desk = Desk::open();
    desk.quote("10:00:00", level("1.0", "2"), level("1.1", "3"));
    desk.quote("10:00:01", None, level("1.1", "4"));
    desk.is(
        Channel::Ticker,
        r#""seq":4,"prev":3,"recv":"2026-11-21T10:00:01Z","bid":null,"bid_size":null,"ask_size":"4""#,
    );
    desk.shows("\"recv\"", &format!(
        r#":"2026-11-21T10:00:01Z","ask":"1.1","ask_size":"4","day":"2026-11-21","day_from":"2026-11-21T10:00:00Z","volume":"0","trades":0,{DOWN}"#
    ));
    desk.quote("10:00:02", Level::parse("1.0", None).unwrap(), level("1.1", "4"));
    desk.is(Channel::Ticker, r#""seq":5,"prev":4,"recv":"2026-11-21T10:00:02Z","bid":"1.0""#);
}

#[test]
fn a_new_day_sends_all_figures_and_the_close_of_yesterday() {
    let mut desk = Desk::open();
    desk.tick(Tick::Status(status(Scope::Feed, "09:00:00", State::Live))).unwrap();
    desk.trade(print("23:59:59", "10.0", "1"));
    desk.trade(print("2026-11-22T00:00:01", "11.0", "2"));
    desk.is(
        Channel::Ticker,
        concat!(
            r#""seq":5,"prev":4,"ts":"2026-11-22T00:00:01Z","recv":"2026-11-22T00:00:01.001Z","#,
            r#""last":"11.0","last_size":"2","day":"2026-11-22","day_from":null,"#,
            r#""prev_close":"10.0","open":"11.0","high":"11.0","low":"11.0","#,
            r#""volume":"2","trades":1"#
        ),
    );
    // A day without anything between: nothing is known of the one before.
    desk.trade(print("2026-11-24T00:00:01", "12.0", "2"));
    desk.is(
        Channel::Ticker,
        concat!(
            r#""seq":6,"prev":5,"ts":"2026-11-24T00:00:01Z","recv":"2026-11-24T00:00:01.001Z","#,
            r#""last":"12.0","day":"2026-11-24","day_from":"2026-11-24T00:00:01Z","#,
            r#""prev_close":null,"open":"12.0","high":"12.0","low":"12.0","volume":"2","trades":1"#
        ),
    );
}

#[test]
fn a_feed_that_was_not_live_at_midnight_does_not_cover_the_day() {
    let mut desk = Desk::open();
    desk.tick(Tick::Status(status(Scope::Feed, "09:00:00", State::Live))).unwrap();
    desk.trade(print("23:00:00", "10.0", "1"));
    desk.tick(Tick::Status(status(Scope::Feed, "23:59:00", State::Stale))).unwrap();
    desk.tick(Tick::Status(status(Scope::Feed, "2026-11-22T00:00:05", State::Live))).unwrap();
    desk.trade(print("2026-11-22T00:00:06", "10.0", "1"));
    desk.shows("\"day_from\"", concat!(
        r#":"2026-11-22T00:00:06Z","prev_close":"10.0","open":"10.0","high":"10.0","low":"10.0","#,
        r#""volume":"1","trades":1,"state":"live","since":"2026-11-22T00:00:05Z"}"#
    ));
}

#[test]
fn a_volume_that_no_longer_fits_is_unknown_until_the_next_day() {
    let mut desk = Desk::open();
    let most = "79228162514264337593543950335";
    let Ok(size) = Size::parse(most) else { panic!("the largest size") };
    desk.trade(tick::Trade { size, ..print("10:00:00", "1", "1") });
    desk.trade(print("10:00:01", "1", "7"));
    let times = r#""ts":"2026-11-21T10:00:01Z","recv":"2026-11-21T10:00:01.001Z""#;
    desk.is(
        Channel::Ticker,
        &format!(r#""seq":4,"prev":3,{times},"last_size":"7","volume":null,"trades":2"#),
    );
    desk.trade(print("10:00:01", "1", "7"));
    desk.is(Channel::Ticker, &format!(r#""seq":5,"prev":4,{times},"trades":3"#));
    desk.shows("\"low\"", &format!(r#":"1","trades":3,{DOWN}"#));
    desk.trade(print("2026-11-22T10:00:01", "1", "7"));
    desk.shows("\"low\"", &format!(r#":"1","volume":"7","trades":1,{DOWN}"#));
}
