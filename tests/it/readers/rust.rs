//! The client for Rust as a reader.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use serde_json::json;
use tickwire_client::Backoff;
use tickwire_client::Client;
use tickwire_client::Controls;
use tickwire_client::Cursor;
use tickwire_client::Error;
use tickwire_client::Event;
use tickwire_client::Handle;
use tickwire_client::Replay;
use tickwire_client::Slow;
use tickwire_client::State;
use tickwire_client::Subscription;
use tickwire_client::TokenSource;
use tokio::sync::mpsc as channel;

use crate::readers::Reader;

/// What is read, and what is told to it.
enum Followed {
    Live(Subscription, Handle),
    Past(Replay, Controls),
}

/// A reader in a thread of its own.
#[expect(clippy::unnecessary_wraps, reason = "others may not be there")]
pub(crate) fn make(wanted: &Value) -> Option<Reader> {
    let wanted = wanted.clone();
    let (sender, lines) = mpsc::channel();
    let (commands, mut receiver) = channel::channel::<String>(64);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut followed = start(&wanted);
            let (mut is_reading, mut is_open) = (true, true);
            while is_open {
                tokio::select! {
                    event = followed.next(), if is_reading => match event {
                        Some(event) => drop(sender.send(line(&event))),
                        None => is_open = false,
                    },
                    command = receiver.recv() => match command.as_deref() {
                        Some("stop") => is_reading = false,
                        Some("go") => is_reading = true,
                        Some("close") | None => is_open = false,
                        Some(command) => followed.command(command),
                    },
                }
            }
            followed.close().await;
            drop(sender.send(json!({ "event": "end" })));
        });
    });
    let tell = move |command: &str| drop(commands.try_send(command.to_owned()));
    Some(Reader::new(lines, tell, ()))
}

/// A client as an object of JSON describes it.
pub(crate) fn client(wanted: &Value) -> Client {
    let min = Duration::from_millis(wanted["backoff_ms"].as_u64().unwrap_or(50));
    let backoff = Backoff { min, max: min * 20, attempts: None };
    let mut builder = Client::builder(wanted["url"].as_str().unwrap()).backoff(backoff);
    if let Some(bytes) = wanted["message_bytes_max"].as_u64() {
        builder = builder.message_bytes_max(bytes.try_into().unwrap());
    }
    if wanted["msgpack"] == true {
        builder = builder.msgpack();
    }
    if let Some(token) = wanted["token"].as_str() {
        builder = builder.token(TokenSource::fixed(token));
    }
    if let Some(tokens) = wanted["tokens"].as_array() {
        let tokens: Vec<String> = tokens.iter().map(|it| it.as_str().unwrap().into()).collect();
        let tokens = Arc::new(Mutex::new(tokens.into_iter()));
        builder = builder.token(TokenSource::renewed(move || {
            let token = tokens.lock().unwrap().next();
            async move { token.ok_or("there are no more tokens") }
        }));
    }
    if let Some(pem) = wanted["ca"].as_str() {
        builder = builder.ca(&std::fs::read(pem).unwrap());
    }
    builder.build().unwrap()
}

