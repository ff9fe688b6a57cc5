//! What clients may send that makes no sense, or harm.

use std::time::Duration;

use super::client::Stream;
use crate::client::get;
use crate::client::request;
use crate::harness::Server;

const WAYS: [&str; 3] = ["sse", "ndjson", "poll"];

#[track_caller]
fn check(server: &Server, path: &str, status: u16, code: &str) {
    let response = get(server.address, path);
    let shown: String = response.body.chars().take(300).collect();
    assert_eq!(response.status, status, "{shown}");
    assert_eq!(response.header("content-type").as_deref(), Some("application/json"));
    assert_eq!(response.json()["error"]["code"], code, "{shown}");
    assert!(response.body.len() < 1_000, "an error is short: {shown}");
}

#[test]
fn a_bad_request_is_refused_with_its_code_before_anything_is_sent() {
    let server = Server::shared();
    let long = "x".repeat(10_000);
    for way in WAYS {
        for (query, status, code) in [
            ("", 400, "bad_request"),
            ("channel=ticker", 400, "bad_request"),
            ("symbols=sim:*", 400, "bad_request"),
            ("channel=tickers&symbols=sim:*", 400, "unknown_channel"),
            ("channel=book&symbols=sim:*", 400, "unknown_channel"),
            ("channel=ticker&symbols=", 400, "bad_request"),
            ("channel=ticker&symbols=,,,", 400, "bad_request"),
            ("channel=ticker&symbols=sim:NO", 404, "unknown_symbol"),
            ("channel=ticker&symbols=%00,%ff,%F0%9F%92%A5", 404, "unknown_symbol"),
            ("channel=ticker&symbol=sim:BTC-USD", 400, "bad_request"),
            ("channel=ticker&symbols=sim:*&symbols=sim:*", 400, "bad_request"),
            ("channel=ticker&symbols=sim:*&conflate_ms=-1", 400, "bad_request"),
            ("channel=ticker&symbols=sim:*&conflate_ms=1e3", 400, "bad_request"),
            ("channel=ticker&symbols=sim:*&conflate_ms=99999999999999999999", 400, "bad_request"),
            ("channel=trades&symbols=sim:*&conflate_ms=10", 400, "bad_request"),
            ("channel=ticker&symbols=sim:*&slow=gap", 400, "bad_request"),
            ("channel=ticker&symbols=sim:*&last=5", 400, "bad_request"),
            ("channel=trades&symbols=sim:*&last=1001", 400, "bad_request"),
            ("channel=trades&symbols=sim:*&last=5&from=k:1", 400, "bad_request"),
            ("channel=ticker&symbols=sim:*&from=k:1&cursor=k:1", 400, "bad_request"),
            ("channel=ticker&symbols=sim:*&cursor=", 400, "bad_request"),
            ("channel=ticker&symbols=sim:*&cursor=:", 400, "bad_request"),
            ("channel=ticker&symbols=sim:*&cursor=7", 400, "bad_request"),
            ("channel=ticker&symbols=sim:*&cursor=k:-7", 400, "bad_request"),
            ("channel=ticker&symbols=sim:*&cursor=k:0x7", 400, "bad_request"),
            ("channel=ticker&symbols=sim:*&cursor=k:9007199254740992", 400, "bad_request"),
            ("channel=ticker&symbols=sim:*&cursor=%00%ff", 400, "bad_request"),
            (&format!("channel={long}&symbols=sim:*"), 400, "unknown_channel"),
            (&format!("channel=ticker&symbols={long}"), 404, "unknown_symbol"),
            (&format!("channel=ticker&symbols=sim:*&cursor={long}:1"), 200, ""),
            (&format!("{long}=1"), 400, "bad_request"),
        ] {
            let path = format!("/v1/{way}?{query}");
            if status == 200 {
                // A tape of whatever name is one that is not here.
                assert_eq!(Stream::open(server.address, &path, "").status, 200);
            } else {
                check(&server, &path, status, code);
            }
        }
    }
    let patterns = (0..257).map(|n| format!("v{n}:*")).collect::<Vec<_>>().join(",");
    let query = format!("channel=ticker&symbols={patterns}");
    for way in WAYS {
        check(&server, &format!("/v1/{way}?{query}"), 400, "too_many_symbols");
    }
    for more in ["wait_ms=30001", "wait_ms=-1", "limit=0", "limit=10001", "limit=all", "at=now"] {
        let path = format!("/v1/poll?channel=ticker&symbols=sim:*&{more}");
        check(&server, &path, 400, "bad_request");
    }
    let path = "/v1/sse?channel=ticker&symbols=sim:*&limit=5";
    check(&server, path, 400, "bad_request");
}

#[test]
fn what_a_browser_claims_to_have_had_is_checked() {
    let server = Server::shared();
    let path = "/v1/sse?channel=ticker&symbols=sim:BTC-USD";
    for (id, status) in [
        ("", 200),
        ("gone:5", 200),
        ("5", 400),
        ("k:99999999999999999999", 400),
        ("\u{1F4A5}", 400),
        (&"k".repeat(12_000), 400),
        (&"k".repeat(60_000), 431),
    ] {
        let stream = Stream::open(server.address, path, &format!("Last-Event-ID: {id}\r\n"));
        assert_eq!(stream.status, status, "{}", id.chars().take(20).collect::<String>());
    }
}

#[test]
fn other_methods_are_refused_or_explained() {
    let server = Server::shared();
    for way in WAYS {
        let ask = |method: &str| {
            let head = "Host: x\r\nContent-Length: 0\r\nConnection: close\r\n";
            let path = format!("/v1/{way}?channel=ticker&symbols=sim:BTC-USD");
            request(server.address, &format!("{method} {path} HTTP/1.1\r\n{head}\r\n"))
        };
        for method in ["POST", "PUT", "DELETE", "BREW"] {
            let response = ask(method);
            assert_eq!(response.status, 405, "{response:?}");
            assert_eq!(response.header("allow").as_deref(), Some("GET, HEAD, OPTIONS"));
        }
        let response = ask("OPTIONS");
        assert_eq!((response.status, response.body.as_str()), (204, ""), "{response:?}");
        assert_eq!(response.header("allow").as_deref(), Some("GET, HEAD, OPTIONS"));
    }
}

#[test]
fn many_polls_from_the_beginning_hold_up_nobody() {
    let server = Server::start(&[("feeds.sim.ticks_per_s", "5000")]);
    crate::http::wait_until_ready(&server);
    std::thread::sleep(Duration::from_secs(3));
    let query = "channel=bars.1s&symbols=sim:BTC-USD";
    let epoch = super::client::poll(server.address, query).cursor;
    let epoch = epoch.rsplit_once(':').unwrap().0;
    let mut honest = Stream::open(server.address, "/v1/ndjson?channel=ticker&symbols=sim:*", "");
    let path = format!("/v1/poll?{query}&limit=1&wait_ms=0&cursor={epoch}:0");
    let address = server.address;
    let hostile: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || (0..30).all(|_| get(address, &path).status == 200))
        })
        .collect();
    let mut chains = crate::client::Chains::default();
    while hostile.iter().any(|thread| !thread.is_finished()) {
        chains.see(&honest.next());
    }
    assert!(hostile.into_iter().all(|thread| thread.join().unwrap()));
    assert!(chains.linked > 100, "{}", chains.linked);
}
