//! Everyone is there when the service is to end, over TLS: each is told in its own way, and in
//! time.

use std::io::Read as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::version::TLS13;
use tickwire::clock::monotonic;
use tokio_tungstenite::tungstenite;

use crate::harness::PATIENCE;
use crate::harness::eventually;
use crate::harness::since;
use crate::tls::Papers;
use crate::tls::limits::cursor;

/// What a request over HTTP/1.1 is answered, once its head is there, up to the end.
fn ask(papers: &Papers, address: SocketAddr, path: &str) -> JoinHandle<String> {
    let mut stream = papers.connect(address, &TLS13, Some("http/1.1")).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    std::thread::spawn(move || {
        let mut answer = Vec::new();
        // A connection that could have carried another answer may end with the server.
        drop(stream.read_to_end(&mut answer));
        String::from_utf8(answer).unwrap()
    })
}

/// The same over HTTP/2.
async fn ask_h2(papers: &Papers, address: SocketAddr, path: &str) -> String {
    let (sender, _connection) = crate::h2::open(papers, address).await;
    let (status, body) = crate::h2::ask(&sender, crate::h2::request("GET", path)).await;
    format!("{status} {body}")
}

#[tokio::test]
async fn each_way_ends_well_within_its_time() {
    let papers = Papers::new();
    let settings = [("http.shutdown_ms", "8000"), ("feeds.sim.ticks_per_s", "20000")];
    let server = papers.start(&settings);
    let address = server.address;
    std::thread::sleep(Duration::from_secs(1));
    let mut socket = papers.upgrade(address);
    let query = "channel=ticker&symbols=*:*";
    let silent = "channel=ticker&symbols=nobody:*";
    let events = ask(&papers, address, &format!("/v1/sse?{query}"));
    let lines = ask(&papers, address, &format!("/v1/ndjson?{query}"));
    let silent = format!("{silent}&cursor={}", cursor(&papers, &server));
    let waiting = format!("/v1/poll?{silent}&wait_ms=30000");
    let poll = ask(&papers, address, &waiting);
    let sse = format!("/v1/sse?{query}");
    let (events2, polled2) = (ask_h2(&papers, address, &sse), ask_h2(&papers, address, &waiting));
    let page = ask(&papers, address, "/v1/trades?symbol=sim:BTC-USD&limit=10000");
    let end = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.signal("-TERM");
        monotonic()
    };
    let all = async { tokio::join!(events2, polled2, end) };
    let (events2, polled2, start) = tokio::time::timeout(PATIENCE, all).await.unwrap();
    let closing = r#"{"type":"closing","code":"shutdown","reconnect_ms":"#;
    assert!(events2.contains(&format!("data: {closing}")), "{}", tail(&events2));
    assert!(polled2.starts_with("503 "), "{}", tail(&polled2));
    let (events, lines) = (events.join().unwrap(), lines.join().unwrap());
    assert!(events.ends_with("\r\n0\r\n\r\n") && lines.ends_with("\r\n0\r\n\r\n"), "whole");
    assert!(events.contains(&format!("data: {closing}")), "{}", tail(&events));
    assert!(lines.contains(&format!("\n{closing}")), "{}", tail(&lines));
    let poll = poll.join().unwrap();
    assert!(poll.starts_with("HTTP/1.1 503 ") && poll.contains("retry-after: "), "{poll}");
    let page = page.join().unwrap();
    assert!(page.starts_with("HTTP/1.1 200 ") && page.ends_with('}'), "{}", tail(&page));
    let mut last = None;
    let close = std::iter::from_fn(|| socket.read().ok()).inspect(|message| {
        last = message.is_text().then(|| message.to_string()).or(last.take());
    });
    let close = close.filter(tungstenite::Message::is_close).last().expect("a close frame");
    assert!(last.unwrap().starts_with(closing));
    assert!(format!("{close:?}").contains("4000"), "{close:?}");
    assert!(server.end().status.success());
    assert!(since(start) < Duration::from_secs(6), "{:?}", since(start));
}

#[test]
fn a_second_signal_cuts_them_at_once() {
    let papers = Papers::new();
    let server = papers.start(&[("http.drain_ms", "60000")]);
    let mut stream = papers.connect(server.address, &TLS13, Some("http/1.1")).unwrap();
    stream
        .write_all(b"GET /v1/ndjson?channel=ticker&symbols=*:* HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    stream.read_exact(&mut [0; 12]).unwrap();
    server.signal("-TERM");
    let address = server.address;
    eventually("it drains", || {
        let ready = ask(&papers, address, "/readyz");
        ready.join().unwrap().starts_with("HTTP/1.1 503 ")
    });
    let start = monotonic();
    server.signal("-TERM");
    assert_eq!(server.end().status.code(), Some(143));
    assert!(since(start) < Duration::from_secs(2), "{:?}", since(start));
}

fn tail(text: &str) -> &str {
    let from = text.len().saturating_sub(300);
    text.get(from..).unwrap_or(text)
}