fn start(wanted: &Value) -> Followed {
    let client = client(wanted);
    let strings = |key: &str| {
        let list = wanted[key].as_array().cloned().unwrap_or_default();
        list.into_iter().map(|it| it.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let queue = wanted["queue"].as_u64().unwrap_or(1_024).try_into().unwrap();
    let number = |key: &str| wanted[key].as_u64();
    let cursor = |key: &str| -> Option<Cursor> { wanted[key].as_str()?.parse().ok() };
    if wanted["replay"] == true {
        let mut play = client.replay(strings("names")).queue(queue);
        play = strings("channels").iter().fold(play, |play, channel| play.channel(channel));
        play = play.speed(wanted["speed"].as_f64().unwrap_or(1.0));
        play = play.from(cursor("from").unwrap());
        play = cursor("to").map_or(play.clone(), |to| play.to(to));
        play = if wanted["paused"] == true { play.paused() } else { play };
        play = if wanted["then_live"] == true { play.then_live() } else { play };
        play = if wanted["stay"] == true { play.stay_at_end() } else { play };
        let replay = play.start();
        let controls = replay.controls();
        return Followed::Past(replay, controls);
    }
    let mut subscribe = client.subscribe(strings("names")).queue(queue);
    subscribe = strings("channels").iter().fold(subscribe, |all, channel| all.channel(channel));
    if let Some(time) = number("conflate_ms") {
        subscribe = subscribe.conflate(Duration::from_millis(time));
    }
    if let Some(count) = number("last") {
        subscribe = subscribe.last(count.try_into().unwrap());
    }
    if let Some(cursor) = cursor("from") {
        subscribe = subscribe.from(cursor);
    }
    subscribe = match wanted["slow"].as_str() {
        Some("spill") => subscribe.slow(Slow::Spill),
        Some("close") => subscribe.slow(Slow::Close),
        Some("gap") => subscribe.slow(Slow::Gap),
        _ => subscribe,
    };
    let subscription = subscribe.start();
    let handle = subscription.handle();
    Followed::Live(subscription, handle)
}

impl Followed {
    async fn next(&mut self) -> Option<Event> {
        match self {
            Self::Live(subscription, _) => subscription.next().await,
            Self::Past(replay, _) => replay.next().await,
        }
    }

    async fn close(self) {
        match self {
            Self::Live(subscription, _) => subscription.close().await,
            Self::Past(replay, _) => replay.close().await,
        }
    }

    fn command(&self, command: &str) {
        let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
        let done = match (self, verb) {
            (Self::Live(_, handle), "add") => handle.add([rest]),
            (Self::Live(_, handle), "remove") => handle.remove([rest]),
            (Self::Past(_, controls), "play") => controls.play().map(drop),
            (Self::Past(_, controls), "pause") => controls.pause().map(drop),
            (Self::Past(_, controls), "speed") => controls.speed(rest.parse().unwrap()).map(drop),
            (Self::Past(_, controls), "step") => controls.step(rest.parse().unwrap()).map(drop),
            (Self::Past(_, controls), "seek") => {
                controls.seek(rest.parse::<Cursor>().unwrap()).map(drop)
            }
            other => panic!("no such command: {}", other.1),
        };
        done.unwrap();
    }
}

/// An event as all clients say it to their tests.
fn line(event: &Event) -> Value {
    match event {
        Event::Snapshot(it) => data("snapshot", it),
        Event::Delta(it) => data("delta", it),
        Event::Trade(it) => data("trade", it),
        Event::Amend(it) => data("amend", it),
        Event::Bar(it) => data("bar", it),
        Event::Status(it) => data("status", it),
        Event::Gap(it) => data("gap", it),
        Event::State(state) => state_line(state),
        Event::Subscribed(it) => {
            json!({ "event": "subscribed", "channel": it.channel, "resumed": it.resumed,
                "symbols": it.symbols, "reason": it.reason })
        }
        Event::Resync(it) => {
            json!({ "event": "resync", "channel": it.channel, "symbol": it.symbol,
                "after": it.after, "to": it.to, "reason": it.reason })
        }
        Event::Service(it) => {
            json!({ "event": "service", "state": it.state, "reason": it.reason })
        }
        Event::Position(it) => {
            json!({ "event": "position", "id": it.id, "seq": it.seq, "state": it.state,
                "speed": it.speed })
        }
        Event::Error(error) => {
            let mut line = error_line(error);
            line["event"] = "error".into();
            line
        }
        other => panic!("{other:?}"),
    }
}

/// What was read, written again: it must be what the server sent.
fn data(kind: &str, message: &impl Serialize) -> Value {
    let mut message = serde_json::to_value(message).unwrap();
    message["type"] = kind.into();
    json!({ "event": "data", "message": message })
}

fn state_line(state: &State) -> Value {
    match state {
        State::Connecting { attempt } => {
            json!({ "event": "state", "state": "connecting", "attempt": attempt })
        }
        State::Live { epoch, seq } => {
            json!({ "event": "state", "state": "live", "epoch": epoch, "seq": seq })
        }
        State::Renewed => json!({ "event": "state", "state": "renewed" }),
        State::Waiting { error, retry_in } => {
            json!({ "event": "state", "state": "waiting", "error": error_line(error),
                "code": error.code(), "retry_in_ms": u64::try_from(retry_in.as_millis()).unwrap() })
        }
        State::Closed { error } => {
            json!({ "event": "state", "state": "closed", "error": error.as_ref().map(error_line) })
        }
    }
}

fn error_line(error: &Error) -> Value {
    let close = match error {
        Error::Closed { code, .. } => Some(*code),
        _ => None,
    };
    json!({ "code": error.code(), "message": error.to_string(),
        "retryable": error.is_retryable(), "close": close })
}
