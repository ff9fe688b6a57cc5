//! Long polling as it should be.

use std::time::Duration;

use serde_json::Value;
use tickwire::clock::monotonic;

use super::client::poll;
use super::client::seq_of;
use crate::client::Chains;
use crate::client::get;
use crate::client::keys;
use crate::harness::Server;
use crate::harness::since;

#[test]
fn the_first_answer_is_snapshots_and_comes_at_once() {
    let server = Server::shared();
    let path = "/v1/poll?channel=ticker&symbols=sim:*,sim:NO&wait_ms=30000";
    let (start, response) = (monotonic(), get(server.address, path));
    assert!(since(start) < Duration::from_secs(2), "{:?}", since(start));
    assert_eq!(keys(&response.body), ["cursor", "resumed", "messages", "rejected"]);
    for (name, value) in [("content-type", "application/json"), ("cache-control", "no-store")] {
        assert_eq!(response.header(name).as_deref(), Some(value));
    }
    let page = poll(server.address, "channel=ticker&symbols=sim:*,sim:NO&limit=1");
    assert!(!page.resumed && page.reason.is_none());
    assert_eq!((page.messages().len(), page.rejected.len()), (20, 1), "snapshots do not count");
    assert!(page.messages().iter().all(|message| message["type"] == "snapshot"));
    let nothing = poll(server.address, "channel=ticker&symbols=nobody:*");
    assert!(nothing.messages().is_empty() && seq_of(&nothing.cursor) >= seq_of(&page.cursor));
}

#[test]
fn a_page_ends_on_a_whole_place_within_its_limit() {
    let server = Server::shared();
    for channel in ["ticker", "trades", "bars.1s"] {
        let query = format!("channel={channel}&symbols=sim:*");
        let first = poll(server.address, &query);
        let (mut chains, mut cursor) = (Chains::default(), first.cursor.clone());
        first.messages().iter().for_each(|message| chains.see(message));
        std::thread::sleep(Duration::from_millis(700));
        for limit in [1, 2, 7, 50, 10_000].into_iter().chain([1_000; 10]) {
            let page = poll(server.address, &format!("{query}&limit={limit}&cursor={cursor}"));
            assert!(page.resumed, "{page:?}");
            let messages = page.messages();
            let seqs: Vec<_> = messages.iter().map(|of| of["seq"].as_u64().unwrap()).collect();
            assert!(!seqs.is_empty() && seqs.is_sorted());
            assert!(seqs[0] > seq_of(&cursor) && seqs[seqs.len() - 1] <= seq_of(&page.cursor));
            let before = seqs.iter().take_while(|seq| **seq != seqs[seqs.len() - 1]).count();
            assert!(before < limit, "{} messages of {limit}", seqs.len());
            messages.iter().for_each(|message| chains.see(message));
            cursor = page.cursor;
        }
        assert!(chains.linked >= 60, "{}", chains.linked);
    }
}

#[test]
fn the_cursor_moves_on_where_nothing_is_for_this_client() {
    let server = Server::start(&[("feeds.sim.ticks_per_s", "3000")]);
    crate::http::wait_until_ready(&server);
    let query = "channel=ticker&symbols=nobody:*";
    let first = poll(server.address, query);
    std::thread::sleep(Duration::from_millis(1_500));
    let mut cursor = first.cursor;
    for wait_ms in [0, 0, 0, 100, 500] {
        let start = monotonic();
        let page = poll(server.address, &format!("{query}&wait_ms={wait_ms}&cursor={cursor}"));
        let took = since(start);
        assert!(page.resumed && page.messages().is_empty());
        assert!(seq_of(&page.cursor) >= seq_of(&cursor), "{cursor} and then {}", page.cursor);
        let wait = Duration::from_millis(wait_ms);
        assert!(took >= wait && took < wait + Duration::from_secs(1), "{took:?} of {wait:?}");
        cursor = page.cursor;
    }
    let head = poll(server.address, query).cursor;
    assert!(seq_of(&head) - seq_of(&cursor) < 1_000, "{cursor} is far behind {head}");
}

