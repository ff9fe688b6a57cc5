//! Trades: late ones, marked ones, and all that a venue says of one.

use tickwire_feeds::tick;
use tickwire_feeds::tick::Side;
use tickwire_feeds::tick::TradeExtra;
use tickwire_feeds::tick::TradeId;

use super::DOWN;
use super::Desk;
use super::NAME;
use super::print;
use crate::event::Channel;

#[test]
fn a_late_trade_counts_and_widens_the_range_but_is_not_the_last() {
    let mut desk = Desk::open();
    desk.trade(print("10:00:02", "10.0", "1"));
    desk.trade(print("10:00:01", "12.0", "2"));
    desk.is(
        Channel::Ticker,
        r#""seq":4,"prev":3,"ts":"2026-11-21T10:00:01Z","recv":"2026-11-21T10:00:01.001Z","high":"12.0","volume":"3","trades":2"#,
    );
    desk.is(
        Channel::Trades,
        r#""seq":4,"prev":3,"ts":"2026-11-21T10:00:01Z","recv":"2026-11-21T10:00:01.001Z","price":"12.0","size":"2","late":true"#,
    );
    // As late as the last one that was not: still in order.
    desk.trade(print("10:00:02", "10.0", "1"));
    desk.is(
        Channel::Ticker,
        r#""seq":5,"prev":4,"ts":"2026-11-21T10:00:02Z","recv":"2026-11-21T10:00:02.001Z","volume":"4","trades":3"#,
    );
}

#[test]
fn a_late_trade_of_an_earlier_day_is_no_message_of_the_ticker() {
    let mut desk = Desk::open();
    desk.trade(print("10:00:02", "10.0", "1"));
    desk.trade(print("2026-11-20T10:00:02", "99.0", "1"));
    desk.is(Channel::Ticker, "").is(
        Channel::Trades,
        r#""seq":4,"prev":3,"ts":"2026-11-20T10:00:02Z","recv":"2026-11-20T10:00:02.001Z","price":"99.0","size":"1","late":true"#,
    );
}

#[test]
fn marked_prints_do_not_move_what_they_must_not() {
    let mut desk = Desk::open();
    desk.trade(print("10:00:00", "10.0", "1"));
    let marked = |no_last, no_range, no_volume| {
        let extra = TradeExtra { no_last, no_range, no_volume, ..TradeExtra::default() };
        tick::Trade { extra: Some(Box::new(extra)), ..print("10:00:01", "20.0", "5") }
    };
    let times = r#""ts":"2026-11-21T10:00:01Z","recv":"2026-11-21T10:00:01.001Z""#;
    desk.trade(marked(true, true, true));
    desk.is(Channel::Ticker, &format!(r#""seq":4,"prev":3,{times},"trades":2"#));
    desk.is(Channel::Trades, &format!(
        r#""seq":4,"prev":3,{times},"price":"20.0","size":"5","no_last":true,"no_range":true,"no_volume":true"#
    ));
    desk.trade(marked(true, true, false));
    desk.is(Channel::Ticker, &format!(r#""seq":5,"prev":4,{times},"volume":"6","trades":3"#));
    desk.trade(marked(false, true, true));
    desk.is(
        Channel::Ticker,
        &format!(r#""seq":6,"prev":5,{times},"last":"20.0","last_size":"5","trades":4"#),
    );
    desk.trade(marked(true, false, true));
    desk.is(Channel::Ticker, &format!(r#""seq":7,"prev":6,{times},"high":"20.0","trades":5"#));
}

#[test]
fn a_trade_says_all_that_its_venue_said() {
    let mut desk = Desk::open();
    let extra = TradeExtra {
        exchange: Some("V\"".into()),
        conditions: vec!["@".into(), "\t\u{7f}".into(), "\u{fc}\\".into()],
        tape: Some("C".into()),
        ..TradeExtra::default()
    };
    desk.trade(tick::Trade {
        side: Some(Side::Sell),
        trade_id: Some(TradeId::new("a\"\u{0}b")),
        extra: Some(Box::new(extra)),
        ..print("10:00:00", "1.50", "0.00027625")
    });
    let rest = concat!(
        r#""ts":"2026-11-21T10:00:00Z","recv":"2026-11-21T10:00:00.001Z","#,
        r#""price":"1.50","size":"0.00027625","side":"sell","trade_id":"a\"\u0000b","#,
        r#""exchange":"V\"","conditions":["@","\t"#,
        "\u{7f}\",\"\u{fc}",
        r#"\\"],"tape":"C""#
    );
    desk.is(Channel::Trades, &format!(r#""seq":3,"prev":0,{rest}"#));
    assert_eq!(
        desk.snapshot(Channel::Trades),
        format!(
            r#"{{"type":"snapshot","channel":"trades","symbol":"{NAME}","seq":3,{rest},{DOWN}"#
        )
    );
    desk.trade(tick::Trade {
        trade_id: Some(TradeId::new("10218208")),
        ..print("10:00:01", "1.50", "1")
    });
    assert!(desk.message(Channel::Trades, NAME).ends_with(r#""trade_id":"10218208"}"#));
}
