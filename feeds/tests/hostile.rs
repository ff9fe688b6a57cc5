//! Whatever a venue sends, a feed answers with ticks or with an error: it never panics, never makes
//! more of a frame than the frame holds, and never lets a bad number out.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::thread;

use proptest::prelude::*;
use tickwire_feeds::Error;
use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::Venue;

const NOW: Nanos = Nanos(1_800_000_000_000_000_000);

/// Words that the venues use, names and values alike.
const WORDS: &[&str] = &[
    "e",
    "u",
    "s",
    "b",
    "B",
    "a",
    "A",
    "t",
    "p",
    "q",
    "T",
    "m",
    "stream",
    "data",
    "type",
    "channel",
    "channels",
    "product_id",
    "product_ids",
    "trade_id",
    "side",
    "price",
    "size",
    "time",
    "sequence",
    "best_bid",
    "best_ask",
    "last_trade_id",
    "symbol",
    "bid",
    "bid_qty",
    "ask",
    "ask_qty",
    "qty",
    "timestamp",
    "method",
    "success",
    "result",
    "error",
    "id",
    "name",
    "trade",
    "aggTrade",
    "bookTicker",
    "match",
    "last_match",
    "ticker",
    "heartbeat",
    "update",
    "snapshot",
    "subscribe",
    "subscriptions",
    "BTCUSDT",
    "BTC-USD",
    "BTC/USD",
    "buy",
    "sell",
    "1",
    "0.5",
    "-1",
    "matches",
    "status",
    "system",
];

static SAMPLES: LazyLock<Vec<(Venue, Vec<u8>)>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples");
    let samples = |venue: Venue| {
        let mut files: Vec<_> =
            fs::read_dir(folder.join(venue.name())).unwrap().map(|it| it.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
        files.sort();
        files.into_iter().map(move |path| (venue, fs::read(path).unwrap()))
    };
    Venue::ALL.iter().copied().flat_map(samples).collect()
});

/// A change of one place of a frame.
#[derive(Debug, Clone)]
enum Edit {
    Set(u8),
    Remove(usize),
    Insert(Vec<u8>),
    Repeat(usize),
    Cut,
}

fn venue() -> impl Strategy<Value = Venue> {
    prop::sample::select(Venue::ALL)
}

fn edit() -> impl Strategy<Value = Edit> {
    let piece = prop::sample::select(vec![
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "null",
        "-1",
        "1e400",
        "0",
        "\"NaN\"",
        "1.5",
        "\\u0000",
        "\"e\":\"trade\",",
        "99999999999999999999",
        "\u{202e}",
        "true",
    ]);
    prop_oneof![
        any::<u8>().prop_map(Edit::Set),
        (1_usize..20).prop_map(Edit::Remove),
        piece.prop_map(|text| Edit::Insert(text.as_bytes().to_vec())),
        (1_usize..60).prop_map(Edit::Repeat),
        Just(Edit::Cut),
    ]
}

fn json() -> impl Strategy<Value = String> {
    let word = prop::sample::select(WORDS);
    let leaf = prop_oneof![
        word.clone().prop_map(|word| format!("{word:?}")),
        "[-]?[0-9]{1,30}([.][0-9]{1,30})?(e[-+]?[0-9]{1,3})?",
        prop::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(5, 60, 10, move |inner| {
        let field = (word.clone(), inner.clone()).prop_map(|(name, it)| format!("{name:?}:{it}"));
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(field, 0..10)
                .prop_map(|items| format!("{{{}}}", items.join(","))),
        ]
    })
}

fn opened(venue: Venue) -> Box<dyn Feed> {
    let names: &[&str] = match venue {
        Venue::Binance => &["binance:BTC-USDT", "binance:ETH-USDT"],
        Venue::Coinbase => &["coinbase:BTC-USD", "coinbase:ETH-USD"],
        Venue::Kraken => &["kraken:BTC-USD", "kraken:ETH-USD", "kraken:AAPLx-USD"],
    };
    let symbols: Vec<_> = names.iter().map(|text| Symbol::parse(text).unwrap()).collect();
    let mut feed = venue.feed(&symbols).unwrap();
    feed.on_open(NOW, &mut Output::default());
    feed
}

