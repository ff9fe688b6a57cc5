//! What a client makes of a server's words.

use super::*;
use crate::cli::request::ChannelName;

const WELCOME: &str =
    r#"{"type":"welcome","epoch":"k3v9","seq":9,"heartbeat_ms":1000,"limits":{}}"#;

fn follower(channel: ChannelName, symbols: &[&str]) -> Follower {
    let symbols = symbols.iter().map(ToString::to_string).collect();
    let request = Request { channel, symbols, conflate_ms: 0, start: Start::Now };
    let mut follower = Follower::new(request);
    assert_eq!(follower.open().len(), 1);
    assert!(matches!(follower.read(WELCOME), Ok(Turn::Note(_))));
    follower
}

fn subscribed(id: u64, symbols: &[&str], rejected: &[&str]) -> String {
    let rejected: Vec<_> = rejected
        .iter()
        .map(|symbol| serde_json::json!({ "symbol": symbol, "code": "unknown_symbol" }))
        .collect();
    serde_json::json!({
        "type": "subscribed", "id": id, "channel": "ticker", "symbols": symbols, "patterns": [],
        "pending": [], "rejected": rejected, "resumed": false,
    })
    .to_string()
}

fn data(kind: &str, symbol: &str, prev: u64, seq: u64) -> String {
    format!(
        r#"{{"type":"{kind}","channel":"ticker","symbol":"{symbol}","seq":{seq},"prev":{prev}}}"#
    )
}

