//! Replays of a server that is not there.

use serde_json::Value;
use serde_json::json;

use super::*;
use crate::machine::Limits;

fn player(channels: &[&str]) -> Player {
    let channels = channels.iter().map(|it| (*it).to_owned()).collect();
    let names = ["sim:A".to_owned()].into();
    let request = Request { channels, names, ..Request::default() };
    let from = json!("2026-11-20T14:30:00Z");
    Player::new(Tape { request, from, speed: 10.0, ..Tape::default() })
}

fn open(player: &mut Player) -> Vec<Value> {
    let limits = Limits { message_bytes: 65_536 };
    let welcome = Welcome { epoch: "k".to_owned(), limits, ..Welcome::default() };
    operations(&player.open(&welcome))
}

fn operations(turn: &Turn) -> Vec<Value> {
    turn.operations.iter().map(|it| serde_json::from_str(it).unwrap()).collect()
}

fn hear(player: &mut Player, message: &Value) -> Turn {
    player.hear(&message.to_string()).unwrap()
}

fn opened(op: &Value) -> Value {
    json!({ "type": "opened", "id": op["id"], "from": { "epoch": "k", "seq": 10 },
        "to": { "epoch": "k", "seq": 90 }, "events": 80, "channel": "ticker",
        "symbols": ["sim:A"], "patterns": [], "pending": [], "rejected": [] })
}

fn position(id: &Value, seq: u64, state: &str) -> Value {
    json!({ "type": "position", "id": id, "seq": seq, "at": "2026-11-20T15:00:00Z", "speed": 10,
        "state": state, "done": 0.5 })
}

fn snapshot(seq: u64) -> Value {
    json!({ "type": "snapshot", "channel": "ticker", "symbol": "sim:A", "seq": seq })
}

fn delta(prev: u64, seq: u64) -> Value {
    json!({ "type": "delta", "channel": "ticker", "symbol": "sim:A", "seq": seq, "prev": prev })
}

#[test]
fn further_channels_join_before_it_plays() {
    let ops = open(&mut player(&["ticker", "trades"]));
    let words: Vec<&str> = ops.iter().map(|op| op["op"].as_str().unwrap()).collect();
    assert_eq!(words, ["open", "subscribe", "play"]);
    assert_eq!((&ops[0]["paused"], &ops[1]["channel"]), (&json!(true), &json!("trades")));
    let ops = open(&mut player(&["ticker"]));
    assert_eq!((ops.len(), &ops[0]["paused"]), (1, &json!(false)));
}

#[test]
fn after_a_loss_it_goes_on_where_it_was() {
    let mut player = player(&["ticker"]);
    let ops = open(&mut player);
    hear(&mut player, &opened(&ops[0]));
    hear(&mut player, &snapshot(8));
    hear(&mut player, &delta(8, 20));
    hear(&mut player, &position(&Value::Null, 20, "playing"));
    hear(&mut player, &delta(20, 22));
    player.lost();
    let ops = open(&mut player);
    assert_eq!(ops[0]["from"], json!({ "epoch": "k", "seq": 10 }), "the range stays");
    assert_eq!((&ops[0]["to"]["seq"], &ops[0]["paused"]), (&json!(90), &json!(true)));
    assert_eq!((&ops[1]["op"], &ops[1]["to"]["seq"]), (&json!("seek"), &json!(20)));
    assert_eq!(ops[2]["op"], "play");
    hear(&mut player, &opened(&ops[0]));
    for (message, expected) in [
        (snapshot(8), 0),
        (position(&Value::Null, 10, "paused"), 0),
        (snapshot(20), 0),
        (position(&ops[1]["id"], 20, "paused"), 0),
        (position(&ops[2]["id"], 20, "playing"), 1),
        (delta(20, 22), 0),
        (delta(22, 25), 1),
    ] {
        assert_eq!(hear(&mut player, &message).events.len(), expected, "{message}");
    }
}

#[test]
fn a_seek_takes_nothing_from_before_it_and_survives_a_loss() {
    let mut player = player(&["ticker"]);
    let ops = open(&mut player);
    hear(&mut player, &opened(&ops[0]));
    hear(&mut player, &snapshot(8));
    hear(&mut player, &position(&Value::Null, 10, "playing"));
    let back = json!({ "epoch": "k", "seq": 12 });
    let turn = player.command(Control::Seek(1, back.clone()));
    let seek = json!({ "op": "seek", "id": 1, "to": back });
    assert_eq!(operations(&turn), std::slice::from_ref(&seek));
    assert!(hear(&mut player, &delta(8, 20)).events.is_empty(), "it is from before");
    player.lost();
    let ops = open(&mut player);
    assert_eq!((ops.len(), &ops[1]["to"]["seq"]), (3, &json!(10)), "first to where it was");
    hear(&mut player, &opened(&ops[0]));
    for message in [
        snapshot(8),
        position(&Value::Null, 10, "paused"),
        snapshot(8),
        position(&ops[1]["id"], 10, "paused"),
    ] {
        let turn = hear(&mut player, &message);
        assert!(turn.events.is_empty() && turn.operations.is_empty(), "{message}: {turn:?}");
    }
    let turn = hear(&mut player, &position(&ops[2]["id"], 10, "playing"));
    assert_eq!(operations(&turn), [seek], "then to where the reader wants to be");
    assert!(hear(&mut player, &delta(8, 20)).events.is_empty());
    assert_eq!(hear(&mut player, &snapshot(3)).events.len(), 1);
    assert_eq!(hear(&mut player, &position(&json!(1), 12, "playing")).events.len(), 1);
    player.lost();
    let ops = open(&mut player);
    assert_eq!(ops[1]["to"]["seq"], 12, "it was answered");
}

#[test]
fn what_is_pressed_before_there_is_a_connection_is_pressed_then() {
    let mut player = player(&["ticker"]);
    assert!(player.command(Control::Pause(1)).operations.is_empty());
    assert!(player.command(Control::Speed(2, 0.0)).operations.is_empty());
    let ops = open(&mut player);
    assert_eq!((ops.len(), &ops[0]["speed"]), (1, &json!(10.0)));
    assert!(hear(&mut player, &opened(&ops[0])).operations.is_empty());
    let turn = hear(&mut player, &position(&Value::Null, 10, "playing"));
    let ids: Vec<Value> = operations(&turn).iter().map(|op| op["id"].clone()).collect();
    assert_eq!(ids, [json!(1), json!(2)]);
    for at in 3..=64 {
        player.command(Control::Play(at));
    }
    let turn = player.command(Control::Play(65));
    assert!(matches!(turn.events[..], [Event::Error(Error::Busy)]), "{turn:?}");
}

#[test]
fn it_is_over_at_its_end_unless_it_stays() {
    for stays in [false, true] {
        let mut player = player(&["ticker"]);
        player.tape.stays = stays;
        let ops = open(&mut player);
        hear(&mut player, &opened(&ops[0]));
        let turn = hear(&mut player, &position(&Value::Null, 90, "ended"));
        assert_eq!(turn.end.is_some(), !stays);
    }
}
