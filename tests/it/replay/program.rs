//! `tickwire replay`: into a pipe, with exit codes that tell.

use std::time::Duration;

use serde_json::Value;

use crate::client::Chains;
use crate::server::Server;

fn server() -> Server {
    let server = Server::start();
    let mut command = server.command(["sub", "sim:*", "--for", "2s"]);
    assert!(command.output().unwrap().status.success());
    server
}

#[track_caller]
fn run(server: &Server, args: &[&str]) -> (i32, Vec<Value>, String) {
    let done = server.command(["replay"]).args(args).output().unwrap();
    let lines = String::from_utf8(done.stdout).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (done.status.code().unwrap(), lines, String::from_utf8(done.stderr).unwrap())
}

#[test]
fn a_replay_goes_into_a_pipe_line_by_line() {
    let server = server();
    let (code, lines, told) = run(&server, &["sim:*", "--from", "1m", "--speed", "max"]);
    assert_eq!(code, 0, "{told}");
    let mut chains = Chains::default();
    lines.iter().for_each(|line| chains.see(line));
    assert!(chains.linked > 500, "{}", chains.linked);
    let args =
        ["sim:BTC-USD", "--from", "1m", "--channel", "trades", "--count", "5", "--speed", "0"];
    let (code, lines, _) = run(&server, &args);
    assert_eq!((code, lines.len()), (0, 5));
    let args = ["sim:*", "--from", "0ms", "--then-live", "--count", "100"];
    let (code, lines, told) = run(&server, &args);
    assert_eq!((code, lines.len()), (0, 100), "{told}");
    let args = ["sim:*", "--from", "500ms", "--loop", "--speed", "max", "--count", "9000"];
    let (code, lines, told) = run(&server, &args);
    assert_eq!((code, lines.len()), (0, 9_000), "{told}");
    std::thread::sleep(Duration::from_millis(1));
}

#[test]
fn exit_codes_tell_what_was_wrong() {
    let server = server();
    for (args, expected, said) in [
        (&["sim:NO-SUCH", "--from", "1s"][..], 4, "unknown symbol"),
        (&["sim:*", "--from", "2100-01-01T00:00:00Z"], 4, "range_empty"),
        (&["sim:*", "--from", "nosuch00:1"], 4, "epoch_mismatch"),
        (&["sim:*", "--from", "1s", "--to", "1h"], 4, "range_empty"),
        (&["sim:*", "--from", "1s", "--speed", "1e9"], 2, "bad_request"),
        (&["sim:*", "--from", "tomorrow"], 2, "2026-11-20T09:30:00Z"),
        (&["sim:*", "--from", "1s", "--url", "ws://127.0.0.1:1"], 3, "tickwire serve"),
    ] {
        let (code, _, told) = run(&server, args);
        assert_eq!(code, expected, "{args:?}: {told}");
        assert!(told.contains(said), "{args:?}: {told}");
    }
}