fn snapshot(symbol: &str, seq: u64) -> String {
    format!(r#"{{"type":"snapshot","channel":"ticker","symbol":"{symbol}","seq":{seq}}}"#)
}

fn heartbeat(seq: u64) -> String {
    format!(r#"{{"type":"heartbeat","seq":{seq},"age_ms":3,"now":"2026-11-21T03:30:00.5Z"}}"#)
}

#[test]
fn an_ordinary_conversation_is_shown() {
    let mut follower = follower(ChannelName::Ticker, &["sim:A"]);
    assert!(!follower.has_begun(0));
    assert_eq!(follower.read(&subscribed(1, &["sim:A"], &[])).unwrap(), Turn::Nothing);
    assert!(!follower.has_begun(0) && follower.has_begun(1));
    assert_eq!(follower.read(&snapshot("sim:A", 5)).unwrap(), Turn::Show);
    assert_eq!(follower.read(&data("delta", "sim:A", 5, 8)).unwrap(), Turn::Show);
    assert_eq!(follower.read(&data("delta", "sim:A", 5, 8)).unwrap(), Turn::Nothing);
    assert_eq!(follower.read(&heartbeat(9)).unwrap(), Turn::Nothing);
    assert_eq!(follower.read(r#"{"type":"news","of":7}"#).unwrap(), Turn::Nothing);
    assert!(follower.take_operations().is_empty() && follower.lost_streams().is_empty());
    assert_eq!(follower.silence_max(), Duration::from_secs(7));
}

#[test]
fn a_missed_delta_is_asked_for_again_and_healed() {
    let mut follower = follower(ChannelName::Ticker, &["sim:*"]);
    follower.read(&snapshot("sim:A", 5)).unwrap();
    let turn = follower.read(&data("delta", "sim:A", 7, 8)).unwrap();
    assert!(matches!(turn, Turn::Say(said) if said.contains("after 5 was missed")));
    let operations = follower.take_operations();
    assert_eq!(operations.len(), 1);
    assert!(operations[0].contains(r#""symbols":["sim:A"]"#), "{}", operations[0]);
    assert!(follower.take_operations().is_empty());
    assert_eq!(follower.read(&data("delta", "sim:A", 8, 9)).unwrap(), Turn::Nothing);
    assert_eq!(follower.read(&snapshot("sim:A", 10)).unwrap(), Turn::Show);
    assert!(follower.lost_streams().is_empty());
}

#[test]
fn a_missed_trade_is_lost_for_good() {
    let mut follower = follower(ChannelName::Trades, &["sim:A"]);
    follower.read(&snapshot("sim:A", 5)).unwrap();
    follower.read(&data("trade", "sim:A", 7, 8)).unwrap();
    let turn = follower.read(&snapshot("sim:A", 8)).unwrap();
    assert!(matches!(turn, Turn::ShowAndSay(said) if said.contains("between 5 and 8")));
    assert_eq!(follower.lost_streams().len(), 1);
}

#[test]
fn who_comes_back_names_the_last_heartbeat() {
    let mut follower = follower(ChannelName::Trades, &["sim:A"]);
    follower.read(&subscribed(1, &["sim:A"], &[])).unwrap();
    follower.read(&snapshot("sim:A", 5)).unwrap();
    let operations = follower.open();
    assert!(operations[0].contains(r#""from":{"epoch":"k3v9","seq":5}"#), "{}", operations[0]);
    follower.read(&heartbeat(9)).unwrap();
    let operations = follower.open();
    assert!(operations[0].contains(r#""from":{"epoch":"k3v9","seq":9}"#), "{}", operations[0]);
    assert!(matches!(follower.read(WELCOME), Ok(Turn::Say(said)) if said == "connected again"));
    let resumed = subscribed(3, &["sim:A"], &[]).replace("false", "true");
    follower.read(&resumed).unwrap();
    assert_eq!(follower.read(&data("trade", "sim:A", 5, 12)).unwrap(), Turn::Show);
    assert!(follower.lost_streams().is_empty());
}

#[test]
fn a_stream_with_something_missing_is_asked_for_on_the_next_connection_too() {
    let mut follower = follower(ChannelName::Ticker, &["sim:A"]);
    follower.read(&snapshot("sim:A", 5)).unwrap();
    follower.read(&data("delta", "sim:A", 7, 8)).unwrap();
    follower.take_operations();
    follower.open();
    assert_eq!(follower.take_operations().len(), 1);
}

#[test]
fn another_tape_loses_the_trades_between() {
    for (channel, lost) in [(ChannelName::Trades, 1), (ChannelName::Ticker, 0)] {
        let mut follower = follower(channel, &["sim:A"]);
        follower.read(&snapshot("sim:A", 500)).unwrap();
        follower.open();
        let turn = follower.read(&WELCOME.replace("k3v9", "new")).unwrap();
        assert!(matches!(turn, Turn::Say(said) if said.contains("another tape")));
        assert_eq!(follower.lost_streams().len(), lost);
        assert_eq!(follower.read(&snapshot("sim:A", 3)).unwrap(), Turn::Show);
    }
}

#[test]
fn unknown_symbols_end_it_only_if_nothing_else_was_asked_for() {
    let mut both = follower(ChannelName::Ticker, &["sim:A", "sim:X"]);
    let turn = both.read(&subscribed(1, &["sim:A"], &["sim:X"])).unwrap();
    assert_eq!(turn, Turn::Say("unknown symbol sim:X".to_owned()));
    let mut none = follower(ChannelName::Ticker, &["sim:X"]);
    let failure = none.read(&subscribed(1, &[], &["sim:X"])).unwrap_err();
    assert_eq!((failure.code(), failure.to_string().as_str()), (4, "unknown symbol sim:X"));
}

#[test]
fn errors_of_the_server_have_their_exit_codes() {
    let mut follower = follower(ChannelName::Ticker, &["sim:A"]);
    for (error, exit) in [("bad_request", 2), ("forbidden", 5), ("too_many_symbols", 1)] {
        let text =
            format!(r#"{{"type":"error","id":1,"code":"{error}","message":"m","retry":false}}"#);
        assert_eq!(follower.read(&text).unwrap_err().code(), exit, "{error}");
    }
    let text = r#"{"type":"error","id":1,"code":"unavailable","message":"m","retry":true}"#;
    assert!(matches!(follower.read(text), Ok(Turn::Leave { .. })));
    let text = r#"{"type":"closing","code":"shutdown","reconnect_ms":3120}"#;
    let wait = Duration::from_millis(3_120);
    assert!(matches!(follower.read(text), Ok(Turn::Leave { wait: told, .. }) if told == wait));
}

#[test]
fn health_is_shown_and_said() {
    let mut follower = follower(ChannelName::Ticker, &["sim:A"]);
    follower.read(&snapshot("sim:A", 5)).unwrap();
    let status =
        r#"{"type":"status","symbol":"sim:A","seq":6,"prev":5,"state":"stale","reason":"silent"}"#;
    let said = "sim:A is stale: silent".to_owned();
    assert_eq!(follower.read(status).unwrap(), Turn::ShowAndSay(said));
}

#[test]
fn what_is_no_message_ends_it() {
    let mut follower = follower(ChannelName::Ticker, &["sim:A"]);
    for text in ["", "{", "[]", "\u{0}", r#"{"type":5}"#, r#"{"symbol":"x"}"#] {
        assert_eq!(follower.read(text).unwrap_err().code(), 1, "{text:?}");
    }
}
