//! A real browser: its own `EventSource` and `WebSocket`, across the end of the server.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

use crate::client::get;
use crate::clients::lacks;
use crate::clients::npm;
use crate::clients::script;
use crate::harness::Server;

const SETTINGS: [(&str, &str); 3] = [
    ("feeds.sim.ticks_per_s", "500"),
    ("stream.heartbeat_ms", "200"),
    ("http.reconnect_spread_ms", "200"),
];

/// Ended when it is dropped, whatever becomes of the test.
struct Page(Child);

impl Drop for Page {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What the one rule leaves of the messages of a connection that is made again by itself.
#[derive(Default)]
struct Taken {
    /// The trades of each symbol, as history has them.
    trades: BTreeMap<String, Vec<Value>>,
    held: HashMap<String, u64>,
    first: HashMap<String, u64>,
    repeats: usize,
}

impl Taken {
    #[track_caller]
    fn take(&mut self, message: &Value) {
        let Some(symbol) = message["symbol"].as_str() else { return };
        let seq = message["seq"].as_u64().unwrap();
        if message["type"] == "snapshot" {
            let before = self.held.insert(symbol.to_owned(), seq);
            assert_eq!(before, None, "what was missed comes, no snapshot: {message}");
            self.first.insert(symbol.to_owned(), seq);
            return;
        }
        let held = self.held.get_mut(symbol).unwrap_or_else(|| panic!("not held: {message}"));
        if seq <= *held {
            self.repeats += 1;
            return;
        }
        assert_eq!(message["prev"].as_u64(), Some(*held), "missed something before {message}");
        *held = seq;
        if message["type"] == "trade" {
            let trades = self.trades.entry(symbol.to_owned()).or_default();
            trades.push(as_row(message));
        }
    }

    /// Compares with what the server has on its tape; the number of trades.
    #[track_caller]
    fn compare(&self, server: &Server, epoch: &str) -> usize {
        for (symbol, trades) in &self.trades {
            let (from, to) = (self.first[symbol], self.held[symbol]);
            let range = format!("from={epoch}:{from}&to={epoch}:{to}&limit=10000");
            let page = get(server.address, &format!("/v1/trades?symbol={symbol}&{range}")).json();
            assert_eq!(&Value::from(trades.clone()), &page["trades"], "{symbol}");
        }
        self.trades.values().map(Vec::len).sum()
    }
}

#[test]
fn event_source_and_web_socket_of_chromium_are_served_across_two_cuts() {
    let Some((chromium, script)) = stage("browser.mjs") else { return };
    let mut server = Server::start(&SETTINGS);
    crate::http::wait_until_ready(&server);
    let listen = server.address.to_string();
    let mut command = Command::new("node");
    command.arg(script).arg(format!("http://{listen}")).arg(chromium);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut page = Page(child);
    let mut said = BufReader::new(page.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let settings: Vec<_> = SETTINGS.into_iter().chain([("http.listen", &*listen)]).collect();
    for signal in ["-TERM", "-KILL"] {
        assert_eq!(said.next().as_deref(), Some("cut"), "see above what it said");
        server.signal(signal);
        server = Server::start_on(server.end().dir, &settings);
        page.0.stdin.as_mut().unwrap().write_all(b"again\n").unwrap();
    }
    let seen: Value = serde_json::from_str(&said.next().expect("see above")).unwrap();
    check(&seen, &server);
}

#[track_caller]
fn check(seen: &Value, server: &Server) {
    assert_eq!(seen["troubles"], Value::from(Vec::<Value>::new()));
    // An answer that says "not yet" is an open too.
    assert!(seen["opens"].as_u64().unwrap() >= 3, "it came back by itself, twice: {seen}");
    let events = seen["events"].as_array().unwrap();
    let answers = events.iter().filter(|it| it["type"] == "subscribed");
    let resumed: Vec<_> = answers.map(|answer| answer["resumed"] == true).collect();
    assert!(resumed.len() >= 3 && !resumed[0] && resumed[1..].iter().all(|it| *it), "{resumed:?}");
    assert!(events.iter().any(|it| it["type"] == "closing" && it["code"] == "shutdown"));
    let mut taken = Taken::default();
    events.iter().for_each(|event| taken.take(event));
    let epoch = epoch(server);
    let compared = taken.compare(server, &epoch);
    assert!(compared > 50, "{compared}");
    println!("EventSource: {compared} trades are those of the tape, {} repeats", taken.repeats);
    for socket in seen["sockets"].as_array().unwrap() {
        assert_eq!(socket["protocol"], socket["name"]);
        assert_eq!(socket["close"]["code"], 4000, "{}", socket["close"]);
        assert_eq!(socket["close"]["wasClean"], true);
        let both = in_both(socket["trades"].as_array().unwrap(), events);
        assert!(both > 20, "{}: {both} in common", socket["name"]);
        println!("{}: {both} trades are those of the EventSource", socket["name"]);
    }
}

/// Trades of a WebSocket that the events have too, byte for byte but for times; their number.
#[track_caller]
fn in_both(trades: &[Value], events: &[Value]) -> usize {
    let of_events = |trade: &Value| {
        let same = |it: &&Value| it["seq"] == trade["seq"] && it["symbol"] == trade["symbol"];
        events.iter().filter(|it| it["type"] == "trade").find(same).cloned()
    };
    let mut both = 0;
    for trade in trades {
        let Some(mut event) = of_events(trade) else { continue };
        let fields = event.as_object_mut().unwrap();
        fields.retain(|field, _| field != "ts" && field != "recv");
        assert_eq!(*trade, event);
        both += 1;
    }
    both
}

/// A message of a stream as a row of history.
pub(crate) fn as_row(message: &Value) -> Value {
    let mut row = message.as_object().unwrap().clone();
    row.retain(|field, _| !["type", "channel", "prev"].contains(&field.as_str()));
    Value::from(row)
}

fn epoch(server: &Server) -> String {
    let path = "/v1/snapshot?channel=trades&symbols=sim:BTC-USD";
    let answer = get(server.address, path).json();
    let (epoch, _) = answer["cursor"].as_str().unwrap().rsplit_once(':').unwrap();
    epoch.to_owned()
}

/// The browser, and a script beside its packages; or the test is skipped.
pub(crate) fn stage(name: &str) -> Option<(PathBuf, PathBuf)> {
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".into());
    let chromium = PathBuf::from(chromium);
    if lacks("chromium (CHROMIUM names its program)", chromium.exists()) {
        return None;
    }
    let home = npm("browser", &["playwright-core@1", "@msgpack/msgpack@3"])?;
    std::fs::copy(script(name), home.join(name)).unwrap();
    Some((chromium, home.join(name)))
}
