//! `tickwire bench` as a user has it, against the real server and against ones that are at fault.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::net::TcpStream;
use std::process::Command;

use serde_json::Value;
use tickwire::clock;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::WebSocket;
use tokio_tungstenite::tungstenite::accept;

use crate::server::Server;
use crate::server::run;
use crate::server::tickwire;

/// A short load that prints JSON.
fn bench(flags: &str) -> Command {
    let mut command = tickwire();
    command.args(["bench", "--for", "1s", "--warm-up", "200ms", "--no-pin", "--json"]);
    command.args(flags.split_whitespace());
    command
}

#[track_caller]
fn object(stdout: &str) -> Value {
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
    serde_json::from_str(stdout).unwrap()
}

#[test]
fn it_measures_a_server_of_its_own_and_loses_nothing() {
    let flags = "--connections 20 --symbols 10 --streams 5 --ticks 500 --churn 50";
    let (code, out, talk) = run(&mut bench(flags));
    assert_eq!((code, talk.as_str()), (0, ""), "{out}");
    let found = object(&out);
    // Each tick has ten listeners; the machine may be busy.
    let messages = found["flow"]["messages"].as_u64().unwrap();
    assert!((1_000..=8_000).contains(&messages), "{found}");
    assert_eq!(found["flow"]["checked"], messages);
    assert_eq!(found["checked_one_in"], 1);
    let faults = found["faults"].as_object().unwrap();
    assert!(faults.values().all(|count| *count == 0), "{faults:?}");
    let [p50, p99, max] = ["p50_us", "p99_us", "max_us"].map(|q| found["latency"][q].as_u64());
    assert!(p50 > Some(0) && p50 <= p99 && p99 <= max, "{found}");
    assert!(found["server"]["cpu_us"].as_u64() > Some(0), "{found}");
    assert!(found["server"]["resident_subscribed"].as_u64() > Some(1 << 20), "{found}");
    assert!(found["churn"]["answered"]["count"].as_u64() > Some(5), "{found}");
    assert_eq!(found["ticks_per_s"], 500);
    assert_eq!(found["clocks"], "one_machine");
}

#[test]
fn it_measures_a_server_that_runs_already_and_some_of_its_clients_stand_still() {
    let mut server = Server::start();
    let pid = server.process().pid();
    let url = format!("--url ws://{} --pid {pid}", server.address);
    let flags = format!("{url} --connections 10 --streams 20 --stalled 3 --stall-for 300ms");
    let (code, out, talk) = run(&mut bench(&flags));
    assert_eq!((code, talk.as_str()), (0, ""), "{out}");
    let found = object(&out);
    assert_eq!(found["symbols"], 20);
    assert_eq!(found["recovered"]["stalled"], 3);
    assert_eq!(found["recovered"]["whole"], 3);
    assert!(found["server"]["cpu_us"].as_u64() > Some(0), "{found}");
    assert!(found.get("ticks_per_s").is_none());

    let (code, _, talk) = run(&mut bench(&format!("{url} --streams 21")));
    assert_eq!(code, 2, "{talk}");
    assert!(talk.contains("the server has 20"), "{talk}");
}

#[test]
fn the_text_names_rate_latency_and_cost() {
    let mut command = tickwire();
    command.args(["bench", "--for", "300ms", "--warm-up", "100ms", "--connections", "5"]);
    let (code, out, talk) = run(&mut command);
    assert_eq!((code, talk.as_str()), (0, ""), "{out}");
    for word in ["messages/s", "MB/s", "p99.9", "µs a message", "KiB a connection", "none lost"] {
        assert!(out.contains(word), "{word}: {out}");
    }
}

#[test]
fn a_ramp_names_the_rates_that_it_tried() {
    let flags = "--connections 5 --ticks 10000000 --ramp --p99-max 10s";
    let (code, out, talk) = run(bench(flags).args(["--set", "hub.ring_events=64"]));
    assert_ne!(out, "", "{code}: {talk}");
    let found = object(&out);
    let steps = found["ramp"].as_array().unwrap();
    assert!(!steps.is_empty(), "{found}");
    let kept_up = steps.iter().any(|step| step["kept_up"] == true);
    assert_eq!(code, i32::from(!kept_up), "{talk} {found}");
}

