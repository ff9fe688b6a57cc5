//! Servers that are not well: a stand-in that says what no server should. A reader answers with a
//! typed error or a resync and comes back; it never dies, hangs, or loses something in silence.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;
use tokio_tungstenite::tungstenite;
use tungstenite::Message;

use crate::harness::eventually;
use crate::harness::since;
use crate::readers::Make;
use crate::readers::Reader;
use crate::readers::host::Host;
use crate::readers::host::Scene;
use crate::readers::host::Talk;
use crate::readers::host::delta;
use crate::readers::host::snapshot;

/// A good server, to come back to: it goes on at 101, or begins there.
fn well(talk: &mut Talk) {
    talk.welcome();
    let Some(op) = talk.operation() else { return };
    talk.subscribed(&op);
    if op["from"].is_null() {
        talk.say(snapshot(100));
    }
    talk.delta(100, 101);
    talk.linger();
}

fn follow(make: Make, host: &Host) -> Option<Reader> {
    make(&json!({ "url": host.url, "names": ["sim:A"], "backoff_ms": 20,
        "message_bytes_max": 1 << 20, "token": "a-token" }))
}

/// One bad connection, then a good one.
#[track_caller]
fn check(make: Make, what: &str, scene: Scene, code: &str) -> Option<Reader> {
    let host = Host::start(vec![scene, well]);
    let mut reader = follow(make, &host)?;
    let waiting = reader.event("state", "state", "waiting");
    assert_eq!(waiting["code"], code, "{what}: {waiting}");
    reader.until(what, |it| it["message"]["seq"] == 101);
    reader.close();
    let chains = reader.keeps_the_rule();
    assert_eq!(chains.linked, reader.of("data").len() - chains.snapshots, "{what}");
    Some(reader)
}

/// All cases at the same time.
#[track_caller]
fn all<T: Send>(cases: impl IntoIterator<Item = T>, check: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        cases.into_iter().for_each(|case| drop(scope.spawn(|| check(case))));
    });
}