#[test]
fn the_whole_tape_can_be_polled_page_by_page() {
    let server = Server::start(&[("feeds.sim.ticks_per_s", "2000"), ("feeds.sim.symbols", "50")]);
    crate::http::wait_until_ready(&server);
    std::thread::sleep(Duration::from_secs(2));
    let head = poll(server.address, "channel=trades&symbols=*:*").cursor;
    let epoch = head.rsplit_once(':').unwrap().0.to_owned();
    for channel in ["ticker", "trades", "bars.1s"] {
        let (mut chains, mut cursor, mut pages) = (Chains::default(), format!("{epoch}:0"), 0);
        while seq_of(&cursor) < seq_of(&head) {
            let query = format!("channel={channel}&symbols=*:*&limit=40&cursor={cursor}");
            let page = poll(server.address, &query);
            assert!(page.resumed && seq_of(&page.cursor) > seq_of(&cursor), "{page:?}");
            for message in page.messages() {
                // What a client does with repeats: a page that began a stream with what is true
                // now is followed by what that was made of.
                let name = (channel.to_owned(), message["symbol"].as_str().unwrap().to_owned());
                let held = chains.held.get(&name).copied();
                let is_repeat = held.is_some_and(|held| message["seq"].as_u64().unwrap() <= held);
                if message["type"] == "snapshot" || !is_repeat {
                    chains.see(&message);
                }
            }
            cursor = page.cursor;
            pages += 1;
        }
        assert_eq!(chains.held.len(), 50, "{channel}");
        assert!(pages > 3, "{pages} pages of {channel}");
    }
}

#[test]
fn a_client_that_comes_back_too_late_is_told_and_begins_anew() {
    let server = Server::shared();
    let cursor = poll(server.address, "channel=ticker&symbols=sim:*").cursor;
    let (epoch, seq) = cursor.rsplit_once(':').unwrap();
    let ahead = format!("{epoch}:{}", seq.parse::<u64>().unwrap() + 1_000_000_000);
    for (cursor, reason) in [("gone:7", "epoch_mismatch"), (&*ahead, "ahead")] {
        let page = poll(server.address, &format!("channel=ticker&symbols=sim:*&cursor={cursor}"));
        assert_eq!((page.resumed, page.reason.as_deref()), (false, Some(reason)));
        assert_eq!(page.messages().len(), 20);
    }
}

#[test]
fn a_page_of_states_has_each_once() {
    let server = Server::shared();
    let query = "channel=ticker&symbols=sim:*&conflate_ms=100";
    let mut cursor = poll(server.address, query).cursor;
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(100));
        let page = poll(server.address, &format!("{query}&cursor={cursor}"));
        let messages = page.messages();
        let mut symbols: Vec<_> = messages.iter().map(|of| of["symbol"].to_string()).collect();
        symbols.sort();
        symbols.dedup();
        assert!(!messages.is_empty() && symbols.len() == messages.len(), "{messages:?}");
        assert!(messages.iter().all(|message| message["type"] == "snapshot"));
        assert!(seq_of(&page.cursor) > seq_of(&cursor));
        cursor = page.cursor;
    }
}

#[test]
fn a_page_begins_some_messages_ago_if_asked_to() {
    let server = Server::shared();
    std::thread::sleep(Duration::from_millis(500));
    let page = poll(server.address, "channel=trades&symbols=sim:BTC-USD,sim:ETH-USD&last=3");
    let mut chains = Chains::default();
    page.messages().iter().for_each(|message: &Value| chains.see(message));
    assert_eq!(chains.snapshots, 2);
    assert!(chains.linked >= 6, "{page:?}");
    let path = "/v1/poll?channel=trades&symbols=sim:*&last=1000";
    let refused = get(server.address, path);
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &"bad_request".into()));
}
