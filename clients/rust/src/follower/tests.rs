//! Conversations with a server that is not there.

use serde_json::Value;
use serde_json::json;

use super::*;
use crate::event::State;
use crate::machine::Limits;

fn request(channel: &str, names: &[&str]) -> Request {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Request { channels: vec![channel.to_owned()], names, ..Request::default() }
}

fn welcome(epoch: &str, seq: u64) -> Welcome {
    let limits = Limits { message_bytes: 65_536 };
    Welcome { epoch: epoch.to_owned(), seq, heartbeat_ms: 100, limits, ..Welcome::default() }
}

/// A connection begins; what is asked.
fn open(follower: &mut Follower, epoch: &str, seq: u64) -> Vec<Value> {
    let turn = follower.open(&welcome(epoch, seq));
    assert!(matches!(turn.events[..], [Event::State(State::Live { .. })]), "{turn:?}");
    operations(&turn)
}

fn operations(turn: &Turn) -> Vec<Value> {
    turn.operations.iter().map(|it| serde_json::from_str(it).unwrap()).collect()
}

fn hear(follower: &mut Follower, message: &Value) -> Turn {
    follower.hear(&message.to_string()).unwrap()
}

fn subscribed(op: &Value, patterns: &Value, resumed: bool) -> Value {
    json!({ "type": "subscribed", "id": op["id"], "channel": op["channel"], "symbols": [],
        "patterns": patterns, "pending": [], "rejected": [], "resumed": resumed })
}

fn snapshot(symbol: &str, seq: u64) -> Value {
    json!({ "type": "snapshot", "channel": "ticker", "symbol": symbol, "seq": seq })
}

fn delta(symbol: &str, prev: u64, seq: u64) -> Value {
    json!({ "type": "delta", "channel": "ticker", "symbol": symbol, "seq": seq, "prev": prev })
}

fn heartbeat(seq: u64) -> Value {
    json!({ "type": "heartbeat", "seq": seq, "age_ms": 1 })
}

fn from(seq: u64) -> Value {
    json!({ "epoch": "k", "seq": seq })
}

#[test]
fn what_is_held_goes_on_and_what_never_began_begins() {
    let mut follower = Follower::new(request("ticker", &["sim:A", "sim:B"]));
    let ops = open(&mut follower, "k", 50);
    assert_eq!((ops.len(), &ops[0]["symbols"]), (1, &json!(["sim:A", "sim:B"])));
    hear(&mut follower, &subscribed(&ops[0], &json!([]), false));
    hear(&mut follower, &snapshot("sim:A", 60));
    follower.lost();
    let ops = open(&mut follower, "k", 70);
    assert_eq!(ops.len(), 2);
    assert_eq!((&ops[0]["symbols"], &ops[0]["from"]), (&json!(["sim:A"]), &from(50)));
    assert_eq!((&ops[1]["symbols"], &ops[1]["from"]), (&json!(["sim:B"]), &Value::Null));
}

#[test]
fn a_heartbeat_before_its_answer_is_no_cursor() {
    let mut follower = Follower::new(request("ticker", &["sim:A"]));
    let ops = open(&mut follower, "k", 50);
    hear(&mut follower, &heartbeat(55));
    hear(&mut follower, &subscribed(&ops[0], &json!([]), false));
    hear(&mut follower, &snapshot("sim:A", 40));
    follower.lost();
    let ops = open(&mut follower, "k", 90);
    assert_eq!(ops[0]["from"], from(50), "not 55");
    // The new connection's heartbeat is at its head, and what was missed has yet to come.
    hear(&mut follower, &heartbeat(90));
    follower.lost();
    let ops = open(&mut follower, "k", 95);
    assert_eq!(ops[0]["from"], from(50), "not 90");
    hear(&mut follower, &subscribed(&ops[0], &json!([]), true));
    hear(&mut follower, &heartbeat(95));
    follower.lost();
    assert_eq!(open(&mut follower, "k", 99)[0]["from"], from(95));
}

#[test]
fn a_pattern_goes_on_only_when_all_its_streams_had_begun() {
    let all = json!([{ "pattern": "sim:*", "count": 2 }]);
    let mut follower = Follower::new(request("ticker", &["sim:*"]));
    let ops = open(&mut follower, "k", 50);
    hear(&mut follower, &subscribed(&ops[0], &all, false));
    hear(&mut follower, &snapshot("sim:A", 40));
    follower.lost();
    let ops = open(&mut follower, "k", 60);
    assert_eq!(ops[0]["from"], Value::Null, "sim:B has not begun");
    hear(&mut follower, &subscribed(&ops[0], &all, false));
    let turn = hear(&mut follower, &snapshot("sim:A", 40));
    assert!(matches!(turn.events[..], [Event::Snapshot(_)]), "nothing is missing: {turn:?}");
    hear(&mut follower, &snapshot("sim:B", 45));
    follower.lost();
    let ops = open(&mut follower, "k", 70);
    assert_eq!((ops.len(), &ops[0]["from"]), (1, &from(50)));
    hear(&mut follower, &subscribed(&ops[0], &all, true));
    let turn = hear(&mut follower, &delta("sim:B", 45, 61));
    assert!(matches!(turn.events[..], [Event::Delta(_)]), "{turn:?}");
}

