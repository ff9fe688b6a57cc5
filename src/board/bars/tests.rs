//! Bars against a second, naive computation from all trades there were.

use proptest::collection::vec;
use proptest::prelude::*;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::tick;
use tickwire_feeds::tick::TradeExtra;

use super::*;
use crate::board::Bar;
use crate::board::Board;
use crate::board::SymbolBoard;
use crate::event::FeedId;
use crate::event::Registry;
use crate::event::SymbolId;

const NAMES: [&str; 2] = ["sim:B-USD", "sim:A-USD"];
const NOON: Nanos = Nanos(1_763_726_400_000_000_000);

#[derive(Debug, Clone)]
enum Step {
    /// After so many ms: of which symbol, its `ts` so many ms before, price, size, flags.
    Trade(i64, usize, Option<i64>, (u8, u8), u8),
    Clock(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let ages = prop_oneof![
        10 => (0..200_i64).prop_map(Some),
        2 => Just(None),
        2 => (-2_000..20_000_i64).prop_map(Some),
        1 => (0..400_000_i64).prop_map(Some),
        1 => (0..200_000_000_i64).prop_map(Some),
    ];
    let pauses = || prop_oneof![8 => 0..700_i64, 2 => 0..70_000_i64, 1 => 0..40_000_000_i64];
    prop_oneof![
        5 => (pauses(), 0..2_usize, ages, any::<(u8, u8)>(), any::<u8>())
            .prop_map(|(pause, symbol, age, of, flags)| Step::Trade(pause, symbol, age, of, flags)),
        2 => pauses().prop_map(Step::Clock),
    ]
}

/// A board with two symbols, and the time.
struct Desk {
    board: Board,
    now: Nanos,
}

impl Desk {
    fn new() -> Self {
        let mut desk = Self { board: Board::default(), now: NOON };
        let feed = Registry::Feed { id: FeedId(0), name: "sim".into(), venue: "sim".into() };
        desk.board.stamp_registry(feed, NOON, Seq(1));
        for name in NAMES {
            let symbol = Symbol::parse(name).unwrap();
            desk.tick(Tick::Listed(tick::Listing { symbol, raw: None, recv: NOON }));
        }
        desk
    }

    fn tick(&mut self, tick: Tick) -> Event {
        let seq = self.board.seq().next();
        self.board.stamp(FeedId(0), tick, seq).unwrap()
    }

    fn clock(&mut self) {
        let seq = self.board.seq().next();
        self.board.stamp_clock(self.now, seq);
    }

    fn trade(&mut self, name: &str, ts: Option<Nanos>, price: &str, size: &str) -> tick::Trade {
        tick::Trade {
            symbol: Symbol::parse(name).unwrap(),
            ts,
            recv: self.now,
            price: Price::parse(price).unwrap(),
            size: Size::parse(size).unwrap(),
            side: None,
            trade_id: None,
            extra: None,
        }
    }

    fn series(&self, symbol: u32, interval: Interval) -> Option<&Series> {
        self.board.symbol(SymbolId(symbol)).unwrap().series(interval)
    }

