//! `tickwire verify`: live clients, the journal, the store and a fresh replay have the same.

use serde_json::Value;

use crate::harness::eventually;
use crate::postgres::Postgres;
use crate::server::Server;
use crate::server::tickwire;

/// Runs it; returns the exit code and what it found.
fn verify(server: &Server, args: &[&str], envs: &[(&str, &str)]) -> (i32, Value) {
    let mut command = tickwire();
    command.args(["verify", "--json", "--tape-dir"]).arg(server.tape()).args(args);
    command.envs(envs.iter().copied());
    let output = command.output().unwrap();
    let (out, talk) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    let found = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{talk}"));
    (output.status.code().unwrap(), found)
}

#[track_caller]
fn digests(found: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let sources = found["sources"].as_array().unwrap().iter();
    sources.map(|source| (text(&source["name"]), text(&source["sha256"]))).collect()
}

#[test]
fn what_live_clients_got_is_on_the_tape_and_replayed_the_same() {
    let server = Server::with([
        ("TICKWIRE__FEEDS__SIM__TICKS_PER_S", "3000"),
        ("TICKWIRE__FEEDS__SIM__DISCONNECT_EVERY_MS", "1000"),
        ("TICKWIRE__FEEDS__SIM__DISCONNECT_MS", "200"),
    ]);
    let url = format!("http://{}", server.address);
    let (code, found) = verify(&server, &["--live", "4s", "--url", &url], &[]);
    assert_eq!(code, 0, "{found}");
    let live = &found["live"];
    assert!(live["same"].as_u64().unwrap() > 10_000, "{live}");
    assert!(live["snapshots"].as_u64().unwrap() >= 20 * 6, "{live}");
    assert!(found["difference"].is_null(), "{found}");
    let digests = digests(&found);
    let names: Vec<&str> = digests.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["journal", "replay"]);
    assert_eq!(digests[0].1, digests[1].1);
}

#[test]
fn the_store_has_the_same_and_a_difference_is_found() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let url = postgres.url();
    let server = Server::with([
        ("TICKWIRE__STORE__URL", url.as_str()),
        ("TICKWIRE__STORE__BATCH_MS", "50"),
        ("TICKWIRE__FEEDS__SIM__TICKS_PER_S", "2000"),
    ]);
    let count = || {
        let count = postgres.psql("SELECT count(*) FROM events").unwrap_or_default();
        count.parse::<u64>().unwrap_or(0)
    };
    eventually("some is stored", || count() > 5_000);
    let envs = [("TICKWIRE__STORE__URL", url.as_str())];
    let (code, found) = verify(&server, &[], &envs);
    assert_eq!(code, 0, "{found}");
    let digests = digests(&found);
    let names: Vec<&str> = digests.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["journal", "store", "replay"]);
    assert!(digests.iter().all(|(_, digest)| *digest == digests[0].1), "{found}");
    assert!(found["sources"][0]["events"].as_u64().unwrap() > 5_000, "{found}");

    // Without its journal the tape is exported from the store, the same rows.
    let export = |dir: &std::path::Path| {
        let args = ["export", "--format", "tape", "-o", "-", "--tape-dir"];
        let output = tickwire().args(args).arg(dir).envs(envs).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let empty = tempfile::tempdir().unwrap();
    let stored = export(&empty.path().join("none"));
    assert!(stored.lines().count() > 5_000);
    assert!(export(&server.tape()).starts_with(&stored), "the journal has gone on since");

    // One byte of one event: a clock that was one nanosecond later.
    let at = postgres.ask("SELECT seq FROM events WHERE kind = 2 ORDER BY seq OFFSET 3000 LIMIT 1");
    postgres.ask(&format!("UPDATE events SET recv = recv + 1 WHERE seq = {at}"));
    let (code, found) = verify(&server, &[], &envs);
    assert_eq!(code, 6, "{found}");
    assert_eq!(found["difference"]["seq"].to_string(), at, "{found}");
    assert!(found["difference"]["store"].is_string(), "{found}");
}

#[test]
fn an_older_copy_under_a_newer_store_gives_no_place_twice() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let url = postgres.url();
    let settings = [
        ("TICKWIRE__STORE__URL", url.as_str()),
        ("TICKWIRE__STORE__BATCH_MS", "50"),
        ("TICKWIRE__FEEDS__SIM__TICKS_PER_S", "2000"),
    ];
    let count = || {
        let count = postgres.psql("SELECT count(*) FROM events").unwrap_or_default();
        count.parse::<u64>().unwrap_or(0)
    };
    let server = Server::with(settings);
    eventually("some is stored", || count() > 1_000);
    let tape = server.tape();
    let copy = tape.with_file_name("copy");
    let made = tickwire().args(["tape", "copy", "--tape-dir"]).arg(&tape).arg(&copy).status();
    assert!(made.unwrap().success());
    let before = count();
    eventually("the store has more than the copy", || count() > before + 2_000);
    let stopped = server.stop();
    let stored = count();
    std::fs::remove_dir_all(&tape).unwrap();
    std::fs::rename(&copy, &tape).unwrap();
    let server = stopped.start_with(settings);
    eventually("the store goes on", || count() > stored + 2_000);
    let stopped = server.stop();
    let twice = "SELECT count(*) - count(DISTINCT (epoch_id, seq)), count(DISTINCT epoch_id), \
                 max(seq) > 1::bigint << 40 FROM events";
    assert_eq!(postgres.ask(twice), "0|1|t");
    let checked = tickwire().args(["tape", "check", "--tape-dir"]).arg(&tape).status();
    assert!(checked.unwrap().success());
    drop(stopped);
}
