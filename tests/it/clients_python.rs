//! The client for Python against the real server and against bad ones.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::client::Client;
use crate::clients::within;
use crate::readers::hostile;
use crate::readers::live;
use crate::readers::python::home;
use crate::readers::python::make;
use crate::readers::python::python;
use crate::readers::tls;
use crate::readers::tour;
use crate::readers::town::Town;

#[test]
fn the_python_client_gets_what_a_plain_connection_gets() {
    live::gets_the_same(make);
}

#[test]
fn the_python_client_misses_nothing_over_kills() {
    live::survives_kills(make);
}

#[test]
fn the_python_client_says_what_another_tape_lost() {
    live::says_what_another_tape_lost(make);
}

#[test]
fn the_python_client_misses_nothing_by_reading_late() {
    live::misses_nothing_by_reading_late(make);
}

#[test]
fn the_python_client_is_told_of_its_own_gaps() {
    live::is_told_of_its_own_gaps(make);
}

#[test]
fn the_python_client_renews_its_token() {
    live::renews_its_token(make);
}

#[test]
fn the_python_client_follows_more_and_less() {
    live::follows_more_and_less(make);
}

#[test]
fn the_python_client_begins_at_a_cursor_or_back() {
    live::begins_at_a_cursor_or_back(make);
}

#[test]
fn the_python_client_comes_back_when_it_is_asked_to() {
    live::comes_back_when_it_is_asked_to(make);
}

#[test]
fn the_python_client_plays_what_was() {
    tour::is_what_it_was(make);
}

#[test]
fn the_python_client_has_buttons_for_a_replay() {
    tour::has_buttons(make);
}

#[test]
fn the_python_client_plays_on_over_kills_and_into_what_is_live() {
    tour::survives_kills_and_goes_live(make);
}

#[test]
fn the_python_client_says_what_cannot_be_played() {
    tour::says_what_cannot_be_played(make);
}

#[test]
fn the_python_client_survives_what_is_no_protocol() {
    hostile::is_no_protocol(make);
}

#[test]
fn the_python_client_survives_what_is_no_websocket() {
    hostile::is_no_websocket(make);
}

#[test]
fn the_python_client_asks_for_a_broken_stream_anew() {
    hostile::breaks_a_stream(make);
}

#[test]
fn the_python_client_leaves_a_server_that_breaks_streams_for_ever() {
    hostile::breaks_a_stream_for_ever(make);
}

#[test]
fn the_python_client_drops_repeats_and_strangers() {
    hostile::says_things_twice_or_of_nobody(make);
}

#[test]
fn the_python_client_answers_each_close_code() {
    hostile::closes(make);
}

#[test]
fn the_python_client_does_not_return_at_once_where_there_is_no_room() {
    hostile::has_no_room(make);
}

#[test]
fn the_python_client_gives_up_a_silent_connection() {
    hostile::falls_silent(make);
}

#[test]
fn the_python_client_asks_again_for_what_is_refused_for_now() {
    hostile::refuses(make);
}

#[test]
fn the_python_client_waits_for_a_server_that_is_not_there() {
    hostile::is_not_there(make);
}

#[test]
fn the_python_client_speaks_tls_to_whom_it_trusts() {
    tls::is_spoken(make);
}

/// Runs a program of Python, and takes what it prints.
#[track_caller]
fn run(mut command: Command, program: &str) -> String {
    command.current_dir(home()).args(["-c", program]);
    let output = within(Duration::from_secs(30), command);
    let (said, trouble) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{program}\n{said}{trouble}");
    // Tasks and sockets that nobody ended are told there.
    assert_eq!(trouble, "", "{program}");
    said
}

#[test]
fn the_python_client_passes_its_own_tests() {
    let Some(mut command) = python(&["websockets", "msgpack"]) else { return };
    command.current_dir(home()).args(["-m", "unittest", "discover", "-s", "tests"]);
    let output = within(Duration::from_secs(30), command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && !said.contains("\nRan 0 "), "{said}");
}