    /// The bars of the first symbol as `HH:MM:SS O H L C V N stage`.
    fn shows(&self, interval: Interval) -> Vec<String> {
        let bars = self.series(0, interval).into_iter().flat_map(Series::bars);
        bars.map(shown).collect()
    }
}

fn shown(bar: &Bar) -> String {
    let or = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let range =
        |of: fn(&crate::board::Range) -> Price| or(bar.range.map(|range| of(&range).to_string()));
    format!(
        "{} {} {} {} {} {} {} {}",
        &bar.start.to_string()[11..19],
        range(|range| range.open),
        range(|range| range.high),
        range(|range| range.low),
        or(bar.close.map(|close| close.price.to_string())),
        or(bar.volume.map(|volume| volume.to_string())),
        bar.trades,
        if bar.is_final() { format!("final {}", bar.revision()) } else { "open".to_owned() },
    )
}

/// A bar as nobody in a hurry would compute it.
#[derive(Debug, Clone)]
struct Naive {
    start: i64,
    prints: Vec<(i64, tick::Trade)>,
    revision: Option<u32>,
}

#[derive(Default)]
struct Model {
    lag: i64,
    greatest: Option<Nanos>,
    bars: [Vec<Naive>; 5],
}

const LENGTHS: [(i64, usize); 5] = [(1, 16), (60, 8), (300, 4), (3_600, 3), (86_400, 2)];

impl Naive {
    fn shown(&self) -> String {
        let is = |of: fn(&TradeExtra) -> bool, trade: &tick::Trade| {
            trade.extra.as_deref().is_some_and(of)
        };
        let mut by_time: Vec<_> = self.prints.iter().collect();
        by_time.sort_by_key(|(at, _)| *at);
        let ranged: Vec<_> = by_time
            .iter()
            .filter(|(_, of)| !is(|of| of.no_range, of))
            .map(|(_, of)| of.price)
            .collect();
        let last = by_time.iter().rfind(|(_, of)| !is(|of| of.no_last, of)).map(|(_, of)| of.price);
        let counted = self.prints.iter().filter(|(_, of)| !is(|of| of.no_volume, of));
        let volume = counted.map(|(_, of)| of.size.decimal()).sum::<rust_decimal::Decimal>();
        let or = |price: Option<Price>| price.map_or("-".to_owned(), |price| price.to_string());
        format!(
            "{} {} {} {} {} {} {} {}",
            &Nanos(self.start).to_string()[11..19],
            or(ranged.first().copied()),
            or(ranged.iter().max().copied()),
            or(ranged.iter().min().copied()),
            or(last),
            volume,
            self.prints.len(),
            self.revision.map_or("open".to_owned(), |revision| format!("final {revision}")),
        )
    }
}

impl Model {
    fn trade(&mut self, trade: &tick::Trade) {
        let at = trade.ts.unwrap_or(trade.recv);
        if trade.ts.is_none() || trade.ts >= self.greatest {
            self.lag = trade.recv.0 - at.0;
            self.greatest = trade.ts.max(self.greatest);
        }
        for ((seconds, kept), bars) in LENGTHS.into_iter().zip(&mut self.bars) {
            let start = at.0 - at.0.rem_euclid(seconds * 1_000_000_000);
            let place = bars.iter().position(|bar| bar.start >= start).unwrap_or(bars.len());
            if bars.get(place).is_none_or(|bar| bar.start != start) {
                if place == 0 && bars.len() == kept {
                    continue;
                }
                bars.insert(place, Naive { start, prints: Vec::new(), revision: None });
            }
            let bar = &mut bars[place];
            bar.prints.push((at.0, trade.clone()));
            bar.revision = bar.revision.map(|revision| revision + 1);
            if bars.len() > kept {
                bars.remove(0);
            }
        }
    }

