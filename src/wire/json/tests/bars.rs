//! Bars, as messages and as snapshots.

use tickwire_feeds::Tick;
use tickwire_feeds::tick;
use tickwire_feeds::tick::Covers;
use tickwire_feeds::tick::GapState;
use tickwire_feeds::tick::Scope;
use tickwire_feeds::tick::State;
use tickwire_feeds::tick::TradeExtra;

use super::DOWN;
use super::Desk;
use super::NAME;
use super::at;
use super::gap;
use super::print;
use super::status;
use super::symbol;
use crate::event::Channel;
use crate::event::Seq;
use crate::wire::json::write_bar;
use crate::wire::json::write_bar_after;

/// The message that the last event was in a channel of bars, from `seq` on.
fn bar(desk: &Desk, channel: Channel) -> String {
    let mut out = Vec::new();
    write_bar(&mut out, (channel, desk.board.id(NAME).unwrap()), None, &desk.board);
    let text = String::from_utf8(out).unwrap();
    text.split_once("\"seq\":").map_or_else(String::new, |(_, rest)| rest.to_owned())
}

#[test]
fn a_bar_is_sent_whole_and_its_snapshot_adds_the_health() {
    let mut desk = Desk::open();
    assert_eq!(
        desk.snapshot(Channel::Bars1m),
        format!(r#"{{"type":"snapshot","channel":"bars.1m","symbol":"{NAME}","seq":0,{DOWN}"#)
    );
    desk.trade(print("10:00:01.5", "1.50", "2"));
    desk.trade(print("10:00:59", "1.40", "0.5"));
    let figures = |close: &str, volume: &str, trades: u32| {
        format!(
            r#""start":"2026-11-21T10:00:00Z","open":"1.50","high":"1.50","low":"{close}","close":"{close}","volume":"{volume}","trades":{trades},"final":false,"revision":0"#
        )
    };
    assert_eq!(
        bar(&desk, Channel::Bars1m),
        format!(r#"4,"prev":3,{}}}"#, figures("1.40", "2.5", 2))
    );
    assert_eq!(
        desk.snapshot(Channel::Bars1m),
        format!(
            r#"{{"type":"snapshot","channel":"bars.1m","symbol":"{NAME}","seq":4,{},{DOWN}"#,
            figures("1.40", "2.5", 2)
        )
    );
    let seq = desk.board.seq().next();
    desk.board.stamp_clock(at("10:01:02.001"), seq);
    let last = figures("1.40", "2.5", 2).replace(r#""final":false"#, r#""final":true"#);
    assert_eq!(bar(&desk, Channel::Bars1m), format!(r#"5,"prev":4,{last}}}"#));
    assert_eq!(bar(&desk, Channel::Bars5m), "", "not yet");
    desk.trade(print("10:00:58", "1.60", "1"));
    let revised = bar(&desk, Channel::Bars1m);
    assert!(revised.starts_with(r#"6,"prev":5,"#), "{revised}");
    assert!(revised.contains(r#""high":"1.60","low":"1.40","close":"1.40""#), "{revised}");
    assert!(revised.ends_with(r#""trades":3,"final":true,"revision":1}"#), "{revised}");
}

#[test]
fn what_no_print_of_a_bar_moves_is_null_and_unknown_in_a_snapshot() {
    let mut desk = Desk::open();
    let extra = TradeExtra { no_last: true, no_range: true, ..TradeExtra::default() };
    let odd = tick::Trade { extra: Some(Box::new(extra)), ..print("10:00:01", "9", "3") };
    desk.trade(odd);
    let figures = r#""open":null,"high":null,"low":null,"close":null,"volume":"3","trades":1"#;
    assert!(bar(&desk, Channel::Bars1s).contains(figures));
    let snapshot = desk.snapshot(Channel::Bars1s);
    assert!(snapshot.contains(r#"Z","volume":"3","trades":1,"final":false"#), "{snapshot}");
}

#[test]
fn statuses_and_gaps_of_trades_are_messages_of_bars() {
    let mut desk = Desk::open();
    desk.trade(print("10:00:01", "9", "3"));
    desk.tick(Tick::Gap(gap(Scope::Symbol(symbol()), "10:00:02", Covers::Trades, GapState::Open)))
        .unwrap();
    assert!(desk.message(Channel::Bars1h, NAME).contains(r#""seq":4,"prev":3,"cause""#));
    desk.tick(Tick::Status(status(Scope::Symbol(symbol()), "10:00:03", State::Live))).unwrap();
    assert!(desk.message(Channel::Bars1h, NAME).contains(r#""seq":5,"prev":4,"state":"#));
    desk.trade(print("10:00:04", "9", "3"));
    assert!(bar(&desk, Channel::Bars1h).starts_with(r#"6,"prev":5,"#));
    desk.tick(Tick::Gap(gap(Scope::Symbol(symbol()), "10:00:05", Covers::Book, GapState::Open)))
        .unwrap();
    assert_eq!(desk.message(Channel::Bars1h, NAME), "");
}

#[test]
fn a_bar_can_be_told_to_follow_another_message() {
    let mut desk = Desk::open();
    desk.trade(print("10:00:01", "9", "3"));
    desk.trade(print("10:00:01", "9", "3"));
    let id = desk.board.id(NAME).unwrap();
    let (mut own, mut other, mut again) = (Vec::new(), Vec::new(), Vec::new());
    write_bar(&mut own, (Channel::Bars1s, id), None, &desk.board);
    write_bar(&mut other, (Channel::Bars1s, id), Some(Seq(1_234_567)), &desk.board);
    write_bar_after(&mut again, &own, Seq(1_234_567));
    assert_eq!(String::from_utf8(again).unwrap(), String::from_utf8(other).unwrap());
}
