//! History over HTTP, of a server whose journal forgets soon and whose store is at times away.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use tickwire::clock::monotonic;

use crate::client::Client;
use crate::client::Response;
use crate::client::get;
use crate::client::request;
use crate::harness::Server;
use crate::harness::eventually;
use crate::harness::since;
use crate::http::metric;
use crate::http::wait_until_ready;
use crate::postgres::Postgres;

const SYMBOL: &str = "sim:BTC-USD";

fn start(url: &str) -> Server {
    Server::start(&[
        ("store.url", url),
        ("store.batch_ms", "50"),
        ("store.timeout_ms", "1000"),
        ("tape.segment_bytes", "1MiB"),
        ("tape.retention_bytes", "2MiB"),
        ("feeds.sim.ticks_per_s", "20000"),
    ])
}

/// A message as a row: without `type`, `channel` and `prev`.
pub(crate) fn row_of(message: &str) -> String {
    let (_, rest) = message.split_once(r#""symbol":"#).unwrap();
    let (head, rest) = rest.split_once(r#","prev":"#).unwrap();
    let (_, rest) = rest.split_once(',').unwrap();
    format!(r#"{{"symbol":{head},{rest}"#)
}

fn seq_of(row: &str) -> u64 {
    serde_json::from_str::<Value>(row).unwrap()["seq"].as_u64().unwrap()
}

/// All pages as lines.
#[track_caller]
pub(crate) fn pages(server: &Server, path: &str) -> Vec<String> {
    let (mut lines, mut path_of_page) = (Vec::new(), path.to_owned());
    loop {
        let page = get(server.address, &path_of_page);
        assert_eq!(page.status, 200, "{path_of_page}: {page:?}");
        lines.extend(page.body.lines().map(str::to_owned));
        match page.header("x-next-cursor") {
            Some(next) => path_of_page = format!("{path}&cursor={next}"),
            None => return lines,
        }
    }
}

#[track_caller]
fn check_error(response: &Response, status: u16, code: &str) {
    assert_eq!(response.status, status, "{response:?}");
    assert_eq!(response.json()["error"]["code"], code, "{response:?}");
}

/// Everything of some channels of one symbol since the tape began, until it says so.
fn listen(server: &Server, mut is_enough: impl FnMut() -> bool) -> (Vec<String>, String, u64) {
    let mut client = Client::connect(server.address);
    let epoch = client.welcome["epoch"].as_str().unwrap().to_owned();
    for channel in ["trades", "bars.1s"] {
        // What an answer is waited for over is data.
        client.send(&format!(
            r#"{{"op":"subscribe","channel":"{channel}","symbols":["{SYMBOL}"],"slow":"spill","from":{{"epoch":"{epoch}","seq":0}}}}"#
        ));
    }
    let mut texts = Vec::new();
    while !is_enough() {
        texts.extend(client.during(Duration::from_millis(300)));
    }
    let last = texts.iter().rev().find(|text| text.starts_with(r#"{"type":"heartbeat""#));
    let last = last.map_or(0, |text| seq_of(text));
    (texts, epoch, last)
}

#[test]
fn history_is_what_was_live_across_the_seam_and_without_the_store() {
    let Some(mut postgres) = Postgres::start(&[]) else { return };
    let server = Server::start(&[
        ("store.url", &postgres.url()),
        ("store.batch_ms", "50"),
        ("store.timeout_ms", "1000"),
        ("stream.heartbeat_ms", "100"),
        ("tape.segment_bytes", "1MiB"),
        ("tape.retention_bytes", "2MiB"),
        ("feeds.sim.ticks_per_s", "20000"),
    ]);
    wait_until_ready(&server);
    let oldest = || Client::connect(server.address).welcome["oldest"].as_u64().unwrap();
    let deadline = monotonic() + Duration::from_secs(60);
    let (texts, epoch, last) = listen(&server, || oldest() > 20_000 || monotonic() > deadline);
    let seam = oldest();
    assert!(seam > 20_000 && seam < last, "{seam} {last}");

    // Trades: the stream's own messages, byte for byte.
    let trades = texts.iter().filter(|text| text.starts_with(r#"{"type":"trade""#));
    let wanted: Vec<String> =
        trades.map(|text| row_of(text)).filter(|row| seq_of(row) <= last).collect();
    assert!(wanted.len() > 2_000, "{}", wanted.len());
    let path = format!("/v1/trades?symbol={SYMBOL}&to={epoch}:{last}&format=ndjson");
    for limit in [997, 10_000] {
        let got = pages(&server, &format!("{path}&limit={limit}"));
        assert_eq!(got.len(), wanted.len());
        assert!(got == wanted, "limit {limit}");
    }
    // Bars: the last message of each.
    let mut bars = BTreeMap::new();
    for text in texts.iter().filter(|text| text.starts_with(r#"{"type":"bar""#)) {
        let row = row_of(text);
        if seq_of(&row) <= last {
            let start = serde_json::from_str::<Value>(&row).unwrap()["start"].to_string();
            bars.insert(start, row);
        }
    }
    let path = format!("/v1/bars?symbol={SYMBOL}&interval=1s&to={epoch}:{last}&format=ndjson");
    assert_eq!(pages(&server, &path), bars.values().cloned().collect::<Vec<_>>());
    assert_eq!(pages(&server, &format!("{path}&limit=2")), bars.into_values().collect::<Vec<_>>());

    // Quotes: what stands in the table.
    let path = format!("/v1/quotes?symbol={SYMBOL}&to={epoch}:3000&format=csv");
    let got = get(server.address, &path).body;
    let told = postgres.ask(&format!(
        "SELECT seq, bid, bid_size, ask, ask_size FROM quotes \
         WHERE symbol = '{SYMBOL}' AND seq <= 3000 ORDER BY seq"
    ));
    let columns = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        [fields[1], fields[4], fields[5], fields[6], fields[7]].join("|")
    };
    let got: Vec<String> = got.lines().skip(1).map(columns).collect();
    assert!(got.len() > 20);
    assert_eq!(got, told.lines().collect::<Vec<_>>());

    check_sessions(&server, &epoch);
    check_snapshots(&server, &wanted);

    // The store goes: what the journal has is served, what is older is not, and told.
    postgres.stop();
    let seam = oldest();
    let recent = format!("/v1/trades?symbol={SYMBOL}&from={epoch}:{seam}&limit=10");
    assert_eq!(get(server.address, &recent).status, 200);
    let older = get(server.address, &format!("/v1/trades?symbol={SYMBOL}&from={epoch}:5"));
    check_error(&older, 503, "unavailable");
    assert!(older.header("retry-after").is_some(), "{older:?}");
    check_error(&get(server.address, "/v1/sessions"), 503, "unavailable");
}

#[track_caller]
fn check_sessions(server: &Server, epoch: &str) {
    let before = metric(server, "tickwire_sequencer_events_total");
    let sessions = get(server.address, "/v1/sessions").json();
    assert_eq!(sessions["next"], Value::Null);
    let list = sessions["sessions"].as_array().unwrap();
    let events: u64 = list.iter().map(|row| row["events"].as_u64().unwrap()).sum();
    // Clock events are no feed's.
    assert!(events + 200 > before, "{events} of {before}");
    let row = &list[0];
    assert_eq!(
        (&row["epoch"], &row["feed"], &row["venue"]),
        (&epoch.into(), &"sim".into(), &"sim".into())
    );
    assert!(row["trades"].as_u64() > Some(1_000) && row["first"].as_u64() < Some(10));
    let csv = get(server.address, &format!("/v1/sessions?epoch={epoch}&format=csv")).body;
    assert_eq!(csv.lines().count(), 1 + list.len());
    check_error(&get(server.address, "/v1/sessions?epoch=aaaaaaaa"), 404, "not_found");
}

#[track_caller]
fn check_snapshots(server: &Server, rows: &[String]) {
    for row in rows.iter().step_by(rows.len() / 7) {
        let row: Value = serde_json::from_str(row).unwrap();
        let at = row["recv"].as_str().unwrap();
        let path = format!("/v1/snapshot?channel=trades&symbols={SYMBOL}&at={at}");
        let answer = get(server.address, &path);
        assert_eq!(answer.status, 200, "{answer:?}");
        let got = answer.json();
        let snapshot = &got["snapshots"][0];
        let (seq, cursor) = (snapshot["seq"].as_u64().unwrap(), got["cursor"].as_str().unwrap());
        assert!(seq >= row["seq"].as_u64().unwrap(), "{snapshot} at {row}");
        assert!(snapshot["recv"].as_str().unwrap().len() >= 20);
        assert!(cursor.rsplit(':').next().unwrap().parse::<u64>().unwrap() >= seq);
        // The same moment is the same state, whenever it is asked.
        assert_eq!(get(server.address, &path).body, answer.body);
    }
    let ahead = "/v1/snapshot?channel=ticker&symbols=*:*&at=2100-01-01T00:00:00Z";
    assert_eq!(get(server.address, ahead).json()["snapshots"].as_array().unwrap().len(), 20);
    for bad in ["at=x", "at=2026-01-01T00:00:00Z&cursor=a:1", "epoch=aaaaaaaa"] {
        let path = format!("/v1/snapshot?channel=ticker&symbols=*:*&{bad}");
        check_error(&get(server.address, &path), 400, "bad_request");
    }
    let elsewhere =
        "/v1/snapshot?channel=ticker&symbols=*:*&at=2100-01-01T00:00:00Z&epoch=aaaaaaaa";
    check_error(&get(server.address, elsewhere), 404, "not_found");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let server = Server::shared();
    wait_until_ready(&server);
    for bad in [
        "",
        "?symbol=",
        "?symbol=*:*",
        "?symbol=sim",
        "?symbol=sim:BTC-USD&limit=x",
        "?symbol=sim:BTC-USD&symbol=sim:BTC-USD",
        "?symbol=%00",
        "?symbol=sim:BTC-USD&from=%ff",
        "?symbol=sim:BTC-USD&to=2026-13-01T00:00:00Z",
        "?symbol=sim:BTC-USD&cursor=99",
    ] {
        for list in ["trades", "quotes"] {
            check_error(&get(server.address, &format!("/v1/{list}{bad}")), 400, "bad_request");
        }
    }
    let inverted = "?symbol=sim:BTC-USD&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z";
    for list in ["trades", "quotes", "gaps"] {
        let path = format!("/v1/{list}{inverted}");
        check_error(&get(server.address, &path), 400, "range_empty");
    }
    let unknown = get(server.address, "/v1/trades?symbol=sim:NOBODY-USD");
    check_error(&unknown, 404, "unknown_symbol");
    let posted = "POST /v1/trades HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(request(server.address, posted).status, 405);
    let head =
        "HEAD /v1/trades?symbol=sim:BTC-USD HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let head = request(server.address, head);
    assert_eq!((head.status, &*head.body), (200, ""));
    let gaps = get(server.address, "/v1/gaps");
    assert_eq!((gaps.status, &*gaps.body), (200, r#"{"gaps":[],"next":null}"#));
    let year = "/v1/trades?symbol=sim:BTC-USD&from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z";
    assert_eq!(get(server.address, year).body, r#"{"trades":[],"next":null}"#);
    // A page that goes on, in its three forms.
    eventually("there are trades", || {
        get(server.address, "/v1/trades?symbol=sim:BTC-USD").json()["trades"][1].is_object()
    });
    let page = get(server.address, "/v1/trades?symbol=sim:BTC-USD&limit=1");
    let body = page.json();
    assert_eq!(body["trades"].as_array().unwrap().len(), 1);
    assert_eq!(page.header("x-next-cursor").as_deref(), body["next"].as_str());
    for (format, kind) in [("csv", "text/csv"), ("ndjson", "application/x-ndjson")] {
        let path = format!("/v1/trades?symbol=sim:BTC-USD&limit=1&format={format}");
        let other = get(server.address, &path);
        assert!(other.header("content-type").unwrap().starts_with(kind));
        assert_eq!(other.header("x-next-cursor").as_deref(), body["next"].as_str());
    }
}

#[test]
fn readers_of_history_that_stand_still_cost_little_and_others_go_on() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let server = start(&postgres.url());
    wait_until_ready(&server);
    eventually("there is much", || metric(&server, "tickwire_sequencer_events_total") > 150_000);
    let path = format!("/v1/quotes?symbol={SYMBOL}&limit=10000");
    let whole = get(server.address, &path);
    assert!(whole.status == 200 && whole.body.len() > 500_000, "{}", whole.body.len());
    let before = server.memory_bytes();
    for _ in 0..30 {
        assert_eq!(get(server.address, &path).body.len(), whole.body.len());
    }
    let grown = server.memory_bytes() - before;
    assert!(grown < 48 << 20, "{grown} bytes more after 30 pages");

    let descriptors = server.descriptors();
    let still: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut socket = TcpStream::connect(server.address).unwrap();
            socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
            socket
        })
        .collect();
    std::thread::sleep(Duration::from_secs(3));
    let grown = server.memory_bytes() - before;
    assert!(grown < 96 << 20, "{grown} bytes more for {} readers", still.len());
    // No seat is free, which is told soon; what is live does not notice.
    let begun = monotonic();
    let told = get(server.address, &path);
    if told.status != 200 {
        check_error(&told, 503, "unavailable");
        assert!(told.header("retry-after").is_some());
    }
    assert!(since(begun) < Duration::from_secs(8));
    let mut client = Client::connect(server.address);
    client.ask(&format!(r#"{{"op":"subscribe","channel":"trades","symbols":["{SYMBOL}"]}}"#));
    assert!(client.during(Duration::from_secs(1)).len() > 100);
    drop(still);
    eventually("those that left are forgotten", || {
        get(server.address, &path).status == 200 && server.descriptors() <= descriptors + 8
    });
}
