//! Each hand-made frame of `samples/`, read by a feed that has just been opened.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::Venue;
use tickwire_feeds::tick::Level;
use tickwire_feeds::tick::Scope;

const NOW: Nanos = Nanos(1_800_000_000_000_000_000);

/// A sample, and what comes of it: its ticks, then `alive`, a reconnect, or the reason of refusal.
type Case = (&'static str, &'static [&'static str]);

const BINANCE: &[Case] = &[
    (
        "trade",
        &[
            "trade binance:BTC-USDT 70123.45000000 x 0.01200000 Sell 7001 \
             2026-09-21T14:13:20.123401Z",
            "alive",
        ],
    ),
    (
        "trade_bare_ms",
        &["trade binance:ETH-USDT 2500.10 x 1.5 Buy 8101 2026-09-21T14:13:20.123Z", "alive"],
    ),
    (
        "trade_order_ids",
        &[
            "trade binance:BTC-USDT 70123.45000000 x 0.01200000 Sell 7001 \
             2026-09-21T14:13:20.123Z",
            "alive",
        ],
    ),
    ("trade_price_zero", &["refused out_of_range"]),
    ("trade_price_negative", &["refused out_of_range"]),
    ("trade_price_nan", &["refused bad_number"]),
    ("trade_price_bare", &["refused bad_frame"]),
    ("trade_size_zero", &["refused out_of_range"]),
    ("trade_time_unknowable", &["refused bad_time"]),
    ("trade_unknown_instrument", &["refused unknown_instrument"]),
    (
        "agg_trade",
        &[
            "trade binance:BTC-USDT 70123.45000000 x 0.50000000 Buy 501 2026-09-21T14:13:20.123Z",
            "alive",
        ],
    ),
    (
        "book_ticker",
        &[
            "quote binance:BTC-USDT 70123.44000000 x 1.25000000 / 70123.45000000 x 0.00310000 -",
            "alive",
        ],
    ),
    ("book_ticker_bare", &["quote binance:ETH-USDT 2500.00 x 3 / 2500.10 x 4.0 -", "alive"]),
    (
        "book_ticker_no_bid",
        &["quote binance:BTC-USDT none / 70123.45000000 x 0.00310000 -", "alive"],
    ),
    ("depth_update", &["refused unknown_message"]),
    ("kline", &["refused unknown_message"]),
    ("ticker_24h", &["refused unknown_message"]),
    ("mini_ticker_array", &["refused unknown_message"]),
    ("server_shutdown", &["reconnect: the venue's server is shutting down"]),
    ("ack", &[]),
    ("error", &["reconnect: the venue refused a request", "refused venue_error"]),
    ("error_nested", &["reconnect: the venue refused a request", "refused venue_error"]),
    ("no_data", &["refused bad_frame"]),
    ("not_json", &["refused bad_frame"]),
    ("list_of_nothing", &["refused bad_frame"]),
];

const COINBASE: &[Case] = &[
    (
        "match",
        &["trade coinbase:BTC-USD 70123.40 x 0.0500 Buy 4001 2026-09-21T14:13:20.123456Z", "alive"],
    ),
    (
        "match_buy",
        &["trade coinbase:BTC-USD 70123.4 x 2 Sell 4001 2026-09-21T14:13:20.123456Z", "alive"],
    ),
    ("match_no_time", &["trade coinbase:BTC-USD 70123.4 x 2 Sell 4001 -", "alive"]),
    ("match_bad_time", &["refused bad_time"]),
    ("match_bad_side", &["refused bad_frame"]),
    ("match_price_zero", &["refused out_of_range"]),
    ("match_unknown_instrument", &["refused unknown_instrument"]),
    ("last_match", &["alive"]),
    (
        "ticker",
        &[
            "quote coinbase:BTC-USD 70123.39 x 0.75000000 / 70123.40 x 1.10 \
             2026-09-21T14:13:20.123456Z",
            "alive",
        ],
    ),
    (
        "ticker_no_sizes",
        &["quote coinbase:ETH-USD 2500.0 x ? / 2500.10 x ? 2026-09-21T14:13:20.1Z", "alive"],
    ),
    (
        "ticker_no_ask",
        &["quote coinbase:ETH-USD 2500.0 x 1 / none 2026-09-21T14:13:20.1Z", "alive"],
    ),
    ("ticker_bare_size", &["refused bad_number"]),
    ("heartbeat", &["alive"]),
    ("subscriptions", &[]),
    ("error", &["refused venue_error"]),
    ("snapshot", &["refused unknown_message"]),
    ("l2update", &["refused unknown_message"]),
    ("advanced_trades", &["refused unknown_message"]),
    ("no_type", &["refused unknown_message"]),
    ("not_json", &["refused bad_frame"]),
    ("bare_number", &["refused bad_frame"]),
];

const KRAKEN: &[Case] = &[
    (
        "trade",
        &["trade kraken:BTC-USD 70123.4 x 0.00510000 Buy 501 2026-09-21T14:13:20.123456Z", "alive"],
    ),
    (
        "trade_several",
        &[
            "trade kraken:BTC-USD 70123.4 x 0.00000001 Sell 501 2026-09-21T14:13:20.123456Z",
            "trade kraken:ETH-USD 2500.10 x 12.50000000 Buy 90 2026-09-21T14:13:20.123456Z",
            "trade kraken:BTC-USD 70123.30 x 0.1 Sell 502 2026-09-21T14:13:20.123456Z",
            "alive",
        ],
    ),
    (
        "trade_one_bad",
        &[
            "trade kraken:BTC-USD 70123.4 x 0.1 Buy 501 2026-09-21T14:13:20.123456Z",
            "gap kraken:BTC-USD trades venue_sequence lost missing 1",
            "trade kraken:BTC-USD 70123.5 x 0.1 Buy 503 2026-09-21T14:13:20.123456Z",
            "alive",
            "refused out_of_range",
        ],
    ),
    ("trade_two_bad", &["refused out_of_range"]),
    (
        "trade_exponent",
        &["trade kraken:BTC-USD 0.000000125 x 300 Buy 501 2026-09-21T14:13:20.123456Z", "alive"],
    ),
    ("trade_snapshot", &[]),
    ("trade_unknown_instrument", &["refused unknown_instrument"]),
    ("trade_long_number", &["refused bad_number"]),
    (
        "ticker_snapshot",
        &[
            "quote kraken:BTC-USD 70123.3 x 0.50000000 / 70123.4 x 1.02000000 \
             2026-09-21T14:13:19.000001Z",
            "alive",
        ],
    ),
    ("ticker_update", &["quote kraken:ETH-USD 2500.00 x 3.0 / 2500.10 x 12.5 -", "alive"]),
    ("ticker_other_order", &["quote kraken:ETH-USD 2500.00 x 3.0 / 2500.10 x 12.50 -", "alive"]),
    ("ticker_time_zero", &["quote kraken:ETH-USD 2500.00 x 3.0 / 2500.10 x 12.5 -", "alive"]),
    ("ticker_empty_book", &["quote kraken:ETH-USD none / none -", "alive"]),
    ("ticker_xstock", &["quote kraken:AAPLx-USD 251.10 x 4.00 / 251.25 x 1.5 -", "alive"]),
    ("heartbeat", &["alive"]),
    ("status", &[]),
    ("status_maintenance", &["refused venue_error"]),
    ("ack", &[]),
    (
        "refused",
        &["status kraken:ETH-USD down: venue refused: Currency pair not supported ETH/USD"],
    ),
    ("refused_all", &["refused venue_error"]),
    ("pong", &[]),
    ("book", &["refused unknown_message"]),
    ("no_data", &["refused bad_frame"]),
    ("ack_no_channel", &["refused unknown_message"]),
    ("v1_trade", &["refused unknown_message"]),
    ("v1_status", &["refused unknown_message"]),
    ("not_json", &["refused bad_frame"]),
    ("no_price", &["refused bad_frame"]),
];

#[test]
fn binance_samples_become_what_they_say() {
    check_all(Venue::Binance, &["binance:BTC-USDT", "binance:ETH-USDT"], BINANCE);
}

#[test]
fn coinbase_samples_become_what_they_say() {
    check_all(Venue::Coinbase, &["coinbase:BTC-USD", "coinbase:ETH-USD"], COINBASE);
}

#[test]
fn kraken_samples_become_what_they_say() {
    check_all(Venue::Kraken, &["kraken:BTC-USD", "kraken:ETH-USD", "kraken:AAPLx-USD"], KRAKEN);
}

fn check_all(venue: Venue, symbols: &[&str], cases: &[Case]) {
    let symbols: Vec<_> = symbols.iter().map(|text| Symbol::parse(text).unwrap()).collect();
    for (name, expected) in cases {
        let mut feed = venue.feed(&symbols).unwrap();
        feed.on_open(NOW, &mut Output::default());
        let mut frame = fs::read(folder(venue).join(format!("{name}.json"))).unwrap();
        assert_eq!(outcome(&mut *feed, &mut frame), *expected, "{venue} {name}");
    }
    let covered: BTreeSet<_> = cases.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(covered, files(venue), "every sample of {venue} is in the table");
}

fn outcome(feed: &mut dyn Feed, frame: &mut [u8]) -> Vec<String> {
    let mut out = Output::default();
    let result = feed.on_frame(frame, NOW, &mut out);
    let mut lines: Vec<_> = out.ticks.iter().map(show).collect();
    lines.extend(out.alive.then(|| "alive".to_owned()));
    lines.extend(out.reconnect.map(|why| format!("reconnect: {why}")));
    lines.extend(result.err().map(|error| format!("refused {}", error.reason())));
    lines
}

fn show(tick: &Tick) -> String {
    let time = |ts: Option<Nanos>| ts.map_or("-".to_owned(), |ts| ts.to_string());
    match tick {
        Tick::Trade(it) => format!(
            "trade {} {} x {} {:?} {} {}",
            it.symbol,
            it.price,
            it.size,
            it.side.unwrap(),
            it.trade_id.as_ref().unwrap(),
            time(it.ts)
        ),
        Tick::Quote(it) => {
            format!("quote {} {} / {} {}", it.symbol, side(it.bid), side(it.ask), time(it.ts))
        }
        Tick::Gap(it) => {
            let missing = it.missing.unwrap();
            let (covers, cause, state) = (it.covers.word(), it.cause.word(), it.state.word());
            format!("gap {} {covers} {cause} {state} missing {missing}", scope(&it.scope))
        }
        Tick::Status(it) => {
            let reason = it.reason.as_deref().unwrap_or_default();
            format!("status {} {}: {reason}", scope(&it.scope), it.state.word())
        }
        other => format!("{other:?}"),
    }
}

fn side(level: Option<Level>) -> String {
    let Some(level) = level else { return "none".to_owned() };
    let size = level.size.map_or("?".to_owned(), |size| size.to_string());
    format!("{} x {size}", level.price)
}

fn scope(scope: &Scope) -> &str {
    match scope {
        Scope::Feed => "feed",
        Scope::Symbol(symbol) => symbol.as_str(),
    }
}

fn files(venue: Venue) -> BTreeSet<String> {
    let files = fs::read_dir(folder(venue)).unwrap().map(|file| file.unwrap().path());
    let frames = files.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    frames.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn folder(venue: Venue) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("samples").join(venue.name())
}
