//! Messages as clients see them, of events that a real board has stamped.

use proptest::prelude::*;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;
use tickwire_feeds::tick::Cause;
use tickwire_feeds::tick::Covers;
use tickwire_feeds::tick::GapState;
use tickwire_feeds::tick::Scope;
use tickwire_feeds::tick::Side;
use tickwire_feeds::tick::State;
use tickwire_feeds::tick::TradeExtra;
use tickwire_feeds::tick::TradeId;
use tickwire_feeds::tick::Trading;

use super::*;
use crate::board::Refused;
use crate::event::FeedId;
use crate::event::Registry;

const NAME: &str = "sim:BTC-USD";

/// A board with one feed and one symbol, and what became of the last tick.
struct Desk {
    board: Board,
    last: Option<Event>,
}

fn at(time: &str) -> Nanos {
    let day = if time.contains('T') { "" } else { "2026-11-21T" };
    Nanos::parse_rfc3339(&format!("{day}{time}Z")).unwrap()
}

fn symbol() -> Symbol {
    Symbol::parse(NAME).unwrap()
}

fn level(price: &str, size: &str) -> Option<Level> {
    Level::parse(price, Some(size)).unwrap()
}

fn print(time: &str, price: &str, size: &str) -> tick::Trade {
    tick::Trade {
        symbol: symbol(),
        ts: Some(at(time)),
        recv: at(time).plus_millis(1),
        price: Price::parse(price).unwrap(),
        size: Size::parse(size).unwrap(),
        side: None,
        trade_id: None,
        extra: None,
    }
}

fn status(scope: Scope, time: &str, state: State) -> tick::Status {
    tick::Status { scope, recv: at(time), state, trading: None, reason: None }
}

fn gap(scope: Scope, time: &str, covers: Covers, state: GapState) -> tick::Gap {
    tick::Gap {
        scope,
        recv: at(time),
        covers,
        cause: Cause::VenueDisconnect,
        missing: None,
        state,
        settles_disconnect: state != GapState::Open,
    }
}

impl Desk {
    fn open() -> Self {
        let mut desk = Self { board: Board::default(), last: None };
        let feed = Registry::Feed { id: FeedId(0), name: "sim".into(), venue: "sim".into() };
        desk.board.stamp_registry(feed, at("09:00:00"), Seq(1));
        desk.list(NAME);
        desk
    }

    fn list(&mut self, name: &str) {
        let symbol = Symbol::parse(name).unwrap();
        self.tick(Tick::Listed(tick::Listing { symbol, raw: None, recv: at("09:00:00") })).unwrap();
    }

    fn tick(&mut self, tick: Tick) -> Result<(), Refused> {
        let seq = self.board.seq().next();
        self.last = Some(self.board.stamp(FeedId(0), tick, seq)?);
        Ok(())
    }

    fn trade(&mut self, trade: tick::Trade) {
        self.tick(Tick::Trade(trade)).unwrap();
    }

    fn quote(&mut self, time: &str, bid: Option<Level>, ask: Option<Level>) {
        let (symbol, recv) = (symbol(), at(time));
        self.tick(Tick::Quote(tick::Quote { symbol, ts: None, recv, bid, ask })).unwrap();
    }

    fn message(&self, channel: Channel, name: &str) -> String {
        let (mut out, event) = (Vec::new(), self.last.as_ref().unwrap());
        let id = self.board.id(name).unwrap();
        let stream = StreamName { channel, id, symbol: name };
        write_event(&mut out, stream, event, Seq(4_000));
        String::from_utf8(out).unwrap()
    }

    fn snapshot(&self, channel: Channel) -> String {
        let mut out = Vec::new();
        write_snapshot(&mut out, channel, self.board.id(NAME).unwrap(), &self.board);
        String::from_utf8(out).unwrap()
    }