#[test]
fn flags_that_make_no_sense_are_refused_with_what_would() {
    for (flags, said) in [
        ("--streams 5", "--symbols 1"),
        ("--connections 5 --stalled 5", "at least one has to go on reading"),
        ("--connections 900000", "LimitNOFILE"),
        ("--url wss://127.0.0.1:1", "--ca FILE"),
        ("--set http.no_such_thing=1", "no_such_thing"),
        ("--ramp --url ws://127.0.0.1:1", "--ramp"),
    ] {
        let (code, out, talk) = run(&mut bench(flags));
        assert!(code == 2 || code == 1, "{flags}: {code} {talk}");
        assert_eq!(out, "", "{flags}");
        assert!(talk.contains(said), "{flags}: {talk}");
    }
    let (code, _, talk) = run(&mut bench("--url ws://127.0.0.1:1"));
    assert_eq!(code, 3, "{talk}");
}

/// What a server that is at fault does with each tenth message.
#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    Drops,
    Doubles,
    Swaps,
    HangsUp,
}

/// A server of one stream, one connection after another, with a fault.
fn standin(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || serve(stream, fault));
        }
    });
    format!("--url ws://{address} --connections 2")
}

fn serve(mut stream: TcpStream, fault: Fault) {
    let mut head = [0; 15];
    if stream.peek(&mut head).unwrap_or(0) == head.len() && head.starts_with(b"GET /v1/symbols") {
        let mut request = [0; 1_024];
        assert!(stream.read(&mut request).unwrap() > 0);
        let body = r#"{"symbols":[{"symbol":"sim:A"}],"next":null}"#;
        write!(stream, "HTTP/1.0 200 OK\r\n\r\n{body}").unwrap();
        return;
    }
    let mut socket = accept(stream).unwrap();
    socket.read().unwrap();
    let snapshot = r#"{"type":"snapshot","channel":"ticker","symbol":"sim:A","seq":10,"bid":"1"}"#;
    let mut alive = socket.send(Message::text(snapshot)).is_ok();
    let mut swapped = None;
    for n in (11..).take_while(|n| *n < 2_000) {
        let message = format!(
            r#"{{"type":"delta","channel":"ticker","symbol":"sim:A","seq":{n},"prev":{},"recv":"{}","bid":"1"}}"#,
            n - 1,
            clock::now(),
        );
        alive &= match (fault, n % 10) {
            (Fault::Drops, 0) => true,
            (Fault::Doubles, 0) => say(&mut socket, &message) && say(&mut socket, &message),
            (Fault::Swaps, 0) => {
                swapped = Some(message);
                true
            }
            (Fault::HangsUp, 0) if n > 500 => return,
            _ => say(&mut socket, &message),
        };
        if n % 10 == 1
            && let Some(late) = swapped.take()
        {
            alive &= say(&mut socket, &late);
        }
        if !alive {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

fn say(socket: &mut WebSocket<TcpStream>, message: &str) -> bool {
    socket.send(Message::text(message)).is_ok()
}

#[track_caller]
fn check(fault: Fault, code: i32, which: &str) {
    let (found_code, out, talk) = run(&mut bench(&standin(fault)));
    let found = object(&out);
    assert_eq!(found_code, code, "{fault:?}: {talk} {out}");
    let faults = found["faults"].as_object().unwrap();
    for (name, count) in faults {
        assert_eq!(*count != 0, which.split(' ').any(|word| word == name), "{fault:?}: {faults:?}");
    }
}

#[test]
fn a_server_without_a_fault_is_told_from_those_that_have_one() {
    check(Fault::None, 0, "");
}

#[test]
fn a_lost_message_is_seen() {
    check(Fault::Drops, 6, "lost");
}

#[test]
fn a_doubled_message_is_seen() {
    check(Fault::Doubles, 6, "doubled");
}

#[test]
fn messages_that_swapped_places_are_seen() {
    check(Fault::Swaps, 6, "lost out_of_order");
}

#[test]
fn a_connection_that_ends_is_seen() {
    check(Fault::HangsUp, 3, "ended");
}
