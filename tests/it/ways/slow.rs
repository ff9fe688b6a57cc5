//! Slow readers of SSE and NDJSON: their policy acts as it does for WebSockets.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use socket2::Domain;
use socket2::Socket;
use socket2::Type;

use super::client::End;
use super::client::Stream;
use crate::client::Chains;
use crate::harness::Server;

/// A server of some thousand messages a second whose clients' buffers are soon full.
fn busy() -> Server {
    let server = Server::start(&[
        ("feeds.sim.ticks_per_s", "3000"),
        ("limits.buffer_bytes", "16384"),
        ("stream.heartbeat_ms", "200"),
    ]);
    crate::http::wait_until_ready(&server);
    server
}

/// A client whose kernel takes next to nothing while it does not read.
fn lazy(server: &Server, path: &str) -> Stream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(&server.address.into()).unwrap();
    Stream::over(TcpStream::from(socket), path, "")
}

#[test]
fn who_asked_for_it_is_told_and_ended() {
    let server = busy();
    for (path, is_sse) in [
        ("/v1/ndjson?channel=ticker&symbols=*:*&slow=close", false),
        ("/v1/sse?channel=ticker&symbols=*:*&slow=close", true),
    ] {
        let mut stream = lazy(&server, path);
        std::thread::sleep(Duration::from_millis(1_500));
        let (mut chains, mut last) = (Chains::default(), Value::Null);
        let next = |stream: &mut Stream| match is_sse {
            true => stream.event().map(|event| event.json()),
            false => stream.line().map(|line| serde_json::from_str(&line).unwrap()),
        };
        while let Some(message) = next(&mut stream) {
            chains.see(&message);
            last = message;
        }
        assert_eq!(
            (&last["type"], &last["code"]),
            (&"closing".into(), &"too_slow".into()),
            "{path}"
        );
        assert_eq!(stream.end(), Some(End::Whole), "{path}");
        assert!(chains.linked > 10);
    }
}

#[test]
fn who_reads_nothing_at_all_is_cut_off() {
    let server = Server::start(&[
        ("feeds.sim.ticks_per_s", "3000"),
        ("limits.buffer_bytes", "16384"),
        ("limits.connections", "1"),
    ]);
    crate::http::wait_until_ready(&server);
    let mut stream = lazy(&server, "/v1/ndjson?channel=ticker&symbols=*:*&slow=close");
    std::thread::sleep(Duration::from_millis(6_000));
    while let Some(line) = stream.line() {
        assert!(serde_json::from_str::<Value>(&line).is_ok(), "{line}");
    }
    assert_eq!(stream.end(), Some(End::Cut), "it does not look as if that were all");
}

#[test]
fn what_a_slow_client_gets_is_what_its_policy_says() {
    let server = busy();
    for (channel, slow) in
        [("ticker", "conflate"), ("ticker", "spill"), ("trades", "spill"), ("trades", "gap")]
    {
        let path = format!("/v1/ndjson?channel={channel}&symbols=*:*&slow={slow}");
        let (mut stream, mut chains) = (lazy(&server, &path), Chains::default());
        for _ in 0..2 {
            std::thread::sleep(Duration::from_millis(1_200));
            let mut heartbeats = 0;
            while heartbeats < 4 {
                let message = stream.next();
                chains.see(&message);
                heartbeats += usize::from(message["type"] == "heartbeat");
            }
        }
        assert!(chains.linked > 100, "{channel} {slow}: {}", chains.linked);
        assert_eq!(chains.snapshots > 20, slow == "conflate", "{slow}: {}", chains.snapshots);
        assert_eq!(chains.dropped > 0, slow == "gap", "{slow}: {}", chains.dropped);
    }
}
