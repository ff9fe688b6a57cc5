//! What operators ask the program about: `doctor`, `check`, `completion` and `man`.

use std::net::TcpListener;
use std::process::Command;

use serde_json::Value;

use crate::harness;
use crate::server::Server;
use crate::server::run;
use crate::server::tickwire;

/// What `doctor` finds, by the thing.
fn doctor(set: &[(&str, &str)], args: &[&str]) -> (i32, Vec<Value>) {
    let dir = tempfile::tempdir().unwrap();
    let mut command = tickwire();
    command.args(["doctor", "--json"]).args(args).env("TICKWIRE__TAPE__DIR", dir.path());
    command.envs(set.iter().copied());
    let (code, out, talk) = run(&mut command);
    assert_eq!(talk, "");
    (code, out.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

fn of<'a>(findings: &'a [Value], what: &str) -> &'a Value {
    findings.iter().find(|finding| finding["of"] == what).unwrap_or(&Value::Null)
}

/// A port that nobody has.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_server_that_is_well_is_ok() {
    let server = Server::start();
    let (code, out, talk) = run(&mut server.command(["check", "sim:BTC-USD"]));
    assert_eq!((code, talk.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("TICKWIRE OK - 1 of 1 feeds live | age="), "{out}");
    let (code, out, _) = run(&mut server.command(["check", "sim:NOPE"]));
    assert_eq!(code, 2, "{out}");
    assert!(out.starts_with("TICKWIRE CRITICAL - unknown symbol sim:NOPE |"), "{out}");
}

#[test]
fn a_server_that_is_gone_or_no_server_is_critical_or_unknown() {
    let (code, out, _) = run(tickwire().args(["check", "--url", &free()]));
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("nobody listens at http://"), "{out}");
    let (code, out, _) = run(tickwire().args(["check", "--url", "ftp://x"]));
    assert_eq!((code, out.as_str()), (2, ""), "a word that makes no sense is for who wrote it");
    let (code, out, _) =
        run(tickwire().args(["check", "--ca", "none", "--url", "https://[::1]:1"]));
    assert_eq!(code, 3, "{out}");
}

#[test]
fn a_server_whose_feed_was_never_live_is_critical() {
    let venue = format!("ws://{}", free());
    let server = harness::Server::start(&[
        ("feeds.kraken.venue", "kraken"),
        ("feeds.kraken.symbols", "BTC-USD"),
        ("feeds.kraken.url", &venue),
    ]);
    let url = server.address.to_string();
    let (code, out, _) = run(tickwire().args(["check", "--url", &url]));
    assert_eq!(code, 2, "{out}");
    assert!(out.starts_with("TICKWIRE CRITICAL - not ready: no feed was ever live"), "{out}");
}

#[test]
fn a_machine_that_has_everything_is_well() {
    let (code, findings) = doctor(&[("TICKWIRE__HTTP__LISTEN", &free())], &[]);
    assert_eq!(code, 0, "{findings:?}");
    for what in ["settings", "address", "tls", "access", "tape", "files", "feed sim"] {
        assert_ne!(of(&findings, what)["state"], "FAIL", "{findings:?}");
        assert!(of(&findings, what)["found"].is_string(), "{what}: {findings:?}");
    }
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_at = taken.local_addr().unwrap().to_string();
    let venue = format!("ws://{}", free());
    let set = [
        ("TICKWIRE__HTTP__LISTEN", taken_at.as_str()),
        ("TICKWIRE__STORE__URL", "postgres://nobody@127.0.0.1:1/none"),
        ("TICKWIRE__HTTP__TLS__CERT", "none.pem"),
        ("TICKWIRE__HTTP__TLS__KEY", "none.key"),
        ("TICKWIRE__FEEDS__KRAKEN__VENUE", "kraken"),
        ("TICKWIRE__FEEDS__KRAKEN__SYMBOLS", "BTC-USD"),
        ("TICKWIRE__FEEDS__KRAKEN__URL", venue.as_str()),
    ];
    let (code, findings) = doctor(&set, &[]);
    assert_eq!(code, 1, "{findings:?}");
    for what in ["address", "store", "tls", "feed kraken"] {
        assert_eq!(of(&findings, what)["state"], "FAIL", "{what}: {findings:?}");
        assert!(of(&findings, what)["fix"].is_string(), "{what}: {findings:?}");
    }
    let (code, findings) = doctor(&[("TICKWIRE__HTTP__WORKERS", "many")], &[]);
    assert_eq!((code, findings.len()), (1, 1), "{findings:?}");
    assert!(findings[0]["found"].as_str().unwrap().contains("http.workers"), "{findings:?}");
}

#[test]
fn a_service_that_runs_is_recognised() {
    let server = Server::start();
    let set = [("TICKWIRE__HTTP__LISTEN", server.address.as_str())];
    let (code, findings) = doctor(&set, &[]);
    assert_eq!(code, 0, "{findings:?}");
    let found = of(&findings, "address")["found"].as_str().unwrap();
    assert!(found.starts_with("tickwire ") && found.contains(" serves at "), "{found}");
    assert_eq!(of(&findings, "address")["state"], "warn", "`serve` would fail: {findings:?}");
}

#[test]
fn a_tape_that_is_a_file_is_found() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (code, findings) = doctor(&[], &["--tape-dir", file.path().to_str().unwrap()]);
    assert_eq!((code, of(&findings, "tape")["state"].as_str()), (1, Some("FAIL")), "{findings:?}");
}

#[test]
fn a_server_that_says_nothing_is_told_as_such() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = silent.local_addr().unwrap().to_string();
    let (code, out, _) = run(tickwire().args(["check", "--timeout", "1s", "--url", &url]));
    assert_eq!(code, 2, "{out}");
    assert!(out.contains("no answer within 1 s"), "{out}");
}

#[test]
fn shells_and_the_manual_know_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, script, _) = run(tickwire().args(["completion", shell]));
        assert_eq!(code, 0, "{shell}");
        assert!(script.contains("doctor") && script.contains("listen"), "{shell}");
        if shell == "bash" {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), script).unwrap();
            assert!(Command::new("bash").arg("-n").arg(file.path()).status().unwrap().success());
        }
    }
    let (code, page, _) = run(tickwire().args(["man", "tape", "check"]));
    assert!(code == 0 && page.contains(".TH tickwire-tape-check 1"), "{page}");
    let (code, _, talk) = run(tickwire().args(["man", "nope"]));
    assert!(code == 2 && talk.contains("no command \"nope\""), "{talk}");
}