#[test]
fn the_types_of_the_python_client_are_strict() {
    let Some(mut command) = python(&["websockets", "mypy"]) else { return };
    let cache = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("mypy");
    command.current_dir(home()).args(["-m", "mypy", "--cache-dir"]).arg(cache);
    let output = within(Duration::from_secs(120), command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_python_client_reads_history_as_the_server_has_it() {
    let Some(command) = python(&["websockets"]) else { return };
    let town = Town::start(&[("feeds.sim.ticks_per_s", "500")]);
    std::thread::sleep(Duration::from_millis(2_500));
    let welcome = Client::connect(town.address).welcome;
    let to = format!("{}:{}", welcome["epoch"].as_str().unwrap(), welcome["seq"]);
    let program = format!(
        r#"
import asyncio, json, tickwire
def rows(kind, **more):
    it = tickwire.history("{url}", "sim:BTC-USD", kind, end="{to}", page_rows=7, **more)
    return [row.raw for row in it]
async def again():
    async with tickwire.connect("{url}") as client:
        return [row.raw async for row in client.history("sim:BTC-USD", end="{to}")]
trades = rows("trades")
assert asyncio.run(again()) == trades
assert len(list(tickwire.history("{url}", "sim", "sessions"))) == 1
try:
    list(tickwire.history("{url}", "sim:NOBODY"))
except tickwire.HttpError as error:
    assert (error.status, error.code, error.retryable) == (404, "unknown_symbol", False), error
try:
    rows("bars", intervall="1s")
except TypeError as error:
    assert "intervall" in str(error), error
else:
    raise AssertionError("a wrong name is no name")
bars = rows("bars", interval="1s")
print(json.dumps({{"trades": trades, "quotes": rows("quotes"), "bars": bars}}))
"#,
        url = town.url()
    );
    let said: Value = serde_json::from_str(&run(command, &program)).unwrap();
    for (path, name) in
        [("trades?", "trades"), ("quotes?", "quotes"), ("bars?interval=1s&", "bars")]
    {
        let path = format!("/v1/{path}symbol=sim:BTC-USD&to={to}&limit=10000");
        let rows = crate::client::get(town.address, &path).json()[name].clone();
        assert!(rows.as_array().is_some_and(|rows| !rows.is_empty()), "{name}");
        assert_eq!(said[name], rows, "{name}");
    }
}

#[test]
fn the_python_client_makes_tables() {
    let Some(command) = python(&["websockets", "pandas"]) else { return };
    let town = Town::start(&[("feeds.sim.ticks_per_s", "500")]);
    std::thread::sleep(Duration::from_millis(1_500));
    let welcome = Client::connect(town.address).welcome;
    let to = format!("{}:{}", welcome["epoch"].as_str().unwrap(), welcome["seq"]);
    let program = format!(
        r#"
import decimal, json, tickwire
def rows(kind="trades", **more):
    return tickwire.history("{url}", "sim:BTC-USD", kind, end="{to}", **more)
exact, short = rows().to_pandas(), rows().to_pandas(numbers="float")
assert list(exact.columns[:6]) == ["symbol", "seq", "ts", "recv", "price", "size"], exact.columns
assert exact["price"].map(type).eq(decimal.Decimal).all()
assert str(short["price"].dtype) == "float64"
assert abs(short["price"][0] - float(exact["price"][0])) < 1e-9
assert str(exact["recv"].dtype) == "datetime64[ns, UTC]", exact.dtypes
first = next(iter(rows()))
assert exact["recv"][0].value == first.recv_ns, "no digit of a time is lost"
bars = rows("bars", interval="1s").to_pandas()
assert list(bars.columns[:4]) == ["symbol", "seq", "start", "open"]
empty = tickwire.history("{url}", "sim:BTC-USD", end="{epoch}:1").to_pandas()
assert len(empty) == 0 and list(empty.columns) == list(exact.columns), empty
print(json.dumps([[str(row.price), str(row.size)] for row in exact.itertuples()]))
"#,
        url = town.url(),
        epoch = welcome["epoch"].as_str().unwrap()
    );
    let said: Value = serde_json::from_str(&run(command, &program)).unwrap();
    let path = format!("/v1/trades?symbol=sim:BTC-USD&to={to}&limit=10000");
    let rows = crate::client::get(town.address, &path).json();
    let rows = rows["trades"].as_array().unwrap();
    let digits: Vec<Value> = rows.iter().map(|it| json!([it["price"], it["size"]])).collect();
    assert!(digits.len() > 5);
    assert_eq!(said, json!(digits));
}

#[test]
fn the_python_client_works_without_asyncio() {
    let Some(command) = python(&["websockets"]) else { return };
    let town = Town::start(&[("feeds.sim.ticks_per_s", "500")]);
    let program = format!(
        r#"
import threading, tickwire, tickwire.sync as sync
with sync.connect("{url}") as client:
    with client.subscribe("sim:*", channel="trades") as trades:
        held, seen = {{}}, 0
        for event in trades:
            if isinstance(event, tickwire.Trade):
                assert event.prev == held[event.symbol], event
                seen += 1
            if isinstance(event, (tickwire.Trade, tickwire.Snapshot)):
                held[event.symbol] = event.seq
            if seen == 100:
                break
        trades.remove("sim:*")
        try:
            while trades.next(timeout=0.5) is not None:
                pass
        except TimeoutError:
            pass
        trades.add("sim:BTC-USD")
        while not isinstance(trades.next(timeout=5), tickwire.Snapshot):
            pass
    assert trades.next() is None, "it is closed"
    with client.replay("sim:*", start="2020-01-01T00:00:00Z", speed=0, paused=True) as replay:
        number = replay.play()
        ids = {{event.id for event in replay if isinstance(event, tickwire.Position)}}
        assert number in ids, ids
    assert len(list(client.history("sim:BTC-USD"))) > 0
assert [it.name for it in threading.enumerate()] == ["MainThread"]
print("done")
"#,
        url = town.url()
    );
    assert_eq!(run(command, &program), "done\n");
}

#[test]
fn the_examples_of_the_readme_of_the_python_client_run() {
    let Some(_) = python(&["websockets", "pandas"]) else { return };
    let page = std::fs::read_to_string(home().join("README.md")).unwrap();
    let town = Town::start(&[("feeds.sim.ticks_per_s", "500")]);
    std::thread::sleep(Duration::from_millis(1_500));
    let examples: Vec<&str> =
        page.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 6);
    let runs = examples.into_iter().map(|example| {
        let example = example.replace("127.0.0.1:8080", &town.address.to_string());
        std::thread::spawn(move || run(python(&["websockets", "pandas"]).unwrap(), &example))
    });
    for run in runs.collect::<Vec<_>>() {
        assert_ne!(run.join().unwrap(), "", "an example shows something");
    }
}

#[test]
fn the_python_client_is_a_package() {
    let Some(mut command) = python(&["websockets"]) else { return };
    let dir = tempfile::tempdir().unwrap();
    command.args(["-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    command.arg("--wheel-dir").arg(dir.path()).arg(home());
    let output = within(Duration::from_secs(60), command);
    if crate::clients::lacks("what packages are built with", output.status.success()) {
        println!("{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let wheel = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let mut command = python(&["websockets"]).unwrap();
    command.env("PYTHONPATH", &wheel).args(["-c", "import tickwire; print(tickwire.__file__)"]);
    let output = within(Duration::from_secs(30), command);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains(".whl/tickwire/__init__.py"), "{said}");
}