    /// What the last tick was in a channel, from `seq` on.
    #[track_caller]
    fn is(&self, channel: Channel, expected: &str) -> &Self {
        let message = self.message(channel, NAME);
        let rest = message.split_once(&format!("\"{NAME}\",")).map_or("", |(_, rest)| rest);
        assert_eq!(rest.trim_end_matches('}'), expected);
        self
    }

    /// The end of the ticker's snapshot, from `from` on.
    #[track_caller]
    fn shows(&self, from: &str, expected: &str) -> &Self {
        let snapshot = self.snapshot(Channel::Ticker);
        let rest = snapshot.split_once(from).map_or("", |(_, rest)| rest);
        assert_eq!(rest, expected);
        self
    }
}

const DOWN: &str = r#""state":"down","since":"1970-01-01T00:00:00Z"}"#;

#[test]
fn the_first_trade_begins_the_day_and_sends_all_of_it() {
    let mut desk = Desk::open();
    desk.trade(print("09:30:00.5", "105944.20", "0.50"));
    desk.is(
        Channel::Ticker,
        concat!(
            r#""seq":3,"prev":0,"ts":"2026-11-21T09:30:00.5Z","recv":"2026-11-21T09:30:00.501Z","#,
            r#""last":"105944.20","last_size":"0.50","day":"2026-11-21","#,
            r#""day_from":"2026-11-21T09:30:00.5Z","prev_close":null,"open":"105944.20","#,
            r#""high":"105944.20","low":"105944.20","volume":"0.50","trades":1"#
        ),
    );
    assert_eq!(
        desk.snapshot(Channel::Ticker),
        concat!(
            r#"{"type":"snapshot","channel":"ticker","symbol":"sim:BTC-USD","seq":3,"#,
            r#""ts":"2026-11-21T09:30:00.5Z","recv":"2026-11-21T09:30:00.501Z","#,
            r#""last":"105944.20","last_size":"0.50","day":"2026-11-21","#,
            r#""day_from":"2026-11-21T09:30:00.5Z","open":"105944.20","high":"105944.20","#,
            r#""low":"105944.20","volume":"0.50","trades":1,"#,
            r#""state":"down","since":"1970-01-01T00:00:00Z"}"#
        )
    );
}

