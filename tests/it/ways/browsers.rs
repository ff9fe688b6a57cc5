//! Pages of other origins, and answers that are compressed.

use std::io::Read as _;

use flate2::read::GzDecoder;

use super::client::Stream;
use crate::client::Response;
use crate::client::request;
use crate::harness::Server;

const PATHS: [&str; 8] = [
    "/v1/sse?channel=ticker&symbols=sim:BTC-USD",
    "/v1/ndjson?channel=ticker&symbols=sim:BTC-USD",
    "/v1/poll?channel=ticker&symbols=sim:*",
    "/v1/snapshot?channel=ticker&symbols=sim:*",
    "/v1/symbols",
    "/v1/venues",
    "/v1/trades?symbol=sim:BTC-USD",
    "/v1/sessions",
];

fn ask(server: &Server, method: &str, path: &str, headers: &str) -> Response {
    let fixed = "Host: api.example\r\nConnection: close\r\n";
    request(server.address, &format!("{method} {path} HTTP/1.1\r\n{fixed}{headers}\r\n"))
}

#[test]
fn pages_of_allowed_origins_may_read_and_others_are_refused() {
    let server =
        Server::start(&[("http.allowed_origins", "https://shop.example,http://b.example:8")]);
    crate::http::wait_until_ready(&server);
    for path in PATHS {
        for origin in ["https://shop.example", "http://b.example:8"] {
            let stream = Stream::open(server.address, path, &format!("Origin: {origin}\r\n"));
            assert_eq!(stream.status, 200, "{path}: {}", stream.head);
            assert_eq!(stream.header("access-control-allow-origin").as_deref(), Some(origin));
            let exposed = stream.header("access-control-expose-headers").unwrap();
            assert_eq!(exposed, "ETag, Retry-After, X-Next-Cursor");
            assert_eq!(stream.header("access-control-allow-credentials"), None);
            assert!(stream.head.to_lowercase().contains("\r\nvary: origin\r\n"), "{}", stream.head);
        }
        for origin in [
            "https://shop.example.evil",
            "https://shop.example:443",
            "null",
            "http://shop.example",
            "*",
        ] {
            let refused = ask(&server, "GET", path, &format!("Origin: {origin}\r\n"));
            assert_eq!(
                (refused.status, &refused.json()["error"]["code"]),
                (403, &"forbidden".into())
            );
            assert_eq!(refused.header("access-control-allow-origin"), None);
        }
        let plain = Stream::open(server.address, path, "");
        assert_eq!(plain.header("access-control-allow-origin"), None);
    }
    let origin = "Origin: https://shop.example\r\n";
    let refused = ask(&server, "GET", "/v1/poll", origin);
    assert_eq!(refused.status, 400);
    assert!(refused.header("access-control-allow-origin").is_some(), "a page may read its errors");
    let health = ask(&server, "GET", "/healthz", "Origin: https://evil.example\r\n");
    assert_eq!((health.status, health.header("access-control-allow-origin")), (200, None));
}

#[test]
fn a_browser_may_ask_what_it_may_send() {
    let server = Server::start(&[("http.allowed_origins", "https://shop.example")]);
    let wish = "Access-Control-Request-Method: GET\r\n\
                Access-Control-Request-Headers: authorization,last-event-id\r\n";
    for path in PATHS.iter().map(|path| path.split('?').next().unwrap()) {
        let allowed =
            ask(&server, "OPTIONS", path, &format!("Origin: https://shop.example\r\n{wish}"));
        assert_eq!((allowed.status, allowed.body.as_str()), (204, ""), "{allowed:?}");
        let header = |name: &str| allowed.header(name).unwrap_or_default();
        assert_eq!(header("access-control-allow-origin"), "https://shop.example");
        assert_eq!(header("access-control-allow-methods"), "GET, HEAD");
        let headers = header("access-control-allow-headers").to_lowercase();
        assert!(
            headers.contains("authorization") && headers.contains("last-event-id"),
            "{headers}"
        );
        let refused =
            ask(&server, "OPTIONS", path, &format!("Origin: https://evil.example\r\n{wish}"));
        assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None));
    }
    let nowhere =
        ask(&server, "OPTIONS", "/v1/nowhere", &format!("Origin: https://shop.example\r\n{wish}"));
    assert_eq!(nowhere.status, 404);
}

#[test]
fn long_answers_are_compressed_for_who_can_read_them() {
    let server = Server::shared();
    let unpack = |stream: &mut Stream| {
        let (encoding, body) = (stream.header("content-encoding"), stream.body());
        let mut text = String::new();
        match encoding.as_deref() {
            None => text = String::from_utf8(body.clone()).unwrap(),
            Some("gzip") => assert!(GzDecoder::new(&body[..]).read_to_string(&mut text).is_ok()),
            Some("zstd") => {
                text = String::from_utf8(zstd::stream::decode_all(&body[..]).unwrap()).unwrap();
            }
            Some(other) => panic!("{other}"),
        }
        (encoding, body.len(), text)
    };
    for path in &PATHS[2..7] {
        for (accepts, expected) in [
            ("gzip, deflate, br", Some("gzip")),
            ("zstd, gzip", Some("zstd")),
            ("gzip;q=0, identity", None),
            ("br", None),
        ] {
            let headers = format!("Accept-Encoding: {accepts}\r\n");
            let mut stream = Stream::open(server.address, path, &headers);
            let (encoding, length, text) = unpack(&mut stream);
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert!(json.is_object(), "{path}");
            if text.len() < 1_024 {
                assert_eq!(encoding, None, "{path} is short");
                continue;
            }
            assert_eq!(encoding.as_deref(), expected, "{path} for {accepts}");
            assert!(encoding.is_none() || length < text.len() / 2, "{length} of {}", text.len());
            assert!(
                stream.head.to_lowercase().contains("vary: accept-encoding"),
                "{}",
                stream.head
            );
        }
    }
    let short =
        Stream::open(server.address, "/v1/symbols?pattern=x:*", "Accept-Encoding: gzip\r\n");
    assert_eq!(short.header("content-encoding"), None);
}

#[test]
fn a_snapshot_that_did_not_change_is_not_sent_again() {
    let server = Server::start(&[("feeds.sim.ticks_per_s", "1")]);
    crate::http::wait_until_ready(&server);
    let path = "/v1/snapshot?channel=bars.1d&symbols=sim:S*,sim:BTC-USD";
    let path = if crate::client::get(server.address, path).status == 200 { path } else { PATHS[3] };
    for _ in 0..20 {
        let first = Stream::open(server.address, path, "Accept-Encoding: gzip\r\n");
        let tag = first.header("etag").unwrap();
        let headers = format!("If-None-Match: {tag}\r\n");
        let again = ask(&server, "GET", path, &headers);
        if again.status == 304 {
            assert!(again.body.is_empty() && again.header("etag") == Some(tag));
            return;
        }
        assert_ne!(again.header("etag"), Some(tag), "it changed meanwhile");
    }
    panic!("it changes each time");
}