    fn clock(&mut self, now: Nanos) {
        for ((seconds, _), bars) in LENGTHS.into_iter().zip(&mut self.bars) {
            let open = bars.iter_mut().find(|bar| bar.revision.is_none());
            if let Some(bar) = open
                && now.0 - self.lag >= bar.start + (seconds + 2) * 1_000_000_000
            {
                bar.revision = Some(0);
            }
        }
    }
}

/// The bars of one symbol are the model's, and there is a message exactly where one changed.
fn compare(id: u32, model: &Model, before: &Board, desk: &Desk) {
    let old = before.symbol(SymbolId(id)).unwrap();
    let new = desk.board.symbol(SymbolId(id)).unwrap();
    for (interval, expected) in Interval::ALL.into_iter().zip(&model.bars) {
        let bars = |of: &SymbolBoard| -> Vec<Bar> {
            of.series(interval).into_iter().flat_map(Series::bars).cloned().collect()
        };
        let (old_bars, new_bars) = (bars(old), bars(new));
        let expected: Vec<String> = expected.iter().map(Naive::shown).collect();
        assert_eq!(new_bars.iter().map(shown).collect::<Vec<_>>(), expected, "{interval:?}");
        let series = new.series(interval);
        let message = series.filter(|series| series.own() == desk.board.seq());
        assert_eq!(message.is_some(), old_bars != new_bars, "{interval:?}");
        if let Some(series) = message {
            let prev = before.last(interval.channel(), old);
            assert_eq!(desk.board.before(interval.channel(), new), prev);
            let changed = series.changed().unwrap();
            assert!(new_bars.contains(changed) && !old_bars.contains(changed));
        }
    }
}

proptest! {
    #[test]
    fn bars_are_those_of_all_trades_there_were(steps in vec(step(), 1..150)) {
        let (mut desk, mut models) = (Desk::new(), [Model::default(), Model::default()]);
        for step in steps {
            let before = desk.board.clone();
            match step {
                Step::Trade(pause, symbol, age, (price, size), flags) => {
                    desk.now = desk.now.plus_millis(pause);
                    let ts = age.map(|age| desk.now.plus_millis(-age));
                    let (price, size) = (format!("{}.5", price % 7 + 1), format!("0.{size}"));
                    let mut trade = desk.trade(NAMES[symbol], ts, &price, &size);
                    trade.extra = (flags % 4 == 0).then(|| Box::new(TradeExtra {
                        no_last: flags & 16 > 0,
                        no_range: flags & 32 > 0,
                        no_volume: flags & 64 > 0,
                        ..TradeExtra::default()
                    }));
                    desk.tick(Tick::Trade(trade.clone()));
                    models[symbol].trade(&trade);
                }
                Step::Clock(pause) => {
                    desk.now = desk.now.plus_millis(pause);
                    let is_due = desk.board.is_clock_due(desk.now);
                    desk.clock();
                    prop_assert_eq!(is_due, !desk.board.closed().is_empty());
                    models.iter_mut().for_each(|model| model.clock(desk.now));
                }
            }
            for (id, model) in (0..).zip(&models) {
                compare(id, model, &before, &desk);
            }
        }
        // The clock goes on until nothing is open, one bar of a stream at a time.
        desk.now = desk.now.plus_millis(3 * 86_400_000);
        for round in 0.. {
            if !desk.board.is_clock_due(desk.now) {
                break;
            }
            prop_assert!(round < 20, "it never ends");
            desk.clock();
        }
        for (id, interval) in [0, 1].into_iter().flat_map(|id| Interval::ALL.map(|of| (id, of))) {
            let mut bars = desk.series(id, interval).into_iter().flat_map(Series::bars);
            prop_assert!(bars.all(Bar::is_final));
        }
    }
}

#[test]
fn a_bar_is_final_two_seconds_and_the_lag_after_its_end() {
    let mut desk = Desk::new();
    let ts = desk.now.plus_millis(400);
    desk.now = desk.now.plus_millis(550);
    let trade = desk.trade(NAMES[0], Some(ts), "7.50", "2");
    desk.tick(Tick::Trade(trade));
    assert_eq!(desk.shows(Interval::Second), ["12:00:00 7.50 7.50 7.50 7.50 2 1 open"]);
    desk.now = NOON.plus_millis(3_149);
    assert!(!desk.board.is_clock_due(desk.now));
    desk.clock();
    assert!(desk.board.closed().is_empty());
    desk.now = NOON.plus_millis(3_150);
    assert!(desk.board.is_clock_due(desk.now));
    desk.clock();
    assert_eq!(desk.board.closed(), [(Channel::Bars1s, SymbolId(0))]);
    assert_eq!(desk.shows(Interval::Second), ["12:00:00 7.50 7.50 7.50 7.50 2 1 final 0"]);
    assert_eq!(desk.shows(Interval::Minute), ["12:00:00 7.50 7.50 7.50 7.50 2 1 open"]);
    assert!(!desk.board.is_clock_due(NOON.plus_millis(62_149)));
    assert!(desk.board.is_clock_due(NOON.plus_millis(62_150)));
}

#[test]
fn a_late_print_revises_its_bar_and_delays_no_other() {
    let mut desk = Desk::new();
    for (ts, price) in [(0, "10"), (5_000, "11")] {
        desk.now = NOON.plus_millis(ts);
        let trade = desk.trade(NAMES[0], Some(desk.now), price, "1");
        desk.tick(Tick::Trade(trade));
    }
    desk.now = NOON.plus_millis(7_000);
    desk.clock();
    let late = desk.trade(NAMES[0], Some(NOON.plus_millis(900)), "9", "1");
    desk.tick(Tick::Trade(late));
    let mut bars = ["12:00:00 10 10 9 9 2 2 final 1", "12:00:05 11 11 11 11 1 1 open"];
    assert_eq!(desk.shows(Interval::Second), bars);
    assert_eq!(desk.shows(Interval::Minute), ["12:00:00 10 11 9 11 3 3 open"]);
    desk.now = NOON.plus_millis(8_000);
    desk.clock();
    bars[1] = "12:00:05 11 11 11 11 1 1 final 0";
    assert_eq!(desk.shows(Interval::Second), bars);
}

#[test]
fn bars_of_a_replayed_day_close_as_they_did() {
    let mut desk = Desk::new();
    let yesterday = NOON.plus_millis(-86_400_000);
    // Ten times as fast as it happened.
    for second in 0..40 {
        desk.now = NOON.plus_millis(second * 100);
        let trade = desk.trade(NAMES[0], Some(yesterday.plus_millis(second * 1_000)), "5", "1");
        desk.tick(Tick::Trade(trade));
        while desk.board.is_clock_overdue(desk.now) && desk.board.is_clock_due(desk.now) {
            desk.clock();
        }
        let open = desk.shows(Interval::Second).iter().filter(|bar| bar.ends_with("open")).count();
        assert!(open <= 6, "{open} bars are open");
    }
    let closed = desk.shows(Interval::Second).iter().filter(|bar| bar.ends_with("final 0")).count();
    assert!(closed >= 10, "{closed}");
}

#[test]
fn a_symbol_without_trades_has_no_bars() {
    let desk = Desk::new();
    assert!(desk.board.symbol(SymbolId(1)).unwrap().bars.is_none());
}
