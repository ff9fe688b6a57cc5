//! The server with a store: what its outages cost those who listen, which is nothing.

use std::time::Duration;

use serde_json::Value;
use tickwire::clock::monotonic;
use tickwire_feeds::Nanos;

use crate::client::Chains;
use crate::client::Client;
use crate::client::get;
use crate::crash::read_tape;
use crate::harness::Server;
use crate::harness::eventually;
use crate::http::metric;
use crate::postgres::Postgres;

fn start(url: &str) -> Server {
    Server::start(&[
        ("store.url", url),
        ("store.batch_ms", "50"),
        ("store.timeout_ms", "1000"),
        ("feeds.sim.ticks_per_s", "2000"),
    ])
}

fn ready(server: &Server) -> (u16, Value) {
    let answer = get(server.address, "/readyz");
    (answer.status, answer.json())
}

/// Ends the server; then everything on its tape is stored, nothing twice.
#[track_caller]
fn check_stored(server: Server, postgres: &Postgres) {
    server.signal("-TERM");
    let (events, _) = read_tape(&server.end().dir.path().join("tape"));
    let (count, last) = (events.len(), events.keys().last().unwrap());
    let stored = "SELECT count(*), count(DISTINCT (epoch_id, seq)), max(seq) FROM events";
    assert_eq!(postgres.ask(stored), format!("{count}|{count}|{last}"));
}

#[test]
fn the_tape_is_stored_as_it_is_written() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let server = start(&postgres.url());
    eventually("history is recorded", || metric(&server, "tickwire_store_events_total") > 1_000);
    eventually("it is ready", || ready(&server).1["status"] == "ready");
    assert_eq!(ready(&server).1["store"]["state"], "recording");
    assert_eq!(metric(&server, "tickwire_store_losses_total"), 0);
    check_stored(server, &postgres);
}

#[test]
fn an_outage_of_the_store_is_told_made_up_for_and_felt_by_nobody() {
    let Some(mut postgres) = Postgres::start(&[]) else { return };
    let server = start(&postgres.url());
    eventually("history is recorded", || metric(&server, "tickwire_store_events_total") > 100);
    let mut client = Client::connect(server.address);
    client.ask(r#"{"op":"subscribe","channel":"trades","symbols":["*:*"]}"#);
    let mut chains = Chains::default();
    let outages: [fn(&mut Postgres); 2] =
        [|postgres| postgres.kill(), |postgres| postgres.freeze()];
    for outage in outages {
        let before = metric(&server, "tickwire_store_events_total");
        outage(&mut postgres);
        eventually("it is told", || ready(&server).1["status"] == "degraded");
        let (status, told) = ready(&server);
        assert_eq!(status, 200, "{told}");
        assert_eq!(told["store"]["state"], "unavailable", "{told}");
        assert!(told["store"]["error"].is_string(), "{told}");
        for text in client.during(Duration::from_secs(1)) {
            chains.see_text(&text);
        }
        assert!(metric(&server, "tickwire_store_behind") > 0);
        postgres.begin();
        eventually("it is made up for", || {
            metric(&server, "tickwire_store_events_total") > before + 2_000
                && ready(&server).1["status"] == "ready"
        });
        assert_eq!(ready(&server).1["store"]["error"], Value::Null);
    }
    assert!(chains.linked > 500, "{}", chains.linked);
    check_stored(server, &postgres);
}

/// The 99th of 100 messages that come in so many seconds, from the tick's `recv` to here.
fn p99(client: &mut Client, chains: &mut Chains, seconds: u64) -> Duration {
    let mut late = Vec::new();
    let deadline = monotonic() + Duration::from_secs(seconds);
    while let Some(text) = client.text_until(deadline) {
        let now = tickwire::clock::now();
        chains.see_text(&text);
        let recv = text.split_once(r#""recv":""#).and_then(|(_, rest)| rest.split_once('"'));
        if let Some(recv) = recv.and_then(|(recv, _)| Nanos::parse_rfc3339(recv).ok()) {
            late.push(now.0 - recv.0);
        }
    }
    late.sort_unstable();
    let at = late.len() * 99 / 100;
    Duration::from_nanos(u64::try_from(late[at]).unwrap_or(0))
}

#[test]
fn a_long_outage_is_made_up_for_within_a_minute() {
    let number = |name: &str, default| {
        std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(default)
    };
    let (seconds, ticks_per_s) = (number("OUTAGE_S", 3), number("OUTAGE_TICKS", 2_000_u64));
    let Some(mut postgres) = Postgres::start(&[]) else { return };
    let server = Server::start(&[
        ("store.url", &postgres.url()),
        ("feeds.sim.ticks_per_s", &ticks_per_s.to_string()),
    ]);
    eventually("history is recorded", || metric(&server, "tickwire_store_events_total") > 100);
    let mut client = Client::connect(server.address);
    client.ask(r#"{"op":"subscribe","channel":"ticker","symbols":["sim:BTC-USD"]}"#);
    let mut chains = Chains::default();
    let before = p99(&mut client, &mut chains, seconds.min(20));
    let memory = server.memory_bytes();
    postgres.stop();
    let during = p99(&mut client, &mut chains, seconds);
    let behind = metric(&server, "tickwire_store_behind");
    assert!(behind > seconds * ticks_per_s / 2, "{behind}");
    postgres.begin();
    let (back, tries) = (monotonic(), Duration::from_secs(60));
    let mut after = Vec::new();
    while metric(&server, "tickwire_store_behind") > 2 * ticks_per_s {
        assert!(back.elapsed() < tries, "not within {tries:?}");
        after.push(p99(&mut client, &mut chains, 1));
    }
    let (drained, grown) = (back.elapsed(), server.memory_bytes() - memory);
    println!(
        "{behind} events behind, drained in {drained:?}; p99 {before:?} before, {during:?} in the \
         outage, {:?} while it was made up for; memory grew by {grown} B",
        after.iter().max()
    );
    assert!(grown < 64 << 20, "{grown}");
    check_stored(server, &postgres);
}
