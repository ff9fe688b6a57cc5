//! The plain HTTP answers.

use serde_json::Value;

use crate::client::Response;
use crate::client::get;
use crate::client::keys;
use crate::client::request;
use crate::harness::Server;
use crate::harness::eventually;

/// Waits until a feed is live.
pub(crate) fn wait_until_ready(server: &Server) {
    eventually("ready", || get(server.address, "/readyz").status == 200);
}

/// The sum of a metric's samples.
pub(crate) fn metric(server: &Server, name: &str) -> u64 {
    let page = get(server.address, "/metrics").body;
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    let samples = samples.filter(|line| line.split(['{', ' ']).next() == Some(name));
    samples.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[track_caller]
fn check_error(response: &Response, status: u16, code: &str) {
    assert_eq!(response.status, status, "{response:?}");
    assert_eq!(response.header("content-type").as_deref(), Some("application/json"));
    let body = response.json();
    let error = body["error"].as_object().unwrap_or_else(|| panic!("{response:?}"));
    assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "message"], "{response:?}");
    assert_eq!(error["code"], code, "{response:?}");
    assert!(!error["message"].as_str().unwrap().is_empty());
}

#[test]
fn operators_can_ask_how_it_is() {
    let server = Server::start(&[]);
    assert_eq!(get(server.address, "/healthz").status, 200);
    wait_until_ready(&server);
    let page = get(server.address, "/metrics");
    assert!(page.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(page.body.ends_with("# EOF\n"), "{}", page.body);
    let mut types = std::collections::HashMap::new();
    for line in page.body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(types.insert(name.to_owned(), kind.to_owned()), None, "twice: {name}");
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let family = name.strip_suffix("_total").unwrap_or(name);
            let kind = types.get(family).unwrap_or_else(|| panic!("no type: {line}"));
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(name.starts_with("tickwire_"), "{line}");
            assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(types.len() > 15, "{types:?}");
    eventually("events are counted", || metric(&server, "tickwire_sequencer_events_total") > 20);
}

#[test]
fn the_page_on_metrics_names_those_that_there_are() {
    let server = Server::shared();
    let metrics = get(server.address, "/metrics").body;
    let page = std::fs::read_to_string("docs/metrics.md").unwrap();
    let words =
        page.split('`').skip(1).step_by(2).flat_map(|code| code.split(['{', ' ', '(', '[']));
    let is_metric = |word: &&str| {
        let word = word.strip_prefix("tickwire_").unwrap_or(word);
        ["shard_", "feed_", "tape_", "sequencer_"].iter().any(|start| word.starts_with(start))
    };
    let mut named = 0;
    for word in words.filter(is_metric) {
        let name = format!("\ntickwire_{}", word.strip_prefix("tickwire_").unwrap_or(word));
        let is_there = [" ", "{"].iter().any(|end| metrics.contains(&format!("{name}{end}")));
        assert!(is_there, "docs/metrics.md: no metric {word}");
        named += 1;
    }
    assert!(named > 20, "{named}");
}

#[test]
fn a_server_whose_feeds_were_never_live_is_not_ready() {
    let server = Server::start(&[
        ("feeds.kraken.url", "ws://127.0.0.1:9/"),
        ("feeds.kraken.rest_url", "http://127.0.0.1:9/"),
    ]);
    let response = get(server.address, "/readyz");
    check_error(&response, 503, "unavailable");
    assert!(response.body.contains("no feed was ever live"), "{response:?}");
    assert!(response.header("retry-after").is_some());
    assert_eq!(get(server.address, "/healthz").status, 200);
}

#[test]
fn symbols_and_venues_are_listed() {
    let server = Server::shared();
    wait_until_ready(&server);
    let all = get(server.address, "/v1/symbols").json();
    assert_eq!(all["symbols"].as_array().unwrap().len(), 20);
    assert_eq!(all["next"], Value::Null);
    for (symbol, step) in
        [("sim:BTC-USD", "0.01"), ("sim:DOGE-USD", "0.00001"), ("sim:SPY", "0.01")]
    {
        let rows = get(server.address, &format!("/v1/symbols?pattern={symbol}")).json();
        assert_eq!(rows["symbols"][0]["tick_size"], step, "{symbol}");
    }
    for (pattern, count) in [
        ("*:*", 20),
        ("sim:*-USD", 9),
        ("*:BTC-USD", 1),
        ("sim:AAPL", 1),
        ("x:*", 0),
        ("%2A:AAPL", 1),
    ] {
        let some = get(server.address, &format!("/v1/symbols?pattern={pattern}")).json();
        assert_eq!(some["symbols"].as_array().unwrap().len(), count, "{pattern}");
    }
    for bad in ["*", "sim", "", "%00", "%ff", "sim:%0A"] {
        let response = get(server.address, &format!("/v1/symbols?pattern={bad}"));
        check_error(&response, 400, "bad_request");
    }
    let venues = get(server.address, "/v1/venues").json();
    assert_eq!(venues["venues"][0]["venue"], "sim");
    assert_eq!(venues["venues"][0]["state"], "live");
    assert_eq!(venues["next"], Value::Null);
}

#[test]
fn a_snapshot_has_the_messages_of_the_stream() {
    let server = Server::shared();
    wait_until_ready(&server);
    let path = "/v1/snapshot?channel=ticker&symbols=sim:ETH-USD,sim:BTC-USD";
    let response = get(server.address, path);
    assert_eq!(response.status, 200);
    assert_eq!(keys(&response.body), ["cursor", "snapshots"]);
    let body = response.json();
    let snapshots = body["snapshots"].as_array().unwrap();
    let names: Vec<_> = snapshots.iter().map(|of| of["symbol"].as_str().unwrap()).collect();
    assert_eq!(names, ["sim:BTC-USD", "sim:ETH-USD"]);
    assert!(response.body.contains(r#""snapshots":[{"type":"snapshot","channel":"ticker","#));
    let (epoch, seq) = body["cursor"].as_str().unwrap().rsplit_once(':').unwrap();
    assert!(!epoch.is_empty());
    assert!(snapshots.iter().all(|of| of["seq"].as_u64().unwrap() <= seq.parse().unwrap()));
    let all = get(server.address, "/v1/snapshot?channel=trades&symbols=*:*").json();
    assert_eq!(all["snapshots"].as_array().unwrap().len(), 20);
}

#[test]
fn a_snapshot_looks_through_all_symbols_for_few_patterns() {
    let server = Server::shared();
    wait_until_ready(&server);
    let ask = |names: &[String]| {
        let path = format!("/v1/snapshot?channel=ticker&symbols={}", names.join(","));
        get(server.address, &path)
    };
    let same = ask(&vec!["*:*".to_owned(); 1_000]).json();
    assert_eq!(same["snapshots"].as_array().unwrap().len(), 20);
    let many: Vec<_> = (0..300).map(|n| format!("v{n}:*")).collect();
    let refused = ask(&many);
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (400, &"too_many_symbols".into())
    );
}

#[test]
fn a_snapshot_is_not_the_same_for_other_symbols() {
    let server = Server::shared();
    wait_until_ready(&server);
    let tag = |name: &str| {
        let path = format!("/v1/snapshot?channel=bars.1d&symbols={name}");
        get(server.address, &path).header("etag").unwrap()
    };
    assert_ne!(tag("sim:BTC-USD"), tag("sim:ETH-USD"));
}

#[test]
fn pages_of_other_origins_may_import_the_client() {
    let server = Server::shared();
    let anyone = |path: &str| {
        let answer = get(server.address, path);
        assert_eq!(answer.status, 200, "{path}");
        answer.header("access-control-allow-origin")
    };
    assert_eq!(anyone("/client/index.js").as_deref(), Some("*"));
    assert_eq!(anyone("/v1/venues"), None);
}

#[test]
fn a_path_in_other_letters_is_the_same_path() {
    let server = Server::shared();
    let head = "Host: x\r\nOrigin: https://evil.example\r\nConnection: close";
    for path in ["/v1/venues", "/%761/venues"] {
        let text = format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n");
        assert_eq!(request(server.address, &text).status, 403, "{path}");
    }
}

#[test]
fn where_nobody_is_asked_who_it_is_any_credential_is_as_good_as_none() {
    let server = Server::shared();
    let head = "Host: x\r\nAuthorization: Basic bWU6c2VjcmV0\r\nConnection: close";
    let path = "/v1/poll?channel=ticker&symbols=sim:BTC-USD";
    let answer = request(server.address, &format!("GET {path} HTTP/1.1\r\n{head}\r\n\r\n"));
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn a_snapshot_waits_for_its_cursor() {
    let server = Server::shared();
    wait_until_ready(&server);
    let mut path = "/v1/snapshot?channel=ticker&symbols=*:*".to_owned();
    let mut before = 0;
    for _ in 0..50 {
        let body = get(server.address, &path).json();
        let cursor = body["cursor"].as_str().unwrap();
        let seq: u64 = cursor.rsplit(':').next().unwrap().parse().unwrap();
        assert!(seq >= before, "it went back");
        before = seq;
        path = format!("/v1/snapshot?channel=ticker&symbols=*:*&cursor={cursor}");
    }
}

#[test]
fn a_snapshot_of_a_cursor_that_no_answer_can_reach_is_refused() {
    let server = Server::shared();
    wait_until_ready(&server);
    let path = "/v1/snapshot?channel=ticker&symbols=*:*";
    let body = get(server.address, path).json();
    let (epoch, _) = body["cursor"].as_str().unwrap().split_once(':').unwrap();
    for (cursor, status, code) in [
        ("zzzz:5".to_owned(), 409, "epoch_mismatch"),
        ("zzzz:9007199254740991".to_owned(), 409, "epoch_mismatch"),
        (format!("{epoch}:9007199254740991"), 409, "ahead"),
        (format!("{epoch}:99999999999"), 409, "ahead"),
        (format!("{epoch}:-1"), 400, "bad_request"),
        (epoch.to_owned(), 400, "bad_request"),
    ] {
        let answer = get(server.address, &format!("{path}&cursor={cursor}"));
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &code.into()));
    }
}

#[test]
fn an_unchanged_snapshot_is_not_sent_again() {
    let server = Server::start(&[("feeds.sim.ticks_per_s", "1")]);
    wait_until_ready(&server);
    let path = "/v1/snapshot?channel=trades&symbols=sim:JPM";
    let ask = |tag: &str| {
        let headers = format!("Host: x\r\nIf-None-Match: {tag}\r\nConnection: close\r\n");
        request(server.address, &format!("GET {path} HTTP/1.1\r\n{headers}\r\n"))
    };
    let tag = get(server.address, path).header("etag").expect("an ETag");
    assert!(tag.ends_with('"'), "{tag}");
    for known in
        [tag.clone(), format!("\"x\", {tag}"), format!("W/{}", tag.trim_start_matches("W/"))]
    {
        let unchanged = ask(&known);
        assert_eq!((unchanged.status, unchanged.body.as_str()), (304, ""), "{known}");
        assert_eq!(unchanged.header("etag"), Some(tag.clone()));
    }
    assert_eq!(ask("\"other\"").status, 200);
}

#[test]
fn bad_requests_are_refused_in_json() {
    let server = Server::shared();
    wait_until_ready(&server);
    let long = "x".repeat(12_000);
    for (path, status, code) in [
        ("/v1/snapshot", 400, "bad_request"),
        ("/v1/snapshot?channel=ticker", 400, "bad_request"),
        ("/v1/snapshot?symbols=*:*", 400, "bad_request"),
        ("/v1/snapshot?channel=ticker&symbols=", 400, "bad_request"),
        ("/v1/snapshot?channel=ticker&symbols=,", 400, "bad_request"),
        ("/v1/snapshot?channel=tick&symbols=*:*", 400, "unknown_channel"),
        ("/v1/snapshot?channel=ticker&symbols=sim:NONE", 404, "unknown_symbol"),
        ("/v1/snapshot?channel=ticker&symbols=sim:BTC-USD,nyse:IBM", 404, "unknown_symbol"),
        ("/v1/snapshot?channel=ticker&symbols=sim%00", 400, "bad_request"),
        ("/v1/snapshot?channel=ticker&symbols=%F0%28", 400, "bad_request"),
        ("/v1/snapshot?channel=ticker&channel=trades&symbols=*:*", 400, "bad_request"),
        ("/v1/snapshot?channel=ticker&symbols=*:*&cursor=", 400, "bad_request"),
        ("/v1/snapshot?channel=ticker&symbols=*:*&cursor=5", 400, "bad_request"),
        ("/v1/snapshot?channel=ticker&symbols=*:*&cursor=e:-5", 400, "bad_request"),
        (
            "/v1/snapshot?channel=ticker&symbols=*:*&cursor=e:99999999999999999999",
            400,
            "bad_request",
        ),
        ("/v1/symbols?pattern=*:*&pattern=x:*", 400, "bad_request"),
        ("/nothing", 404, "not_found"),
        ("/v1", 404, "not_found"),
        ("/v1/", 404, "not_found"),
        ("/v1/snapshot/", 404, "not_found"),
        ("/%00", 404, "not_found"),
        ("/..%2f..%2fetc%2fpasswd", 404, "not_found"),
        ("//", 404, "not_found"),
    ] {
        check_error(&get(server.address, path), status, code);
    }
    for path in [
        format!("/v1/symbols?pattern={long}"),
        format!("/v1/snapshot?channel={long}&symbols=*:*"),
        format!("/v1/snapshot?channel=ticker&symbols={long}"),
        format!("/v1/snapshot?channel=ticker&symbols=*:*&cursor={long}"),
    ] {
        let response = get(server.address, &path);
        assert_eq!(response.status, 400);
        assert!(response.body.len() < 400, "{response:?}");
        check_error(
            &response,
            400,
            if path.contains("channel=x") { "unknown_channel" } else { "bad_request" },
        );
    }
    let huge = get(server.address, &format!("/v1/symbols?pattern={}", "x".repeat(200_000)));
    assert!((400..500).contains(&huge.status), "{}", huge.status);
}

#[test]
fn other_methods_are_told_so() {
    let server = Server::shared();
    wait_until_ready(&server);
    let ask = |method: &str, path: &str| {
        let head = "Host: x\r\nContent-Length: 0\r\nConnection: close\r\n";
        request(server.address, &format!("{method} {path} HTTP/1.1\r\n{head}\r\n"))
    };
    let snapshot = "/v1/snapshot?channel=ticker&symbols=*:*";
    for path in ["/healthz", "/readyz", "/metrics", "/v1/symbols", "/v1/venues", snapshot] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            let response = ask(method, path);
            check_error(&response, 405, "method_not_allowed");
            assert_eq!(
                response.header("allow").as_deref(),
                Some("GET, HEAD, OPTIONS"),
                "{method} {path}"
            );
        }
        let response = ask("HEAD", path);
        assert_eq!((response.status, response.body.as_str()), (200, ""), "HEAD {path}");
        let length = response.header("content-length").unwrap();
        assert_ne!(length, "0", "HEAD {path}");
    }
}

#[test]
fn many_requests_go_over_one_connection() {
    use std::io::Read as _;
    let server = Server::shared();
    let mut raw = crate::client::Raw::open(server.address);
    let one = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let last = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    raw.send(format!("{}{last}", one.repeat(20)).as_bytes());
    let mut all = String::new();
    raw.stream.read_to_string(&mut all).unwrap();
    assert_eq!(all.matches("HTTP/1.1 200 OK").count(), 21);
}

#[test]
fn what_is_no_http_does_no_harm() {
    let server = Server::shared();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let mut raw = crate::client::Raw::open(server.address);
        raw.send(bytes);
        raw.stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // Whatever it answers: it must end, and go on serving others.
        drop(std::io::Read::read_to_end(&mut raw.stream, &mut answer));
        assert!(!answer.starts_with(b"HTTP/1.1 5"), "{}", String::from_utf8_lossy(&answer));
        assert_eq!(get(server.address, "/healthz").status, 200);
    }
}
