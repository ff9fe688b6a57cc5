//! The same ticks are the same messages in the same order, whichever way they come, and however
//! often the way is cut.
//!
//! A few seconds by default; longer with `WAYS_S=60 cargo nextest run -E 'test(ways::same)'`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;
use tickwire::clock::monotonic;

use super::client::Stream;
use super::client::poll;
use super::client::seq_of;
use crate::client::Client;
use crate::harness::Server;

const WAYS: [Way; 4] = [Way::WebSocket, Way::Events, Way::Lines, Way::Polling];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    WebSocket,
    Events,
    Lines,
    Polling,
}

/// What one client takes by the one rule.
struct Collector {
    address: SocketAddr,
    channel: &'static str,
    held: HashMap<String, u64>,
    taken: Vec<(u64, String)>,
    repeats: usize,
    /// Everything up to here was sent.
    cursor: String,
    /// No more is needed than up to here; 0 while that is not known.
    end: Arc<AtomicU64>,
    last: u64,
}

impl Collector {
    #[track_caller]
    fn take(&mut self, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap();
        let Some(symbol) = message["symbol"].as_str() else { return };
        let seq = message["seq"].as_u64().unwrap();
        let held = self.held.get_mut(symbol).unwrap_or_else(|| panic!("not held: {text}"));
        assert_ne!(message["type"], "snapshot", "what was missed comes, no snapshot: {text}");
        self.last = seq;
        if seq <= *held {
            self.repeats += 1;
            return;
        }
        assert_eq!(message["prev"].as_u64(), Some(*held), "missed something before {text}");
        *held = seq;
        self.taken.push((seq, text.to_owned()));
    }

    fn is_done(&self) -> bool {
        let end = self.end.load(Ordering::Acquire);
        end > 0 && self.last > end
    }

    /// One connection, until it is cut.
    fn collect(&mut self, way: Way, until: Instant) {
        let goes_on = |of: &Self| !of.is_done() && monotonic() < until;
        match way {
            Way::WebSocket => {
                let mut client = Client::connect(self.address);
                let (epoch, seq) = self.cursor.rsplit_once(':').unwrap();
                let from = json!({ "epoch": epoch, "seq": seq.parse::<u64>().unwrap() });
                let (channel, symbols) = (self.channel, ["sim:*"]);
                let mut op = json!({ "op": "subscribe", "channel": channel, "symbols": symbols });
                op["from"] = from;
                client.send(&op.to_string());
                assert_eq!(client.next()["resumed"], true);
                while goes_on(self) {
                    self.take(&client.text());
                    self.go_on_before_last();
                }
            }
            Way::Lines => {
                let mut stream = self.open("ndjson", &format!("&from={}", self.cursor), "");
                assert_eq!(stream.next()["resumed"], true);
                while goes_on(self) {
                    self.take(&stream.line().unwrap());
                    self.go_on_before_last();
                }
            }
            Way::Events => {
                let id = format!("Last-Event-ID: {}\r\n", self.cursor);
                let mut stream = self.open("sse", "", &id);
                assert_eq!(stream.event().unwrap().json()["resumed"], true);
                while goes_on(self) {
                    let event = stream.event().unwrap();
                    self.take(&event.data);
                    self.cursor = event.id.unwrap_or(std::mem::take(&mut self.cursor));
                }
            }
            Way::Polling => {
                while goes_on(self) {
                    let query = self.query(&format!("&limit=100&cursor={}", self.cursor));
                    let page = poll(self.address, &query);
                    assert!(page.resumed, "{page:?}");
                    page.texts().for_each(|text| self.take(text));
                    assert!(seq_of(&page.cursor) >= self.last, "{page:?}");
                    self.cursor = page.cursor;
                }
                // The answer to this one is lost.
                let query = self.query(&format!("&limit=1&cursor={}", self.cursor));
                drop(Stream::open(self.address, &format!("/v1/poll?{query}"), ""));
            }
        }
    }

    /// The others of the last place may not have come.
    fn go_on_before_last(&mut self) {
        let (epoch, seq) = self.cursor.rsplit_once(':').unwrap();
        let seq = seq.parse::<u64>().unwrap().max(self.last.saturating_sub(1));
        self.cursor = format!("{epoch}:{seq}");
    }

    fn open(&self, way: &str, more: &str, headers: &str) -> Stream {
        let path = format!("/v1/{way}?{}", self.query(more));
        Stream::open(self.address, &path, headers)
    }

    fn query(&self, more: &str) -> String {
        format!("channel={}&symbols=sim:*{more}", self.channel)
    }
}

/// Runs all ways side by side, each cut so many times, and compares what they got.
fn run(channel: &'static str, cuts: u32) {
    let seconds = std::env::var("WAYS_S").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let time = Duration::from_secs(seconds);
    let server =
        Server::start(&[("feeds.sim.ticks_per_s", "1000"), ("stream.heartbeat_ms", "200")]);
    crate::http::wait_until_ready(&server);
    let first = poll(server.address, &format!("channel={channel}&symbols=sim:*"));
    let held = first.messages().into_iter();
    let held =
        held.map(|of| (of["symbol"].as_str().unwrap().to_owned(), of["seq"].as_u64().unwrap()));
    let held: HashMap<_, _> = held.collect();
    let (start, end) = (monotonic(), Arc::new(AtomicU64::new(0)));
    let (address, cursor) = (server.address, first.cursor);
    let collectors = WAYS.map(|way| {
        let mut collector = Collector {
            address,
            channel,
            held: held.clone(),
            taken: Vec::new(),
            repeats: 0,
            cursor: cursor.clone(),
            end: Arc::clone(&end),
            last: 0,
        };
        std::thread::spawn(move || {
            for part in 1..=cuts {
                collector.collect(way, start + time * part / (cuts + 1));
            }
            collector.collect(way, start + time * 10 + Duration::from_secs(60));
            collector
        })
    });
    std::thread::sleep(time);
    let last = poll(server.address, &format!("channel={channel}&symbols=sim:*")).cursor;
    end.store(seq_of(&last), Ordering::Release);
    let collected = collectors.map(|thread| thread.join().unwrap());
    let upto = |of: &Collector| {
        let taken = of.taken.iter().filter(|(seq, _)| *seq <= seq_of(&last));
        taken.map(|(_, text)| text.clone()).collect::<Vec<_>>()
    };
    let expected = upto(&collected[0]);
    assert!(expected.len() > 20 * usize::try_from(seconds).unwrap(), "{}", expected.len());
    for (way, collector) in WAYS.iter().zip(&collected).skip(1) {
        let got = upto(collector);
        let place = expected.iter().zip(&got).position(|(a, b)| a != b);
        assert_eq!((got.len(), place), (expected.len(), None), "{way:?} of {channel}");
        assert!(cuts > 0 || collector.repeats == 0, "{way:?}: {} repeats", collector.repeats);
    }
    let repeats = collected.each_ref().map(|of| of.repeats);
    println!("{channel}: {} messages each, repeats {repeats:?} by {WAYS:?}", expected.len());
}

#[test]
fn tickers_are_the_same_by_every_way() {
    run("ticker", 0);
}

#[test]
fn trades_are_the_same_by_every_way() {
    run("trades", 0);
}

#[test]
fn bars_are_the_same_by_every_way() {
    run("bars.1s", 0);
}

#[test]
fn twenty_cuts_of_each_way_lose_and_double_no_ticker() {
    run("ticker", 20);
}

#[test]
fn twenty_cuts_of_each_way_lose_and_double_no_trade() {
    run("trades", 20);
}
