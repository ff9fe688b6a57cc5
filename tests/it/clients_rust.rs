//! The client for Rust against the real server and against bad ones.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::client::Client;
use crate::readers::hostile;
use crate::readers::live;
use crate::readers::rust::make;
use crate::readers::tls;
use crate::readers::tour;
use crate::readers::town::Town;

#[test]
fn the_rust_client_gets_what_a_plain_connection_gets() {
    live::gets_the_same(make);
}

#[test]
fn the_rust_client_misses_nothing_over_kills() {
    live::survives_kills(make);
}

#[test]
fn the_rust_client_says_what_another_tape_lost() {
    live::says_what_another_tape_lost(make);
}

#[test]
fn the_rust_client_misses_nothing_by_reading_late() {
    live::misses_nothing_by_reading_late(make);
}

#[test]
fn the_rust_client_is_told_of_its_own_gaps() {
    live::is_told_of_its_own_gaps(make);
}

#[test]
fn the_rust_client_renews_its_token() {
    live::renews_its_token(make);
}

#[test]
fn the_rust_client_follows_more_and_less() {
    live::follows_more_and_less(make);
}

#[test]
fn the_rust_client_begins_at_a_cursor_or_back() {
    live::begins_at_a_cursor_or_back(make);
}

#[test]
fn the_rust_client_comes_back_when_it_is_asked_to() {
    live::comes_back_when_it_is_asked_to(make);
}

#[test]
fn the_rust_client_plays_what_was() {
    tour::is_what_it_was(make);
}

#[test]
fn the_rust_client_has_buttons_for_a_replay() {
    tour::has_buttons(make);
}

#[test]
fn the_rust_client_plays_on_over_kills_and_into_what_is_live() {
    tour::survives_kills_and_goes_live(make);
}

#[test]
fn the_rust_client_says_what_cannot_be_played() {
    tour::says_what_cannot_be_played(make);
}

#[test]
fn the_rust_client_survives_what_is_no_protocol() {
    hostile::is_no_protocol(make);
}

#[test]
fn the_rust_client_survives_what_is_no_websocket() {
    hostile::is_no_websocket(make);
}

#[test]
fn the_rust_client_asks_for_a_broken_stream_anew() {
    hostile::breaks_a_stream(make);
}

#[test]
fn the_rust_client_leaves_a_server_that_breaks_streams_for_ever() {
    hostile::breaks_a_stream_for_ever(make);
}

#[test]
fn the_rust_client_drops_repeats_and_strangers() {
    hostile::says_things_twice_or_of_nobody(make);
}

#[test]
fn the_rust_client_answers_each_close_code() {
    hostile::closes(make);
}

#[test]
fn the_rust_client_does_not_return_at_once_where_there_is_no_room() {
    hostile::has_no_room(make);
}

#[test]
fn the_rust_client_gives_up_a_silent_connection() {
    hostile::falls_silent(make);
}

#[test]
fn the_rust_client_asks_again_for_what_is_refused_for_now() {
    hostile::refuses(make);
}

#[test]
fn the_rust_client_waits_for_a_server_that_is_not_there() {
    hostile::is_not_there(make);
}

#[path = "../../clients/rust/examples/readme.rs"]
#[expect(dead_code, reason = "its own main is not run here")]
mod readme;

/// A runtime as a program has it.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn the_rust_client_reads_history_as_the_server_has_it() {
    let town = Town::start(&[("feeds.sim.ticks_per_s", "500")]);
    std::thread::sleep(Duration::from_millis(2_500));
    let get = |path: &str| crate::client::get(town.address, path).json();
    let to = Client::connect(town.address).welcome;
    let to = format!("{}:{}", to["epoch"].as_str().unwrap(), to["seq"]);
    let client = tickwire_client::Client::new(&town.url()).unwrap();
    let cursor: tickwire_client::Cursor = to.parse().unwrap();
    runtime().block_on(async {
        let symbol = "sim:BTC-USD";
        let trades = client.trades(symbol).to(cursor.clone()).page_rows(7).all().await.unwrap();
        let quotes = client.quotes(symbol).to(cursor.clone()).all().await.unwrap();
        let bars = client.bars(symbol, "1s").to(cursor.clone()).all().await.unwrap();
        let sessions = client.sessions("sim").all().await.unwrap();
        let gaps = client.gaps(symbol).all().await.unwrap();
        let rows =
            |path: &str, name: &str| get(&format!("/v1/{path}&to={to}&limit=10000"))[name].clone();
        let symbol = format!("symbol={symbol}");
        assert_eq!(json!(trades), rows(&format!("trades?{symbol}"), "trades"));
        assert_eq!(json!(quotes), rows(&format!("quotes?{symbol}"), "quotes"));
        assert_eq!(json!(bars), rows(&format!("bars?{symbol}&interval=1s"), "bars"));
        assert!(trades.len() > 7 && quotes.len() > 7 && !bars.is_empty(), "{}", trades.len());
        assert_eq!((sessions.len(), gaps.len()), (1, 0));
        let error = client.trades("sim:NOBODY").all().await.unwrap_err();
        assert_eq!((error.code(), error.is_retryable()), ("unknown_symbol", false));
    });
}

#[test]
fn the_examples_of_the_readme_of_the_rust_client_run() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/rust");
    let page = std::fs::read_to_string(home.join("README.md")).unwrap();
    let program = std::fs::read_to_string(home.join("examples/readme.rs")).unwrap();
    let bare = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let examples: Vec<&str> =
        page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 4);
    for example in examples {
        let (_, body) = example.split_once("\n\n").unwrap();
        assert!(bare(&program).contains(&bare(body)), "not what runs here: {body}");
    }
    let (version, _patch) = env!("CARGO_PKG_VERSION").rsplit_once('.').unwrap();
    assert!(page.contains(&format!("tickwire-client = \"{version}\"")), "{version}");
    let town = Town::start(&[("feeds.sim.ticks_per_s", "500")]);
    let head = Client::connect(town.address).welcome;
    runtime().block_on(async {
        readme::follow(&town.url()).await.unwrap();
        let cursor =
            |seq: u64| format!("{}:{seq}", head["epoch"].as_str().unwrap()).parse().unwrap();
        let end = Client::connect(town.address).welcome["seq"].as_u64().unwrap();
        let trades = readme::replay(&town.url(), cursor(1), cursor(end)).await.unwrap();
        assert!(trades >= 5, "{trades}");
        readme::history(&town.url()).await.unwrap();
    });
    readme::with_token(&town.url()).unwrap();
}

#[test]
fn the_rust_client_speaks_tls_to_whom_it_trusts() {
    tls::is_spoken(make);
}
