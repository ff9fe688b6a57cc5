//! The command line, as a user has it: the real program, its output and its exit codes.

use std::collections::HashMap;
use std::io::BufRead as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tickwire::clock;

use crate::server::Running;
use crate::server::Server;
use crate::server::run;
use crate::server::tickwire;

fn messages(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// That nothing is missing and nothing comes twice.
fn check_chain(messages: &[Value]) {
    let mut held: HashMap<&str, u64> = HashMap::new();
    for message in messages {
        let (symbol, seq) = (message["symbol"].as_str().unwrap(), message["seq"].as_u64().unwrap());
        match held.insert(symbol, seq) {
            None => assert_eq!(message["type"], "snapshot", "{message}"),
            Some(before) => assert_eq!(message["prev"], before, "{message}"),
        }
    }
}

#[test]
fn sub_prints_whole_messages_at_once_and_ends_after_its_count() {
    let server = Server::start();
    let begun = clock::monotonic();
    let (code, out, talk) = run(&mut server.command(["sub", "sim:BTC-USD", "--count", "3"]));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!((code, talk.as_str()), (0, ""));
    let messages = messages(&out);
    assert_eq!(messages.len(), 3);
    check_chain(&messages);
}

#[test]
fn the_first_message_comes_within_a_second() {
    let server = Server::with([]);
    let begun = clock::monotonic();
    let mut sub = Running::start(server.command(["sub", "sim:BTC-USD"]).stdout(Stdio::piped()));
    let mut line = String::new();
    sub.stdout().read_line(&mut line).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(line.starts_with(r#"{"type":"snapshot","channel":"ticker","symbol":"sim:BTC-USD""#));
}

#[test]
fn sub_ends_after_its_time() {
    let server = Server::start();
    let begun = clock::monotonic();
    let args = ["sub", "sim:*", "--channel", "trades", "--for", "500ms"];
    let (code, out, talk) = run(&mut server.command(args));
    let took = begun.elapsed();
    assert_eq!((code, talk.as_str()), (0, ""));
    assert!(took >= Duration::from_millis(500) && took < Duration::from_secs(3), "{took:?}");
    let messages = messages(&out);
    assert!(messages.len() > 50, "{}", messages.len());
    check_chain(&messages);
}

#[test]
fn sub_begins_some_trades_back() {
    let server = Server::start();
    run(&mut server.command(["sub", "sim:BTC-USD", "--channel", "trades", "--count", "9"]));
    let args = ["sub", "sim:BTC-USD", "--channel", "trades", "--last", "5", "--count", "6"];
    let begun = clock::monotonic();
    let (code, out, _) = run(&mut server.command(args));
    assert_eq!(code, 0);
    assert!(begun.elapsed() < Duration::from_secs(1));
    check_chain(&messages(&out));
}

#[test]
fn sub_goes_on_from_a_place_on_the_tape() {
    let server = Server::start();
    let (_, out, _) =
        run(&mut server.command(["sub", "sim:BTC-USD", "--channel", "trades", "--count", "3"]));
    let known = messages(&out);
    let (_, talk, _) = run(&mut server.command(["sub", "sim:X", "--count", "1"]));
    assert_eq!(talk, "");
    let noted = run(&mut server.command(["-v", "sub", "sim:BTC-USD", "--count", "1"])).2;
    let epoch = noted.split("the tape is ").nth(1).unwrap().lines().next().unwrap();
    let from = format!("{epoch}:{}", known[1]["seq"]);
    let args = ["sub", "sim:BTC-USD", "--channel", "trades", "--count", "2", "--from", &from];
    let (code, out, _) = run(&mut server.command(args));
    assert_eq!(code, 0);
    assert_eq!(messages(&out)[0], known[2], "exactly what came after it");

    let args = ["sub", "sim:BTC-USD", "--channel", "trades", "--count", "2", "--from", "other:5"];
    let (code, out, talk) = run(&mut server.command(args));
    assert_eq!((code, messages(&out).len()), (6, 2), "{talk}");
    assert!(talk.contains("epoch_mismatch"), "{talk}");
}

#[test]
fn conflated_streams_come_as_snapshots() {
    let server = Server::start();
    let args = ["sub", "sim:BTC-USD", "--conflate-ms", "50", "--count", "4"];
    let (code, out, _) = run(&mut server.command(args));
    assert_eq!(code, 0);
    assert!(messages(&out).iter().all(|message| message["type"] == "snapshot"), "{out}");
}

#[test]
fn unknown_symbols_are_told_with_what_may_have_been_meant() {
    let server = Server::start();
    for verb in ["sub", "snap"] {
        let (code, out, talk) = run(&mut server.command([verb, "sim:BTCUSD"]));
        assert_eq!((code, out.as_str()), (4, ""), "{talk}");
        assert!(talk.contains("unknown symbol sim:BTCUSD; did you mean sim:BTC-USD"), "{talk}");
    }
    let args = ["sub", "sim:NOPE", "sim:BTC-USD", "--count", "1"];
    let (code, out, talk) = run(&mut server.command(args));
    assert_eq!((code, messages(&out).len()), (0, 1));
    assert_eq!(talk, "unknown symbol sim:NOPE\n");
    let (code, out, _) = run(&mut server.command(["snap", "sim:NOPE", "sim:BTC-USD"]));
    assert_eq!((code, messages(&out).len()), (4, 1));
}

#[test]
fn what_the_server_refuses_is_a_mistake_of_usage() {
    let server = Server::start();
    let (code, _, talk) = run(&mut server.command(["sub", "sim:BTC-USD", "--last", "3"]));
    assert_eq!(code, 2);
    assert!(talk.contains("bad_request"), "{talk}");
}

#[test]
fn snap_tells_each_symbol_once() {
    let server = Server::start();
    let (code, out, talk) = run(&mut server.command(["snap", "sim:*"]));
    assert_eq!((code, talk.as_str()), (0, ""));
    let messages = messages(&out);
    assert_eq!(messages.len(), 20);
    check_chain(&messages);
    let args = ["snap", "sim:*", "sim:BTC-USD", "*:BTC-USD", "--format", "table"];
    let (code, out, _) = run(&mut server.command(args));
    assert_eq!((code, out.lines().count()), (0, 21), "{out}");
    assert!(!out.contains('\u{1b}'));
}

#[test]
fn who_cannot_connect_is_told_how_to_serve() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for verb in ["sub", "snap"] {
        let url = format!("ws://{free}");
        let (code, out, talk) = run(tickwire().args([verb, "sim:A", "--url", &url]));
        assert_eq!((code, out.as_str()), (3, ""), "{talk}");
        let advice = "is tickwire serving? start it with: tickwire serve";
        assert!(talk.contains(&url) && talk.contains(advice), "{talk}");
    }
}

#[test]
fn something_else_at_the_other_end_is_no_connection() {
    let server = Server::start();
    let url = format!("http://{}/healthz", server.address);
    let (code, _, talk) = run(tickwire().args(["sub", "sim:A", "--url", &url]));
    assert_eq!(code, 3, "{talk}");
}

#[test]
fn sub_comes_back_after_a_restart_and_misses_nothing() {
    let server = Server::with([
        ("TICKWIRE__FEEDS__SIM__TICKS_PER_S", "2000"),
        ("TICKWIRE__HTTP__RECONNECT_SPREAD_MS", "100"),
        ("TICKWIRE__STREAM__HEARTBEAT_MS", "100"),
    ]);
    let args = ["sub", "sim:*", "--channel", "trades", "--for", "20s", "--count", "3000"];
    let mut sub = Running::start(server.command(args).stdout(Stdio::piped()));
    // Read all the time: a full pipe would keep it from hearing anything.
    let lines = sub.stdout().lines().map(Result::unwrap);
    let (sender, seen) = mpsc::channel();
    std::thread::spawn(move || lines.for_each(|line| sender.send(line).unwrap_or_default()));
    let parse = |line: String| serde_json::from_str::<Value>(&line).unwrap();
    let mut messages: Vec<Value> = seen.iter().take(500).map(parse).collect();
    let stopped = server.stop();
    sub.said(|line| line.contains("connecting again in").then_some(()));
    let server = stopped.start();
    sub.said(|line| (line == "connected again").then_some(()));
    messages.extend(seen.iter().map(parse));
    assert_eq!(sub.ended().code(), Some(0));
    assert_eq!(messages.len(), 3_000);
    check_chain(&messages);
    drop(server);
}

#[test]
fn without_reconnecting_a_lost_server_is_the_end() {
    let server = Server::start();
    let args = ["sub", "sim:*", "--no-reconnect"];
    let mut sub = Running::start(server.command(args).stdout(Stdio::piped()));
    let mut lines = sub.stdout().lines();
    lines.next().unwrap().unwrap();
    let reader = std::thread::spawn(move || lines.count());
    server.stop();
    assert_eq!(sub.ended().code(), Some(3));
    assert!(sub.said(|line| line.strip_prefix("error: ").map(str::to_owned)).contains("shutdown"));
    reader.join().unwrap();
}

#[test]
fn an_interrupted_sub_ends_with_130() {
    let server = Server::start();
    let mut sub = Running::start(server.command(["sub", "sim:*"]).stdout(Stdio::piped()));
    let mut out = sub.stdout();
    out.read_line(&mut String::new()).unwrap();
    // Its pipe is full by now or soon; that must not keep it.
    std::thread::sleep(Duration::from_millis(300));
    sub.signal("INT");
    assert_eq!(sub.ended().code(), Some(130));
    assert!(sub.stderr.recv().is_err(), "it says nothing");
}

#[test]
fn a_reader_that_has_enough_is_no_failure() {
    let server = Server::start();
    let mut sub = Running::start(server.command(["sub", "sim:*"]).stdout(Stdio::piped()));
    sub.stdout().read_line(&mut String::new()).unwrap();
    assert_eq!(sub.ended().code(), Some(0));
    assert!(sub.stderr.recv().is_err(), "it says nothing");
    let mut show = Running::start(tickwire().args(["config", "show"]).stdout(Stdio::piped()));
    drop(show.stdout());
    assert_eq!(show.ended().code(), Some(0));
    assert!(show.stderr.recv().is_err(), "it says nothing");
}

#[test]
fn serve_tells_where_it_serves_and_what_stands_in_its_way() {
    let server = Server::start();
    let other = tempfile::tempdir().unwrap();
    let (code, out, talk) = run(tickwire()
        .args(["serve", "--listen", &server.address, "--tape-dir"])
        .arg(other.path()));
    assert_eq!((code, out.as_str()), (1, ""));
    for word in [server.address.as_str(), "http.listen", "--listen"] {
        assert!(talk.contains(word), "{word}: {talk}");
    }
    let (code, _, talk) =
        run(tickwire().args(["serve", "--listen", "127.0.0.1:0", "--tape-dir"]).arg(server.tape()));
    assert_eq!(code, 1);
    for word in [server.tape().to_str().unwrap(), "--tape-dir", "TICKWIRE__TAPE__DIR"] {
        assert!(talk.contains(word), "{word}: {talk}");
    }
    let (code, _, talk) = run(tickwire().env("TICKWIRE__HTTP__LISEN", "x"));
    assert_eq!(code, 1);
    assert!(talk.contains("did you mean \"http.listen\"?"), "{talk}");
}

#[test]
fn the_banner_can_be_followed() {
    let mut server = Server::start();
    let address = server.address.clone();
    let url = server.process().said(|line| Some(line.split_once("stream: ")?.1.to_owned()));
    assert_eq!(url, format!("ws://{address}/v1/stream"));
    let example =
        server.process().said(|line| Some(line.split_once("try: tickwire ")?.1.to_owned()));
    let (code, out, _) = run(tickwire().args(example.split(' ')).args(["--count", "1"]));
    assert_eq!((code, messages(&out).len()), (0, 1), "{example}");
}

#[test]
fn one_signal_ends_serving_well_and_a_second_at_once() {
    for (name, twice) in [("INT", 130), ("TERM", 143)] {
        let mut server = Server::start();
        server.process().signal(name);
        assert_eq!(server.process().ended().code(), Some(0), "SIG{name}");

        let mut server = Server::start();
        // A client that stays keeps the server from ending.
        let mut client = std::net::TcpStream::connect(&server.address).unwrap();
        let upgrade = format!(
            "GET /v1/stream HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            server.address
        );
        client.write_all(upgrade.as_bytes()).unwrap();
        std::io::Read::read_exact(&mut client, &mut [0; 200]).unwrap();
        server.process().signal(name);
        server.process().said(|line| line.contains("stopping").then_some(()));
        server.process().signal(name);
        assert_eq!(server.process().ended().code(), Some(twice), "SIG{name}");
    }
}

#[test]
fn config_shows_what_holds_and_checks_it() {
    let (code, out, _) = run(tickwire()
        .args(["config", "show", "--origin", "--listen", "127.0.0.1:7"])
        .env("TICKWIRE__FEEDS__SIM__SEED", "9"));
    assert_eq!(code, 0);
    assert!(out.contains("listen = \"127.0.0.1:7\"  # the command line\n"), "{out}");
    let seed = "seed = 9  # environment variable TICKWIRE__FEEDS__SIM__SEED\n";
    assert!(out.contains(seed), "{out}");

    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    std::fs::write(path, "[http]\nlisten = \"127.0.0.1:9\"\n").unwrap();
    assert_eq!(run(tickwire().args(["config", "check", "--config", path])).0, 0);
    std::fs::write(path, "[http]\nlisten = 5\n").unwrap();
    let (code, _, talk) = run(tickwire().args(["config", "check", "--config", path]));
    assert_eq!(code, 1);
    assert!(talk.contains("http.listen") && talk.contains(path), "{talk}");

    let (code, out, _) = run(tickwire().args(["config", "init"]));
    assert_eq!((code, out.as_str()), (0, tickwire::config::DEFAULTS));
}

#[test]
fn mistakes_of_usage_are_2_and_help_is_0() {
    for args in
        [&["nope"][..], &["sub"], &["serve", "--feed", "nasdaq"], &["sub", "a:B", "--for", "x"]]
    {
        let (code, out, talk) = run(tickwire().args(args));
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {talk}");
        assert!(talk.starts_with("error: "), "{talk}");
    }
    for args in [&["--help"][..], &["serve", "--help"], &["sub", "--help"], &["snap", "-h"]] {
        let (code, out, talk) = run(tickwire().args(args));
        assert_eq!((code, talk.as_str()), (0, ""), "{args:?}");
        assert_eq!(out.split("Examples:\n").nth(1).unwrap().lines().count(), 2, "{out}");
    }
    let (code, _, talk) = run(tickwire().args(["sub", "a:B"]).env("TICKWIRE_URL", "ftp://x"));
    assert_eq!(code, 2);
    assert!(talk.contains("TICKWIRE_URL"), "{talk}");
}

#[test]
fn a_recording_is_played_as_a_venue() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let trade = include_str!("../../feeds/samples/binance/trade.json");
    let frame: Value = serde_json::from_str(trade).unwrap();
    std::fs::write(file.path(), format!("{frame}\n")).unwrap();
    let mut standin = Running::start(
        tickwire()
            .args(["standin", "--venue", "binance", "--listen", "127.0.0.1:0", "--rewind"])
            .arg(file.path())
            .stdout(Stdio::piped()),
    );
    let mut url = String::new();
    standin.stdout().read_line(&mut url).unwrap();
    assert!(url.starts_with("ws://127.0.0.1:"), "{url}");
    standin.said(|line| line.contains("1 frames of binance").then_some(()));
    let said = standin.said(|line| Some(line.split_once("try: ")?.1.to_owned()));
    assert!(said.contains(url.trim()) && said.contains("TICKWIRE__FEEDS__BINANCE__URL="), "{said}");
}

#[test]
fn what_is_wrong_on_the_command_line_is_a_matter_of_usage() {
    for args in [
        &["--live", "--listen", "127.0.0.1:80x"][..],
        &["serve", "--feed", "sim:abc"],
        &["config", "check", "--feed", "sim:abc"],
        &["config", "show", "--listen", "here"],
        &["--nope"],
    ] {
        let (code, _, said) = run(tickwire().args(args));
        assert_eq!(code, 2, "{args:?}: {said}");
    }
    let (code, _, said) =
        run(tickwire().args(["config", "check"]).env("TICKWIRE__LOG__LEVEL", "x"));
    assert_eq!(code, 1, "what the environment says is not: {said}");
    let shown = run(tickwire().args(["config", "check"]).env("TICKWIRE_HTTP__LISTEN", "x"));
    assert_eq!(shown.0, 0);
    assert!(shown.2.contains("did you mean TICKWIRE__HTTP__LISTEN?"), "{shown:?}");
}

#[test]
fn a_log_for_programs_is_an_object_a_line() {
    let mut server = Server::with([("TICKWIRE__LOG__FORMAT", "json")]);
    server.process().signal("TERM");
    assert!(server.process().ended().success());
    let lines: Vec<String> = server.process().stderr.iter().collect();
    let records: Vec<Value> =
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let levels = records.iter().filter(|record| record["level"] == "INFO").count();
    assert!(levels > 1 && levels == records.len(), "{lines:?}");
    assert!(records.iter().all(|record| record["fields"]["message"].is_string()), "{lines:?}");
}

#[test]
fn a_replay_from_before_the_tape_begins_where_it_does() {
    let server = Server::start();
    let begun = clock::monotonic();
    let args = ["replay", "sim:*", "--from", "10m", "--speed", "1", "--count", "30"];
    let (code, out, said) = run(&mut server.command(args));
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("the tape has nothing before 2"), "{said}");
    assert_eq!(messages(&out).len(), 30);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_table_into_a_pipe_begins_with_its_rows() {
    let server = Server::start();
    let (code, out, _) =
        run(&mut server.command(["sub", "sim:*", "--format", "table", "--for", "500ms"]));
    assert_eq!(code, 0);
    let second = out.lines().nth(1).unwrap_or_default();
    assert!(out.starts_with("SYMBOL") && second.starts_with("sim:"), "{out}");
}