#[test]
fn where_patterns_overlap_the_server_is_asked_how_much_they_cover() {
    let mut follower = Follower::new(request("ticker", &["sim:*", "*:A"]));
    let ops = open(&mut follower, "k", 50);
    let both = json!([{ "pattern": "*:A", "count": 1 }, { "pattern": "sim:*", "count": 2 }]);
    let turn = hear(&mut follower, &subscribed(&ops[0], &both, false));
    let plan = operations(&turn).remove(0);
    assert_eq!(plan["op"], "plan");
    hear(&mut follower, &snapshot("sim:A", 40));
    hear(&mut follower, &snapshot("sim:B", 45));
    hear(&mut follower, &json!({ "type": "plan", "id": plan["id"], "streams": 2 }));
    follower.lost();
    assert_eq!(open(&mut follower, "k", 60)[0]["from"], from(50), "2 streams, though 1 + 2");
}

#[test]
fn a_symbol_that_was_listed_since_does_not_double_what_is_held() {
    let mut follower = Follower::new(request("ticker", &["sim:A"]));
    let ops = open(&mut follower, "k", 10);
    hear(&mut follower, &subscribed(&ops[0], &json!([]), false));
    hear(&mut follower, &snapshot("sim:A", 20));
    hear(&mut follower, &delta("sim:A", 20, 21));
    follower.lost();
    let ops = open(&mut follower, "k", 30);
    hear(&mut follower, &subscribed(&ops[0], &json!([]), true));
    // The snapshot of its listing, and all since, of which this side has some.
    for (message, expected) in [
        (snapshot("sim:A", 15), 0),
        (delta("sim:A", 15, 20), 0),
        (delta("sim:A", 20, 21), 0),
        (delta("sim:A", 21, 30), 1),
    ] {
        assert_eq!(hear(&mut follower, &message).events.len(), expected, "{message}");
    }
}

#[test]
fn many_broken_streams_are_asked_for_together() {
    let mut follower = Follower::new(request("ticker", &["sim:*"]));
    let ops = open(&mut follower, "k", 10);
    let three = json!([{ "pattern": "sim:*", "count": 3 }]);
    hear(&mut follower, &subscribed(&ops[0], &three, false));
    for symbol in ["sim:A", "sim:B", "sim:C"] {
        hear(&mut follower, &snapshot(symbol, 20));
    }
    let first = operations(&hear(&mut follower, &delta("sim:A", 25, 26)));
    assert_eq!(first[0]["symbols"], json!(["sim:A"]));
    assert!(hear(&mut follower, &delta("sim:B", 25, 27)).operations.is_empty());
    assert!(hear(&mut follower, &delta("sim:C", 25, 28)).operations.is_empty());
    let turn = hear(&mut follower, &subscribed(&first[0], &json!([]), false));
    assert_eq!(operations(&turn)[0]["symbols"], json!(["sim:B", "sim:C"]));
    let turn = hear(&mut follower, &snapshot("sim:A", 29));
    let [Event::Resync(resync), Event::Snapshot(_)] = &turn.events[..] else { panic!("{turn:?}") };
    assert_eq!((resync.after, resync.to), (Some(20), 29));
    // The streams that were broken when the connection was lost are asked for by their names.
    follower.lost();
    let ops = open(&mut follower, "k", 40);
    assert_eq!((&ops[0]["symbols"], &ops[0]["from"]), (&json!(["sim:*"]), &from(10)));
    assert_eq!(ops[1]["symbols"], json!(["sim:B", "sim:C"]));
    assert_eq!(ops[1]["from"], Value::Null);
}

#[test]
fn an_operation_that_an_expired_token_stopped_is_asked_again() {
    let mut follower = Follower::new(request("ticker", &["sim:A"]));
    let ops = open(&mut follower, "k", 10);
    let turn = hear(
        &mut follower,
        &json!({ "type": "error", "id": ops[0]["id"], "code": "token_expired", "message": "x",
            "retry": false }),
    );
    assert!(turn.renew && turn.later && turn.end.is_none(), "{turn:?}");
    assert_eq!(operations(&follower.again())[0]["symbols"], json!(["sim:A"]));
}

#[test]
fn what_is_excluded_stays_so_on_the_next_connection() {
    let mut follower = Follower::new(request("ticker", &["sim:*"]));
    let ops = open(&mut follower, "k", 10);
    let two = json!([{ "pattern": "sim:*", "count": 2 }]);
    hear(&mut follower, &subscribed(&ops[0], &two, false));
    hear(&mut follower, &snapshot("sim:A", 5));
    hear(&mut follower, &snapshot("sim:B", 5));
    let turn = follower.command(Wish::Remove(vec!["sim:A".to_owned()]));
    let ops = operations(&turn);
    assert_eq!((&ops[0]["op"], &ops[0]["symbols"]), (&json!("unsubscribe"), &json!(["sim:A"])));
    hear(&mut follower, &json!({ "type": "plan", "id": ops[1]["id"], "streams": 2 }));
    assert!(hear(&mut follower, &delta("sim:A", 5, 11)).events.is_empty(), "still on its way");
    follower.lost();
    let ops = open(&mut follower, "k", 20);
    assert_eq!((&ops[0]["op"], &ops[0]["from"]), (&json!("subscribe"), &from(10)));
    assert_eq!((&ops[1]["op"], &ops[1]["symbols"]), (&json!("unsubscribe"), &json!(["sim:A"])));
}

#[test]
fn a_message_that_cannot_be_read_does_not_count_as_seen() {
    let mut follower = Follower::new(request("ticker", &["sim:A"]));
    let ops = open(&mut follower, "k", 10);
    hear(&mut follower, &subscribed(&ops[0], &json!([]), false));
    hear(&mut follower, &snapshot("sim:A", 5));
    let mut broken = delta("sim:A", 5, 11);
    broken["bid"] = "1.6O".into();
    assert!(follower.hear(&broken.to_string()).is_err());
    assert_eq!(hear(&mut follower, &delta("sim:A", 5, 11)).events.len(), 1);
}