#[test]
fn a_quote_begins_the_day_too_and_its_figures_are_unknown() {
    let mut desk = Desk::open();
    desk.quote("00:00:00", level("1.0", "2"), None);
    desk.is(
        Channel::Ticker,
        concat!(
            r#""seq":3,"prev":0,"recv":"2026-11-21T00:00:00Z","bid":"1.0","bid_size":"2","#,
            r#""day":"2026-11-21","day_from":null,"prev_close":null,"open":null,"high":null,"#,
            r#""low":null,"volume":"0","trades":0"#
        ),
    );
    desk.is(Channel::Trades, "")
        .shows("\"day\"", &format!(r#":"2026-11-21","volume":"0","trades":0,{DOWN}"#));
}

#[test]
fn an_equal_quote_is_no_message_and_moves_no_prev() {
    let mut desk = Desk::open();
    desk.quote("10:00:00", level("1.0", "2"), level("1.1", "3"));
    desk.quote("10:00:01", level("1.0", "2"), level("1.1", "3"));
    desk.is(Channel::Ticker, "");
    desk.quote("10:00:02", level("1.0", "2"), level("1.10", "3"));
    desk.is(Channel::Ticker, r#""seq":5,"prev":3,"recv":"2026-11-21T10:00:02Z","ask":"1.10""#);
}

#[test]
fn an_emptied_side_is_null_and_then_absent() {
    let mut desk = Desk::open();
    desk.quote("10:00:00", level("1.0", "2"), level("1.1", "3"));
    desk.quote("10:00:01", None, level("1.1", "4"));
    desk.is(
        Channel::Ticker,
        r#""seq":4,"prev":3,"recv":"2026-11-21T10:00:01Z","bid":null,"bid_size":null,"ask_size":"4""#,
    );
    desk.shows("\"recv\"", &format!(
        r#":"2026-11-21T10:00:01Z","ask":"1.1","ask_size":"4","day":"2026-11-21","day_from":"2026-11-21T10:00:00Z","volume":"0","trades":0,{DOWN}"#
    ));
    desk.quote("10:00:02", Level::parse("1.0", None).unwrap(), level("1.1", "4"));
    desk.is(Channel::Ticker, r#""seq":5,"prev":4,"recv":"2026-11-21T10:00:02Z","bid":"1.0""#);
}

#[test]
fn a_late_trade_counts_and_widens_the_range_but_is_not_the_last() {
    let mut desk = Desk::open();
    desk.trade(print("10:00:02", "10.0", "1"));
    desk.trade(print("10:00:01", "12.0", "2"));
    desk.is(
        Channel::Ticker,
        r#""seq":4,"prev":3,"ts":"2026-11-21T10:00:01Z","recv":"2026-11-21T10:00:01.001Z","high":"12.0","volume":"3","trades":2"#,
    );
    desk.is(
        Channel::Trades,
        r#""seq":4,"prev":3,"ts":"2026-11-21T10:00:01Z","recv":"2026-11-21T10:00:01.001Z","price":"12.0","size":"2","late":true"#,
    );
    // As late as the last one that was not: still in order.
    desk.trade(print("10:00:02", "10.0", "1"));
    desk.is(
        Channel::Ticker,
        r#""seq":5,"prev":4,"ts":"2026-11-21T10:00:02Z","recv":"2026-11-21T10:00:02.001Z","volume":"4","trades":3"#,
    );
}

#[test]
fn a_late_trade_of_an_earlier_day_is_no_message_of_the_ticker() {
    let mut desk = Desk::open();
    desk.trade(print("10:00:02", "10.0", "1"));
    desk.trade(print("2026-11-20T10:00:02", "99.0", "1"));
    desk.is(Channel::Ticker, "").is(
        Channel::Trades,
        r#""seq":4,"prev":3,"ts":"2026-11-20T10:00:02Z","recv":"2026-11-20T10:00:02.001Z","price":"99.0","size":"1","late":true"#,
    );
}

#[test]
fn a_new_day_sends_all_figures_and_the_close_of_yesterday() {
    let mut desk = Desk::open();
    desk.tick(Tick::Status(status(Scope::Feed, "09:00:00", State::Live))).unwrap();
    desk.trade(print("23:59:59", "10.0", "1"));
    desk.trade(print("2026-11-22T00:00:01", "11.0", "2"));
    desk.is(
        Channel::Ticker,
        concat!(
            r#""seq":5,"prev":4,"ts":"2026-11-22T00:00:01Z","recv":"2026-11-22T00:00:01.001Z","#,
            r#""last":"11.0","last_size":"2","day":"2026-11-22","day_from":null,"#,
            r#""prev_close":"10.0","open":"11.0","high":"11.0","low":"11.0","#,
            r#""volume":"2","trades":1"#
        ),
    );
    // A day without anything between: nothing is known of the one before.
    desk.trade(print("2026-11-24T00:00:01", "12.0", "2"));
    desk.is(
        Channel::Ticker,
        concat!(
            r#""seq":6,"prev":5,"ts":"2026-11-24T00:00:01Z","recv":"2026-11-24T00:00:01.001Z","#,
            r#""last":"12.0","day":"2026-11-24","day_from":"2026-11-24T00:00:01Z","#,
            r#""prev_close":null,"open":"12.0","high":"12.0","low":"12.0","volume":"2","trades":1"#
        ),
    );
}

#[test]
fn a_feed_that_was_not_live_at_midnight_does_not_cover_the_day() {
    let mut desk = Desk::open();
    desk.tick(Tick::Status(status(Scope::Feed, "09:00:00", State::Live))).unwrap();
    desk.trade(print("23:00:00", "10.0", "1"));
    desk.tick(Tick::Status(status(Scope::Feed, "23:59:00", State::Stale))).unwrap();
    desk.tick(Tick::Status(status(Scope::Feed, "2026-11-22T00:00:05", State::Live))).unwrap();
    desk.trade(print("2026-11-22T00:00:06", "10.0", "1"));
    desk.shows("\"day_from\"", concat!(
        r#":"2026-11-22T00:00:06Z","prev_close":"10.0","open":"10.0","high":"10.0","low":"10.0","#,
        r#""volume":"1","trades":1,"state":"live","since":"2026-11-22T00:00:05Z"}"#
    ));
}

#[test]
fn marked_prints_do_not_move_what_they_must_not() {
    let mut desk = Desk::open();
    desk.trade(print("10:00:00", "10.0", "1"));
    let marked = |no_last, no_range, no_volume| {
        let extra = TradeExtra { no_last, no_range, no_volume, ..TradeExtra::default() };
        tick::Trade { extra: Some(Box::new(extra)), ..print("10:00:01", "20.0", "5") }
    };
    let times = r#""ts":"2026-11-21T10:00:01Z","recv":"2026-11-21T10:00:01.001Z""#;
    desk.trade(marked(true, true, true));
    desk.is(Channel::Ticker, &format!(r#""seq":4,"prev":3,{times},"trades":2"#));
    desk.is(Channel::Trades, &format!(
        r#""seq":4,"prev":3,{times},"price":"20.0","size":"5","no_last":true,"no_range":true,"no_volume":true"#
    ));
    desk.trade(marked(true, true, false));
    desk.is(Channel::Ticker, &format!(r#""seq":5,"prev":4,{times},"volume":"6","trades":3"#));
    desk.trade(marked(false, true, true));
    desk.is(
        Channel::Ticker,
        &format!(r#""seq":6,"prev":5,{times},"last":"20.0","last_size":"5","trades":4"#),
    );
    desk.trade(marked(true, false, true));
    desk.is(Channel::Ticker, &format!(r#""seq":7,"prev":6,{times},"high":"20.0","trades":5"#));
}

#[test]
fn a_volume_that_no_longer_fits_is_unknown_until_the_next_day() {
    let mut desk = Desk::open();
    let most = "79228162514264337593543950335";
    let Ok(size) = Size::parse(most) else { panic!("the largest size") };
    desk.trade(tick::Trade { size, ..print("10:00:00", "1", "1") });
    desk.trade(print("10:00:01", "1", "7"));
    let times = r#""ts":"2026-11-21T10:00:01Z","recv":"2026-11-21T10:00:01.001Z""#;
    desk.is(
        Channel::Ticker,
        &format!(r#""seq":4,"prev":3,{times},"last_size":"7","volume":null,"trades":2"#),
    );
    desk.trade(print("10:00:01", "1", "7"));
    desk.is(Channel::Ticker, &format!(r#""seq":5,"prev":4,{times},"trades":3"#));
    desk.shows("\"low\"", &format!(r#":"1","trades":3,{DOWN}"#));
    desk.trade(print("2026-11-22T10:00:01", "1", "7"));
    desk.shows("\"low\"", &format!(r#":"1","volume":"7","trades":1,{DOWN}"#));
}

#[test]
fn the_worse_of_feed_and_symbol_is_shown() {
    let mut desk = Desk::open();
    let mut check = |scope: &Scope, time: &str, state, expected: &str| {
        let trading = matches!(scope, Scope::Symbol(_)).then_some(Trading::Halted);
        let tick = tick::Status { trading, ..status(scope.clone(), time, state) };
        desk.tick(Tick::Status(tick)).unwrap();
        let message = desk.message(Channel::Ticker, NAME);
        assert_eq!(message.split_once("\"prev\"").unwrap().1.split_once(',').unwrap().1, expected);
        assert!(desk.snapshot(Channel::Ticker).ends_with(expected), "{expected}");
    };
    let (feed, own) = (Scope::Feed, Scope::Symbol(symbol()));
    check(&feed, "10:00:00", State::Live, r#""state":"live","since":"2026-11-21T10:00:00Z"}"#);
    check(
        &own,
        "10:00:01",
        State::Stale,
        r#""state":"stale","trading":"halted","since":"2026-11-21T10:00:01Z"}"#,
    );
    check(
        &feed,
        "10:00:02",
        State::Down,
        r#""state":"down","trading":"halted","since":"2026-11-21T10:00:02Z"}"#,
    );
    check(
        &own,
        "10:00:03",
        State::Live,
        r#""state":"down","trading":"halted","since":"2026-11-21T10:00:02Z"}"#,
    );
    check(
        &feed,
        "10:00:04",
        State::Live,
        r#""state":"live","trading":"halted","since":"2026-11-21T10:00:04Z"}"#,
    );
}

#[test]
fn each_of_many_exceptions_from_a_feed_is_found() {
    let mut desk = Desk::open();
    let names: Vec<String> = (0..50).map(|name| format!("sim:S{name}")).collect();
    for (index, name) in names.iter().enumerate() {
        desk.list(name);
        if index.is_multiple_of(3) {
            let scope = Scope::Symbol(Symbol::parse(name).unwrap());
            desk.tick(Tick::Status(status(scope, "10:00:00", State::Down))).unwrap();
        }
    }
    desk.tick(Tick::Status(status(Scope::Feed, "10:00:01", State::Live))).unwrap();
    for (index, name) in names.iter().enumerate() {
        let state = if index.is_multiple_of(3) { "\"down\"" } else { "\"live\"" };
        assert!(desk.message(Channel::Trades, name).contains(state), "{name}");
    }
}

#[test]
fn a_status_that_says_nothing_new_gets_no_place() {
    let mut desk = Desk::open();
    desk.tick(Tick::Status(status(Scope::Feed, "10:00:00", State::Down))).unwrap();
    let again = desk.tick(Tick::Status(status(Scope::Feed, "10:00:09", State::Down)));
    assert_eq!(again, Err(Refused::Repeated));
    let reason = Some("no route to \"host\"\n\u{1}\u{e9}\u{1f4a5}\\".into());
    let tick = tick::Status { reason, ..status(Scope::Feed, "10:00:10", State::Down) };
    desk.tick(Tick::Status(tick)).unwrap();
    // The state is since when it was.
    desk.is(
        Channel::Trades,
        concat!(
            r#""seq":4,"prev":4000,"state":"down","since":"2026-11-21T10:00:00Z","#,
            r#""reason":"no route to \"host\"\n\u0001"#,
            "\u{e9}\u{1f4a5}",
            r#"\\""#
        ),
    );
}

#[test]
fn a_gap_is_told_in_the_streams_that_it_covers() {
    let mut desk = Desk::open();
    let own = || Scope::Symbol(symbol());
    let open = |covers| gap(own(), "10:00:00", covers, GapState::Open);
    let tick = tick::Gap { missing: Some(27), cause: Cause::VenueSequence, ..open(Covers::Trades) };
    desk.tick(Tick::Gap(tick)).unwrap();
    let expected =
        r#""seq":3,"prev":0,"cause":"venue_sequence","missing":27,"state":"open","of":3"#;
    desk.is(Channel::Ticker, expected).is(Channel::Trades, expected);
    desk.tick(Tick::Gap(open(Covers::Book))).unwrap();
    desk.is(Channel::Ticker, "").is(Channel::Trades, "");
    desk.tick(Tick::Gap(open(Covers::All))).unwrap();
    desk.is(
        Channel::Trades,
        r#""seq":5,"prev":3,"cause":"venue_disconnect","state":"open","of":5"#,
    );
}

#[test]
fn a_disconnect_is_settled_by_its_own_number() {
    let mut desk = Desk::open();
    let filled = gap(Scope::Feed, "10:00:00", Covers::All, GapState::Filled);
    assert_eq!(desk.tick(Tick::Gap(filled.clone())), Err(Refused::Repeated));
    desk.tick(Tick::Gap(gap(Scope::Feed, "10:00:00", Covers::All, GapState::Open))).unwrap();
    desk.tick(Tick::Gap(filled)).unwrap();
    desk.is(
        Channel::Ticker,
        r#""seq":4,"prev":4000,"cause":"venue_disconnect","state":"filled","of":3"#,
    );
}

#[test]
fn a_feed_wide_gap_of_books_alone_is_no_message_of_what_is_served() {
    let mut desk = Desk::open();
    desk.tick(Tick::Gap(gap(Scope::Feed, "10:00:00", Covers::Book, GapState::Open))).unwrap();
    desk.is(Channel::Ticker, "").is(Channel::Trades, "");
    desk.trade(print("10:00:01", "1", "1"));
    assert!(desk.message(Channel::Trades, NAME).contains(r#""seq":4,"prev":0,"#));
}

#[test]
fn a_trade_says_all_that_its_venue_said() {
    let mut desk = Desk::open();
    let extra = TradeExtra {
        exchange: Some("V\"".into()),
        conditions: vec!["@".into(), "\t\u{7f}".into(), "\u{fc}\\".into()],
        tape: Some("C".into()),
        ..TradeExtra::default()
    };
    desk.trade(tick::Trade {
        side: Some(Side::Sell),
        trade_id: Some(TradeId::new("a\"\u{0}b")),
        extra: Some(Box::new(extra)),
        ..print("10:00:00", "1.50", "0.00027625")
    });
    let rest = concat!(
        r#""ts":"2026-11-21T10:00:00Z","recv":"2026-11-21T10:00:00.001Z","#,
        r#""price":"1.50","size":"0.00027625","side":"sell","trade_id":"a\"\u0000b","#,
        r#""exchange":"V\"","conditions":["@","\t"#,
        "\u{7f}\",\"\u{fc}",
        r#"\\"],"tape":"C""#
    );
    desk.is(Channel::Trades, &format!(r#""seq":3,"prev":0,{rest}"#));
    assert_eq!(
        desk.snapshot(Channel::Trades),
        format!(
            r#"{{"type":"snapshot","channel":"trades","symbol":"{NAME}","seq":3,{rest},{DOWN}"#
        )
    );
    desk.trade(tick::Trade {
        trade_id: Some(TradeId::new("10218208")),
        ..print("10:00:01", "1.50", "1")
    });
    assert!(desk.message(Channel::Trades, NAME).ends_with(r#""trade_id":"10218208"}"#));
}

#[test]
fn the_head_of_each_kind_of_message_is_the_same() {
    let mut desk = Desk::open();
    desk.trade(print("10:00:01", "1", "1"));
    for (channel, kind) in [(Channel::Trades, "trade"), (Channel::Ticker, "delta")] {
        let word = channel.word();
        let head =
            format!(r#"{{"type":"{kind}","channel":"{word}","symbol":"{NAME}","seq":3,"prev":0,"#);
        assert!(desk.message(channel, NAME).starts_with(&head));
    }
    desk.tick(Tick::Status(status(Scope::Symbol(symbol()), "10:00:02", State::Live))).unwrap();
    let head =
        format!(r#"{{"type":"status","channel":"trades","symbol":"{NAME}","seq":4,"prev":3,"#);
    assert!(desk.message(Channel::Trades, NAME).starts_with(&head));
    desk.tick(Tick::Gap(gap(Scope::Feed, "10:00:03", Covers::All, GapState::Lost))).unwrap();
    let head =
        format!(r#"{{"type":"gap","channel":"trades","symbol":"{NAME}","seq":5,"prev":4000,"#);
    assert!(desk.message(Channel::Trades, NAME).starts_with(&head));
}

#[test]
fn a_symbol_that_is_not_listed_gets_no_ticks_until_it_is_again() {
    let mut desk = Desk::open();
    desk.trade(print("10:00:01", "1", "1"));
    let id = desk.board.id(NAME).unwrap();
    let seq = desk.board.seq().next();
    desk.board.stamp_registry(Registry::Unlisted { id }, at("10:00:02"), seq);
    let refused = desk.tick(Tick::Trade(print("10:00:03", "1", "1")));
    assert_eq!(refused, Err(Refused::UnknownSymbol));
    desk.list(NAME);
    let listing = tick::Listing { symbol: symbol(), raw: None, recv: at("10:00:04") };
    assert_eq!(desk.tick(Tick::Listed(listing)), Err(Refused::Repeated));
    assert_eq!(desk.board.id(NAME), Some(id));
    assert_eq!(desk.board.symbol(id).unwrap().listed_at, Seq(5));
    desk.trade(print("10:00:05", "2", "1"));
    assert!(desk.message(Channel::Trades, NAME).contains(r#""seq":6,"prev":3,"#));
}

#[test]
fn a_symbol_that_changes_its_feed_does_not_go_back() {
    let mut desk = Desk::open();
    desk.tick(Tick::Status(status(Scope::Feed, "10:00:00", State::Live))).unwrap();
    let other = Registry::Feed { id: FeedId(1), name: "other".into(), venue: "sim".into() };
    desk.board.stamp_registry(other, at("10:00:01"), Seq(4));
    let listing = tick::Listing { symbol: symbol(), raw: None, recv: at("10:00:02") };
    desk.board.stamp(FeedId(1), Tick::Listed(listing), Seq(5)).unwrap();
    assert_eq!(desk.tick(Tick::Trade(print("10:00:03", "1", "1"))), Err(Refused::UnknownSymbol));
    let trade = Tick::Trade(print("10:00:03", "1", "1"));
    desk.last = Some(desk.board.stamp(FeedId(1), trade, Seq(6)).unwrap());
    assert!(desk.message(Channel::Trades, NAME).contains(r#""seq":6,"prev":3,"#));
    assert!(desk.snapshot(Channel::Trades).ends_with(DOWN), "its new feed was never live");
}

proptest! {
    #[test]
    fn any_text_of_a_venue_comes_out_as_it_was(text in any::<String>()) {
        let mut out = Vec::new();
        write_text(&mut out, &text);
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}

/// The message that the last event was in a channel of bars, from `seq` on.
fn bar(desk: &Desk, channel: Channel) -> String {
    let mut out = Vec::new();
    write_bar(&mut out, (channel, desk.board.id(NAME).unwrap()), None, &desk.board);
    let text = String::from_utf8(out).unwrap();
    text.split_once("\"seq\":").map_or_else(String::new, |(_, rest)| rest.to_owned())
}

#[test]
fn a_bar_is_sent_whole_and_its_snapshot_adds_the_health() {
    let mut desk = Desk::open();
    assert_eq!(
        desk.snapshot(Channel::Bars1m),
        format!(r#"{{"type":"snapshot","channel":"bars.1m","symbol":"{NAME}","seq":0,{DOWN}"#)
    );
    desk.trade(print("10:00:01.5", "1.50", "2"));
    desk.trade(print("10:00:59", "1.40", "0.5"));
    let figures = |close: &str, volume: &str, trades: u32| {
        format!(
            r#""start":"2026-11-21T10:00:00Z","open":"1.50","high":"1.50","low":"{close}","close":"{close}","volume":"{volume}","trades":{trades},"final":false,"revision":0"#
        )
    };
    assert_eq!(
        bar(&desk, Channel::Bars1m),
        format!(r#"4,"prev":3,{}}}"#, figures("1.40", "2.5", 2))
    );
    assert_eq!(
        desk.snapshot(Channel::Bars1m),
        format!(
            r#"{{"type":"snapshot","channel":"bars.1m","symbol":"{NAME}","seq":4,{},{DOWN}"#,
            figures("1.40", "2.5", 2)
        )
    );
    let seq = desk.board.seq().next();
    desk.board.stamp_clock(at("10:01:02.001"), seq);
    let last = figures("1.40", "2.5", 2).replace(r#""final":false"#, r#""final":true"#);
    assert_eq!(bar(&desk, Channel::Bars1m), format!(r#"5,"prev":4,{last}}}"#));
    assert_eq!(bar(&desk, Channel::Bars5m), "", "not yet");
    desk.trade(print("10:00:58", "1.60", "1"));
    let revised = bar(&desk, Channel::Bars1m);
    assert!(revised.starts_with(r#"6,"prev":5,"#), "{revised}");
    assert!(revised.contains(r#""high":"1.60","low":"1.40","close":"1.40""#), "{revised}");
    assert!(revised.ends_with(r#""trades":3,"final":true,"revision":1}"#), "{revised}");
}

#[test]
fn what_no_print_of_a_bar_moves_is_null_and_unknown_in_a_snapshot() {
    let mut desk = Desk::open();
    let extra = TradeExtra { no_last: true, no_range: true, ..TradeExtra::default() };
    let odd = tick::Trade { extra: Some(Box::new(extra)), ..print("10:00:01", "9", "3") };
    desk.trade(odd);
    let figures = r#""open":null,"high":null,"low":null,"close":null,"volume":"3","trades":1"#;
    assert!(bar(&desk, Channel::Bars1s).contains(figures));
    let snapshot = desk.snapshot(Channel::Bars1s);
    assert!(snapshot.contains(r#"Z","volume":"3","trades":1,"final":false"#), "{snapshot}");
}

#[test]
fn statuses_and_gaps_of_trades_are_messages_of_bars() {
    let mut desk = Desk::open();
    desk.trade(print("10:00:01", "9", "3"));
    desk.tick(Tick::Gap(gap(Scope::Symbol(symbol()), "10:00:02", Covers::Trades, GapState::Open)))
        .unwrap();
    assert!(desk.message(Channel::Bars1h, NAME).contains(r#""seq":4,"prev":3,"cause""#));
    desk.tick(Tick::Status(status(Scope::Symbol(symbol()), "10:00:03", State::Live))).unwrap();
    assert!(desk.message(Channel::Bars1h, NAME).contains(r#""seq":5,"prev":4,"state":"#));
    desk.trade(print("10:00:04", "9", "3"));
    assert!(bar(&desk, Channel::Bars1h).starts_with(r#"6,"prev":5,"#));
    desk.tick(Tick::Gap(gap(Scope::Symbol(symbol()), "10:00:05", Covers::Book, GapState::Open)))
        .unwrap();
    assert_eq!(desk.message(Channel::Bars1h, NAME), "");
}

#[test]
fn a_bar_can_be_told_to_follow_another_message() {
    let mut desk = Desk::open();
    desk.trade(print("10:00:01", "9", "3"));
    desk.trade(print("10:00:01", "9", "3"));
    let id = desk.board.id(NAME).unwrap();
    let (mut own, mut other, mut again) = (Vec::new(), Vec::new(), Vec::new());
    write_bar(&mut own, (Channel::Bars1s, id), None, &desk.board);
    write_bar(&mut other, (Channel::Bars1s, id), Some(Seq(1_234_567)), &desk.board);
    write_bar_after(&mut again, &own, Seq(1_234_567));
    assert_eq!(String::from_utf8(again).unwrap(), String::from_utf8(other).unwrap());
}