/// What is no message of the protocol ends the connection with an error, and the next one goes on.
#[track_caller]
pub(crate) fn is_no_protocol(make: Make) {
    let scenes: [(&str, Scene); 12] = [
        ("broken JSON", |talk| {
            talk.begin();
            talk.say(r#"{"type":"delta","channel""#);
            talk.linger();
        }),
        ("a list", |talk| {
            talk.begin();
            talk.say("[1,2,3]");
            talk.linger();
        }),
        ("a number", |talk| {
            talk.begin();
            talk.say("7");
            talk.linger();
        }),
        ("no type", |talk| {
            talk.begin();
            talk.say(r#"{"channel":"ticker","symbol":"sim:A","seq":101,"prev":100}"#);
            talk.linger();
        }),
        ("no place", |talk| {
            talk.begin();
            talk.say(r#"{"type":"delta","channel":"ticker","symbol":"sim:A","bid":"2"}"#);
            talk.linger();
        }),
        ("a place that is a word", |talk| {
            talk.begin();
            talk.say(
                r#"{"type":"delta","channel":"ticker","symbol":"sim:A","seq":"101","prev":100}"#,
            );
            talk.linger();
        }),
        ("a price that is none", |talk| {
            talk.begin();
            talk.say(delta(100, 101).replace("1.60", "1.6O"));
            talk.linger();
        }),
        ("a price that is a number of JSON", |talk| {
            talk.begin();
            talk.say(delta(100, 101).replace("\"1.60\"", "1.60"));
            talk.linger();
        }),
        ("deep nesting", |talk| {
            talk.begin();
            let deep = "[".repeat(200_000);
            talk.say(format!(r#"{{"type":"heartbeat","seq":{deep}"#));
            talk.linger();
        }),
        ("no welcome", |talk| {
            talk.say(r#"{"type":"heartbeat","seq":1}"#);
            talk.linger();
        }),
        ("a binary message", |talk| {
            talk.begin();
            drop(talk.socket.send(Message::binary(vec![0x80])));
            talk.linger();
        }),
        ("a text that is no text", |talk| {
            talk.begin();
            talk.raw(b"\x81\x02\xC3\x28");
            talk.linger();
        }),
    ];
    all(scenes, |(what, scene)| drop(check(make, what, scene, "protocol")));
}

/// Frames that are too large, or no frames.
#[track_caller]
pub(crate) fn is_no_websocket(make: Make) {
    let scenes: [(&str, Scene); 4] = [
        ("a frame of 2 MiB", |talk| {
            talk.begin();
            talk.say(format!("{{\"type\":\"{}\"}}", "x".repeat(2 << 20)));
            talk.linger();
        }),
        ("a frame that announces 2^62 bytes", |talk| {
            talk.begin();
            talk.raw(b"\x81\x7F\x40\x00\x00\x00\x00\x00\x00\x00");
            talk.linger();
        }),
        ("fragments without an end", |talk| {
            talk.begin();
            talk.raw(
                &[b"\x01\x7F\x00\x00\x00\x00\x00\x08\x00\x00".to_vec(), vec![b' '; 1 << 19]]
                    .concat(),
            );
            for _ in 0..4 {
                talk.raw(
                    &[b"\x00\x7F\x00\x00\x00\x00\x00\x08\x00\x00".to_vec(), vec![b' '; 1 << 19]]
                        .concat(),
                );
            }
            talk.linger();
        }),
        ("reserved bits", |talk| {
            talk.begin();
            talk.raw(b"\xF1\x02{}");
            talk.linger();
        }),
    ];
    all(scenes, |(what, scene)| drop(check(make, what, scene, "protocol")));
}

/// A message that does not follow the one before it is not taken: the stream is asked for anew, and
/// what is missing is told.
#[track_caller]
pub(crate) fn breaks_a_stream(make: Make) {
    let host = Host::start(vec![|talk| {
        talk.begin();
        talk.delta(100, 101);
        talk.delta(104, 105);
        talk.delta(105, 106);
        let Some(op) = talk.operation() else { return };
        talk.subscribed(&op);
        talk.say(snapshot(107));
        talk.delta(107, 108);
        talk.linger();
    }]);
    let Some(mut reader) = follow(make, &host) else { return };
    let resync = reader.event("resync", "symbol", "sim:A");
    assert_eq!((&resync["after"], &resync["to"]), (&json!(101), &json!(107)), "{resync}");
    assert_eq!(resync["reason"], "prev");
    reader.until("what follows", |it| it["message"]["seq"] == 108);
    reader.close();
    let seqs: Vec<u64> =
        reader.of("data").iter().map(|it| it["message"]["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [100, 101, 107, 108]);
    let subscribes = host.subscribes();
    assert_eq!((subscribes.len(), &subscribes[1]["from"]), (2, &Value::Null), "{subscribes:?}");
    assert_eq!(subscribes[1]["symbols"], json!(["sim:A"]));
    assert_eq!(host.connections(), 1, "one connection is enough");
}

/// A server that breaks a stream again and again loses its client, which says so.
#[track_caller]
pub(crate) fn breaks_a_stream_for_ever(make: Make) {
    let host = Host::start(vec![
        |talk| {
            talk.begin();
            for at in 0_u64.. {
                talk.delta(1_000 + 10 * at, 1_001 + 10 * at);
                let Some(op) = talk.operation() else { return };
                talk.subscribed(&op);
                talk.say(snapshot(1_005 + 10 * at));
            }
        },
        well,
    ]);
    let Some(mut reader) = follow(make, &host) else { return };
    let waiting = reader.event("state", "state", "waiting");
    assert_eq!(waiting["code"], "protocol", "{waiting}");
    reader.until("a good connection", |it| it["state"] == "live");
    reader.close();
    assert!(host.subscribes().len() < 30, "{}", host.subscribes().len());
}

/// Repeats are dropped, what is of no stream is not taken, and unknown kinds are passed over.
#[track_caller]
pub(crate) fn says_things_twice_or_of_nobody(make: Make) {
    let host = Host::start(vec![|talk| {
        talk.begin();
        talk.say(delta(50, 101).replace("sim:A", "sim:B"));
        talk.say(r#"{"type":"nothing known","at":1}"#);
        talk.delta(100, 101);
        talk.delta(100, 101);
        talk.delta(99, 100);
        let strange = r#""type":"strange","#;
        talk.say(delta(101, 102).replace(r#""type":"delta","#, strange));
        talk.delta(102, 103);
        talk.say(r#"{"type":"error","code":"too_many_symbols","message":"x","retry":false}"#);
        talk.linger();
    }]);
    let Some(mut reader) = follow(make, &host) else { return };
    reader.event("error", "code", "too_many_symbols");
    reader.close();
    let seqs: Vec<u64> =
        reader.of("data").iter().map(|it| it["message"]["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [100, 101, 103]);
    assert_eq!(host.subscribes().len(), 1);
}

/// Each close code is answered as the protocol says.
#[track_caller]
pub(crate) fn closes(make: Make) {
    let scenes: [(u16, Scene); 5] = [
        (1001, |talk| {
            talk.begin();
            talk.close(1001);
        }),
        (1012, |talk| {
            talk.begin();
            talk.close(1012);
        }),
        (1013, |talk| {
            talk.begin();
            talk.close(1013);
        }),
        (4000, |talk| {
            talk.begin();
            talk.close(4000);
        }),
        (4008, |talk| {
            talk.begin();
            talk.close(4008);
        }),
    ];
    all(scenes, |(code, scene)| {
        let host = Host::start(vec![scene, well]);
        let Some(mut reader) = follow(make, &host) else { return };
        let waiting = reader.event("state", "state", "waiting");
        assert_eq!(waiting["error"]["close"], code, "{waiting}");
        assert_eq!(waiting["error"]["retryable"], true, "{waiting}");
        reader.until("what follows", |it| it["message"]["seq"] == 101);
        let from = host.subscribes().last().unwrap()["from"].clone();
        assert_eq!(from, json!({ "epoch": "k3v9", "seq": 100 }), "it goes on where it was");
        reader.close();
        reader.keeps_the_rule();
    });
    // Another token is needed, and there is none.
    let finals: [(u16, Scene); 4] = [
        (4001, |talk| {
            talk.begin();
            talk.close(4001);
        }),
        (4010, |talk| {
            talk.begin();
            talk.close(4010);
        }),
        (4401, |talk| {
            talk.begin();
            talk.close(4401);
        }),
        (4403, |talk| {
            talk.begin();
            talk.close(4403);
        }),
    ];
    all(finals, |(code, scene)| {
        let host = Host::start(vec![scene]);
        let Some(mut reader) = follow(make, &host) else { return };
        let closed = reader.event("state", "state", "closed");
        assert_eq!(closed["error"]["close"], code, "{closed}");
        assert_eq!(closed["error"]["retryable"], false, "{closed}");
        reader.until("end", |event| event["event"] == "end");
        assert_eq!(host.connections(), 1);
    });
}

/// A server that has too many clients is not asked again at once.
#[track_caller]
pub(crate) fn has_no_room(make: Make) {
    let host = Host::start(vec![|talk| {
        talk.begin();
        talk.close(4429);
    }]);
    let Some(mut reader) = follow(make, &host) else { return };
    let waiting = reader.event("state", "state", "waiting");
    assert_eq!(waiting["error"]["close"], 4429);
    // The longest wait is 400 ms here, and at least half of that.
    assert!(waiting["retry_in_ms"].as_u64().unwrap() >= 200, "{waiting}");
    reader.close();
}

/// A connection on which nothing comes any more is given up, and so is one that is cut.
#[track_caller]
pub(crate) fn falls_silent(make: Make) {
    let started = tickwire::clock::monotonic();
    let silent: Scene = |talk| {
        talk.begin();
        std::thread::sleep(Duration::from_secs(10));
    };
    if check(make, "silence", silent, "silence").is_none() {
        return;
    }
    assert!(since(started) < Duration::from_secs(6), "{:?}", since(started));
    let cut: Scene = |talk| {
        talk.begin();
        talk.raw(b"\x81\x50{\"type\":\"de");
        drop(talk.socket.get_mut().shutdown(std::net::Shutdown::Both));
    };
    let reader = check(make, "half a frame", cut, "closed").unwrap();
    assert_eq!(reader.of("resync").len(), 0);
}

/// What the server cannot do now is asked for again; what it refuses for good ends the stream.
#[track_caller]
pub(crate) fn refuses(make: Make) {
    let host = Host::start(vec![|talk| {
        talk.welcome();
        let Some(op) = talk.operation() else { return };
        talk.say(
            json!({ "type": "error", "id": op["id"], "code": "unavailable", "message": "later",
                "retry": true })
            .to_string(),
        );
        let Some(op) = talk.operation() else { return };
        talk.subscribed(&op);
        talk.say(snapshot(100));
        talk.linger();
    }]);
    let Some(mut reader) = follow(make, &host) else { return };
    let error = reader.event("error", "code", "unavailable");
    assert_eq!(error["retryable"], true);
    reader.until("a snapshot", |it| it["message"]["seq"] == 100);
    reader.close();
    assert_eq!((host.connections(), host.subscribes().len()), (1, 2));

    let host = Host::start(vec![|talk| {
        talk.welcome();
        let Some(op) = talk.operation() else { return };
        talk.say(
            json!({ "type": "error", "id": op["id"], "code": "unknown_channel", "message": "no",
                "retry": false })
            .to_string(),
        );
        talk.linger();
    }]);
    let mut reader = follow(make, &host).unwrap();
    let closed = reader.event("state", "state", "closed");
    assert_eq!(closed["error"]["code"], "unknown_channel");
    reader.until("end", |event| event["event"] == "end");
}

/// A server that is not there yet is waited for; a reader that gives up is gone at once.
#[track_caller]
pub(crate) fn is_not_there(make: Make) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    drop(listener);
    let wanted = json!({ "url": url, "names": ["sim:A"], "backoff_ms": 20 });
    let Some(mut reader) = make(&wanted) else { return };
    for attempt in 1..=3 {
        reader.event("state", "attempt", attempt);
        let waiting = reader.event("state", "state", "waiting");
        assert_eq!(waiting["code"], "connection");
    }
    reader.close();

    // A goodbye is said, also to a server that is in the middle of something.
    let host = Host::start(vec![well]);
    let mut reader = follow(make, &host).unwrap();
    reader.until("a delta", |it| it["message"]["seq"] == 101);
    reader.close();
    eventually("it left once", || host.connections() == 1);
}
