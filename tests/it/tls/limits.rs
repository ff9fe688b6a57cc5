//! Places over TLS: freed at once by who goes away, and not to be had by handshakes alone.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use rustls::version::TLS13;
use tickwire::clock::monotonic;

use super::Papers;
use super::Secure;
use crate::harness::PATIENCE;
use crate::harness::Server;
use crate::harness::eventually;
use crate::harness::since;

#[track_caller]
fn ask(papers: &Papers, server: &Server, path: &str) -> Secure {
    let mut stream = papers.connect(server.address, &TLS13, Some("http/1.1")).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// A whole answer.
#[track_caller]
fn read(papers: &Papers, server: &Server, path: &str) -> String {
    let mut stream = papers.connect(server.address, &TLS13, Some("http/1.1")).unwrap();
    super::ask(&mut stream, path)
}

/// Clients that are served something without an end.
#[track_caller]
fn clients(papers: &Papers, server: &Server) -> usize {
    let page = read(papers, server, "/metrics");
    let figures = page.lines().filter(|line| line.starts_with("tickwire_shard_connections{"));
    figures.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

/// A place on the tape, from which there is nothing to tell of nobody.
#[track_caller]
pub(crate) fn cursor(papers: &Papers, server: &Server) -> String {
    let answer = read(papers, server, "/v1/poll?channel=ticker&symbols=nobody:*");
    let (_, after) = answer.split_once(r#""cursor":""#).expect("a cursor");
    after.split('"').next().unwrap().to_owned()
}

#[test]
fn who_goes_away_frees_its_place_though_nothing_is_sent() {
    let papers = Papers::new();
    let server = papers.start(&[("stream.heartbeat_ms", "60000")]);
    let waiting = "channel=ticker&symbols=nobody:*";
    let cursor = cursor(&papers, &server);
    for path in [
        format!("/v1/sse?{waiting}"),
        format!("/v1/ndjson?{waiting}"),
        format!("/v1/poll?{waiting}&wait_ms=30000&cursor={cursor}"),
    ] {
        let stream = ask(&papers, &server, &path);
        eventually("it is served", || clients(&papers, &server) == 1);
        let start = monotonic();
        drop(stream);
        eventually("its place is free", || clients(&papers, &server) == 0);
        assert!(since(start) < Duration::from_secs(5), "{path}: {:?}", since(start));
    }
}

#[test]
fn an_address_has_so_many_handshakes() {
    let papers = Papers::new();
    let settings = [("limits.requests_per_s", "50"), ("http.head_timeout_ms", "60000")];
    let server = papers.start(&settings);
    // Each begins one and goes no further.
    let open: Vec<_> = (0..200).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    let refused = open.into_iter().filter(|mut stream| {
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        stream
            .read(&mut [0])
            .is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset)
    });
    let refused = refused.count();
    assert!((1..=100).contains(&refused), "{refused} of 200");
    let start = monotonic();
    let enters = || papers.connect(server.address, &TLS13, None).is_ok();
    eventually("it may begin others after a while", enters);
    assert!(since(start) < PATIENCE);
}
