//! The health of feeds and symbols.

use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;
use tickwire_feeds::tick::Scope;
use tickwire_feeds::tick::State;
use tickwire_feeds::tick::Trading;

use super::Desk;
use super::NAME;
use super::status;
use super::symbol;
use crate::board::Refused;
use crate::event::Channel;

#[test]
fn the_worse_of_feed_and_symbol_is_shown() {
    let mut desk = Desk::open();
    let mut check = |scope: &Scope, time: &str, state, expected: &str| {
        let trading = matches!(scope, Scope::Symbol(_)).then_some(Trading::Halted);
        let tick = tick::Status { trading, ..status(scope.clone(), time, state) };
        desk.tick(Tick::Status(tick)).unwrap();
        let message = desk.message(Channel::Ticker, NAME);
        assert_eq!(message.split_once("\"prev\"").unwrap().1.split_once(',').unwrap().1, expected);
        assert!(desk.snapshot(Channel::Ticker).ends_with(expected), "{expected}");
    };
    let (feed, own) = (Scope::Feed, Scope::Symbol(symbol()));
    check(&feed, "10:00:00", State::Live, r#""state":"live","since":"2026-11-21T10:00:00Z"}"#);
    check(
        &own,
        "10:00:01",
        State::Stale,
        r#""state":"stale","trading":"halted","since":"2026-11-21T10:00:01Z"}"#,
    );
    check(
        &feed,
        "10:00:02",
        State::Down,
        r#""state":"down","trading":"halted","since":"2026-11-21T10:00:02Z"}"#,
    );
    check(
        &own,
        "10:00:03",
        State::Live,
        r#""state":"down","trading":"halted","since":"2026-11-21T10:00:02Z"}"#,
    );
    check(
        &feed,
        "10:00:04",
        State::Live,
        r#""state":"live","trading":"halted","since":"2026-11-21T10:00:04Z"}"#,
    );
}

#[test]
fn each_of_many_exceptions_from_a_feed_is_found() {
    let mut desk = Desk::open();
    let names: Vec<String> = (0..50).map(|name| format!("sim:S{name}")).collect();
    for (index, name) in names.iter().enumerate() {
        desk.list(name);
        if index.is_multiple_of(3) {
            let scope = Scope::Symbol(Symbol::parse(name).unwrap());
            desk.tick(Tick::Status(status(scope, "10:00:00", State::Down))).unwrap();
        }
    }
    desk.tick(Tick::Status(status(Scope::Feed, "10:00:01", State::Live))).unwrap();
    for (index, name) in names.iter().enumerate() {
        let state = if index.is_multiple_of(3) { "\"down\"" } else { "\"live\"" };
        assert!(desk.message(Channel::Trades, name).contains(state), "{name}");
    }
}

#[test]
fn a_status_that_says_nothing_new_gets_no_place() {
    let mut desk = Desk::open();
    desk.tick(Tick::Status(status(Scope::Feed, "10:00:00", State::Down))).unwrap();
    let again = desk.tick(Tick::Status(status(Scope::Feed, "10:00:09", State::Down)));
    assert_eq!(again, Err(Refused::Repeated));
    let reason = Some("no route to \"host\"\n\u{1}\u{e9}\u{1f4a5}\\".into());
    let tick = tick::Status { reason, ..status(Scope::Feed, "10:00:10", State::Down) };
    desk.tick(Tick::Status(tick)).unwrap();
    // The state is since when it was.
    desk.is(
        Channel::Trades,
        concat!(
            r#""seq":4,"prev":4000,"state":"down","since":"2026-11-21T10:00:00Z","#,
            r#""reason":"no route to \"host\"\n\u0001"#,
            "\u{e9}\u{1f4a5}",
            r#"\\""#
        ),
    );
}