/// Hands a frame in and checks what must hold for any.
fn check(feed: &mut dyn Feed, frame: &[u8]) -> Result<(), Error> {
    let mut out = Output::default();
    let result = feed.on_frame(&mut frame.to_vec(), NOW, &mut out);
    // A trade and the gap before it take more text than this.
    assert!(out.ticks.len() <= 2 + frame.len() / 20, "{} ticks", out.ticks.len());
    assert!(out.send.is_empty());
    for tick in &out.ticks {
        if let Tick::Trade(trade) = tick {
            assert!(trade.price.parts().0 > 0 && !trade.size.is_zero() && trade.recv == NOW);
        }
    }
    if let Err(error) = &result {
        assert!(error.to_string().len() < 1_000 && !error.reason().is_empty());
    }
    result
}

fn apply(frame: &mut Vec<u8>, at: usize, edit: &Edit) {
    if frame.is_empty() {
        return;
    }
    let at = at % frame.len();
    let end = |count: usize| frame.len().min(at + count);
    match edit {
        Edit::Set(byte) => frame[at] = *byte,
        Edit::Remove(count) => drop(frame.drain(at..end(*count))),
        Edit::Insert(piece) => drop(frame.splice(at..at, piece.iter().copied())),
        Edit::Repeat(count) => {
            let piece = frame[at..end(*count)].to_vec();
            drop(frame.splice(at..at, piece));
        }
        Edit::Cut => frame.truncate(at),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_answered(
        venue in venue(),
        frame in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        check(&mut *opened(venue), &frame).ok();
    }

    #[test]
    fn any_json_is_answered(venue in venue(), frames in prop::collection::vec(json(), 1..4)) {
        let mut feed = opened(venue);
        for frame in frames {
            check(&mut *feed, frame.as_bytes()).ok();
        }
    }

    #[test]
    fn any_changed_sample_is_answered(
        pick in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<usize>(), edit()), 1..6),
    ) {
        let (venue, sample) = pick.get(&SAMPLES);
        let mut frame = sample.clone();
        for (at, edit) in &edits {
            apply(&mut frame, *at, edit);
        }
        let mut feed = opened(*venue);
        check(&mut *feed, &frame).ok();
        // The feed goes on: what came before does not spoil what comes now.
        for (_, sample) in SAMPLES.iter().filter(|(of, _)| of == venue) {
            check(&mut *feed, sample).ok();
        }
    }
}

#[test]
fn deep_nesting_takes_no_stack() {
    // A tenth of what a thread of the runtime has.
    let thread = thread::Builder::new().stack_size(200 * 1024).spawn(|| {
        for venue in Venue::ALL {
            for depth in [100, 10_000, 1_000_000] {
                let (arrays, objects) = ("[".repeat(depth), "{\"data\":".repeat(depth));
                for frame in [
                    arrays.clone(),
                    objects.clone(),
                    format!("{objects}1{}", "}".repeat(depth)),
                    format!("{arrays}{}", "]".repeat(depth)),
                    format!("{{\"channel\":\"trade\",\"data\":{arrays}{}}}", "]".repeat(depth)),
                    format!("{{\"e\":\"trade\",\"s\":{objects}1{}}}", "}".repeat(depth)),
                ] {
                    assert!(check(&mut *opened(*venue), frame.as_bytes()).is_err());
                }
            }
        }
    });
    thread.unwrap().join().unwrap();
}

#[test]
fn a_huge_frame_is_answered_in_proportion() {
    let numbers = vec!["1"; 1_000_000].join(",");
    let row = r#"{"symbol":"BTC/USD","side":"buy","price":0,"qty":1,"trade_id":1}"#;
    for (venue, frame) in [
        (Venue::Binance, format!("{{\"e\":\"trade\",\"s\":[{numbers}]}}")),
        (Venue::Coinbase, format!("{{\"type\":\"match\",\"product_id\":[{numbers}]}}")),
        (Venue::Kraken, format!("{{\"channel\":\"ticker\",\"data\":[{numbers}]}}")),
        (
            Venue::Kraken,
            format!("{{\"channel\":\"trade\",\"data\":[{}]}}", vec![row; 20_000].join(",")),
        ),
    ] {
        assert!(check(&mut *opened(venue), frame.as_bytes()).is_err());
    }
}

#[test]
fn invalid_utf8_and_control_characters_are_refused() {
    for (venue, sample) in SAMPLES.iter() {
        for bad in [b"\xff\xfe".as_slice(), b"\x00", b"\xed\xa0\x80", b"\n\""] {
            let Some(at) = sample.windows(2).position(|pair| pair == b":\"") else { continue };
            let mut frame = sample.clone();
            drop(frame.splice(at + 2..at + 2, bad.iter().copied()));
            let shown = String::from_utf8_lossy(&frame).into_owned();
            assert!(check(&mut *opened(*venue), &frame).is_err(), "{venue} {shown}");
        }
    }
}
