//! The simulator from outside: what it says, when, and what its faults do.

use std::collections::HashMap;

use proptest::prelude::*;

use super::witness::Witness;
use super::witness::id;
use super::*;
use crate::tick::Quote;
use crate::tick::Trade;

const START: Nanos = Nanos(1_700_000_000_123_456_789);

fn sim(symbols: u32, ticks_per_s: u32, faults: Faults) -> Sim {
    let settings = Settings { symbols, ticks_per_s, faults, ..Settings::default() };
    Sim::new(settings).unwrap()
}

/// Opened, and what it listed taken away.
fn opened(symbols: u32, ticks_per_s: u32, faults: Faults) -> Sim {
    let mut sim = sim(symbols, ticks_per_s, faults);
    sim.on_open(START, &mut Output::default());
    sim
}

/// As a driver does: called at each due time up to `until`, as often as it wants to be.
fn drive(sim: &mut Sim, until: Nanos) -> Vec<Tick> {
    let mut out = Output::default();
    while let Some(due) = sim.poll_timeout().filter(|due| *due <= until) {
        sim.on_timeout(due, &mut out);
    }
    out.ticks
}

/// Called at these distances in ns, each time until nothing is due.
fn call_at(sim: &mut Sim, steps: &[i64]) -> Vec<Tick> {
    let mut out = Output::default();
    let mut now = START;
    for step in steps {
        now = Nanos(now.0 + step);
        while sim.poll_timeout().is_some_and(|due| due <= now) {
            let before = out.ticks.len();
            sim.on_timeout(now, &mut out);
            assert!(out.ticks.len() - before <= 2 * STEPS_MAX as usize);
        }
    }
    out.ticks
}

fn market(ticks: &[Tick]) -> impl Iterator<Item = &Tick> {
    ticks.iter().filter(|tick| matches!(tick, Tick::Quote(_) | Tick::Trade(_)))
}

fn gaps(ticks: &[Tick]) -> Vec<&Gap> {
    let told = ticks.iter().filter_map(|tick| match tick {
        Tick::Gap(gap) => Some(gap),
        _ => None,
    });
    told.collect()
}

fn times(ticks: &[Tick]) -> Vec<i64> {
    let ts = |tick: &Tick| match tick {
        Tick::Quote(quote) => quote.ts,
        Tick::Trade(trade) => trade.ts,
        _ => None,
    };
    ticks.iter().filter_map(ts).map(|ts| ts.0 - START.0).collect()
}

fn watch(ticks: &[Tick]) -> Witness {
    let mut witness = Witness::default();
    ticks.iter().for_each(|tick| witness.see(tick));
    witness
}

#[test]
fn it_lists_every_symbol_once_and_first() {
    let mut sim = sim(22, 200, Faults::default());
    assert_eq!(sim.poll_timeout(), None);
    let mut out = Output::default();
    sim.on_open(START, &mut out);
    let name = |tick: &Tick| match tick {
        Tick::Listed(listing) => listing.symbol.to_string(),
        other => format!("{other:?}"),
    };
    let names: Vec<_> = out.ticks.iter().map(name).collect();
    assert_eq!(names.len(), 23);
    assert_eq!(names[..5], ["sim:BTC-USD", "sim:ETH-USD", "sim:SOL-USD", "sim:AAPL", "sim:MSFT"]);
    assert_eq!(names[20..], ["sim:S00021-USD", "sim:S00022-USD", "AllListed"]);
    let steps: Vec<_> = out.tick_sizes.iter().map(|(of, step)| format!("{of} {step}")).collect();
    assert_eq!(
        (steps.len(), &*steps[0], &*steps[5]),
        (22, "sim:BTC-USD 0.01", "sim:XRP-USD 0.0001")
    );
    assert_eq!(sim.poll_timeout(), Some(START));
    out.ticks.clear();
    sim.on_close(START, &mut out);
    sim.on_open(START, &mut out);
    assert_eq!(out.ticks.len(), 1, "{:?}", out.ticks);
}

#[test]
fn the_same_seed_is_the_same_market() {
    let run = |seed| {
        let settings = Settings { seed, symbols: 50, ..Settings::default() };
        let mut sim = Sim::new(settings).unwrap();
        sim.on_open(START, &mut Output::default());
        format!("{:?}", drive(&mut sim, START.plus_millis(60_000)))
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn the_stream_is_the_same_on_every_platform() {
    const PINNED: u32 = 2_182_842_052;
    let ticks = drive(&mut opened(20, 200, Faults::default()), START.plus_millis(100));
    let mut hash = fnv(&[]);
    for tick in &ticks {
        hash ^= fnv(format!("{tick:?}").as_bytes()).rotate_left(hash % 31);
    }
    assert_eq!((ticks.len(), hash), (21, PINNED));
}

/// FNV-1a, so that the pinned figure needs no package.
fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(16_777_619))
}

#[test]
fn the_market_is_believable() {
    let ticks = drive(&mut opened(30, 1_000, Faults::default()), START.plus_millis(100_000));
    let witness = watch(&ticks);
    assert_eq!(ticks.len(), 100_001);
    assert!((19_000..=21_000).contains(&witness.trades), "{}", witness.trades);
    assert_eq!(witness.quotes.len(), 30);
    let count = |name: &str| witness.ids[&Symbol::parse(name).unwrap()];
    assert!(count("sim:BTC-USD") > 2_000 && count("sim:S00030-USD") > 200);
    let (mut same, mut moved) = (0, 0);
    let mut last = HashMap::new();
    for tick in &ticks {
        let Tick::Quote(quote) = tick else { continue };
        let prices = (quote.bid.unwrap().price, quote.ask.unwrap().price);
        match last.insert(quote.symbol.clone(), prices) {
            Some(before) if before == prices => same += 1,
            Some(_) => moved += 1,
            None => {}
        }
    }
    assert!(same > 3 * moved && moved > 5_000, "{same} sizes, {moved} prices");
}

#[test]
fn prices_stay_near_where_they_began() {
    let mut sim = opened(20, 10_000, Faults::default());
    let ticks = drive(&mut sim, START.plus_millis(60_000));
    let (mut low, mut high) = (HashMap::new(), HashMap::new());
    for tick in &ticks {
        let Tick::Trade(trade) = tick else { continue };
        let lowest = low.entry(trade.symbol.clone()).or_insert(trade.price);
        *lowest = (*lowest).min(trade.price);
        let highest = high.entry(trade.symbol.clone()).or_insert(trade.price);
        *highest = (*highest).max(trade.price);
    }
    for (symbol, low) in &low {
        let (low, high) = (low.parts().0, high[symbol].parts().0);
        let room = low / 10;
        assert!(low < high && high - low < room, "{symbol}: {low} to {high}");
    }
    let btc = Symbol::parse("sim:BTC-USD").unwrap();
    assert!(high[&btc].parts().0 > 9_700_000 && low[&btc].parts().0 < 9_900_000);
}

#[test]
fn the_rate_has_no_drift() {
    let ticks = drive(&mut opened(3, 7, Faults::default()), START.plus_millis(3_600_000));
    let times = times(&ticks);
    assert_eq!(times.len(), 7 * 3_600 + 1);
    for (i, time) in (0_i64..).zip(&times) {
        assert_eq!(i128::from(*time), i128::from(i) * 1_000_000_000 / 7);
    }
}

#[test]
fn a_call_gives_no_more_than_its_share() {
    let mut sim = opened(3, 10_000_000, Faults::default());
    let mut out = Output::default();
    let now = START.plus_millis(1);
    sim.on_timeout(now, &mut out);
    assert_eq!(out.ticks.len(), 4_096);
    assert!(out.alive && sim.poll_timeout().unwrap() <= now);
    for _ in 0..2 {
        sim.on_timeout(now, &mut out);
    }
    assert_eq!(out.ticks.len(), 10_001);
    assert!(sim.poll_timeout().unwrap() > now);
}

#[test]
fn who_was_away_for_long_is_not_flooded() {
    let mut sim = opened(3, 1_000, Faults::default());
    drive(&mut sim, START.plus_millis(99));
    let ticks = call_at(&mut sim, &[3_600_000_000_000, 1_000_000_000]);
    assert_eq!(ticks.len(), 1 + 1_000);
    let times = times(&ticks);
    assert_eq!((times[0], times[1_000]), (3_600_000_000_000, 3_601_000_000_000));
}

#[test]
fn a_second_of_lateness_is_made_up_for_and_no_more() {
    let count = |late| call_at(&mut opened(3, 1_000, Faults::default()), &[late]).len();
    assert_eq!(count(1_000_000_000), 1_001);
    assert_eq!(count(1_000_000_001), 1);
}

#[test]
fn a_clock_set_back_does_not_silence_it() {
    let mut sim = opened(3, 1_000, Faults::default());
    drive(&mut sim, START.plus_millis(99));
    let now = START.plus_millis(-3_600_000);
    sim.on_timeout(now, &mut Output::default());
    assert_eq!(drive(&mut sim, now.plus_millis(1_000)).len(), 1_000);
}

#[test]
fn a_trade_follows_the_id_of_the_tape() {
    let mut sim = sim(22, 1_000, Faults::default());
    let [btc, last] = ["sim:BTC-USD", "sim:S00022-USD"].map(|text| Symbol::parse(text).unwrap());
    sim.resume_after(&btc, &TradeId::Number(41));
    sim.resume_after(&last, &TradeId::Number(u64::MAX - 1_000_000));
    for (symbol, id) in [("other:BTC-USD", "5"), ("sim:S00023-USD", "5"), ("sim:AAPL", "x")] {
        sim.resume_after(&Symbol::parse(symbol).unwrap(), &TradeId::new(id));
    }
    sim.on_open(START, &mut Output::default());
    let ticks = drive(&mut sim, START.plus_millis(10_000));
    let first = |name: &str| {
        let trade = |tick: &Tick| match tick {
            Tick::Trade(trade) if trade.symbol.as_str() == name => Some(id(trade)),
            _ => None,
        };
        ticks.iter().find_map(trade).unwrap()
    };
    assert_eq!(first("sim:BTC-USD"), 42);
    assert_eq!(first("sim:S00022-USD"), u64::MAX - 1_000_000 + 1);
    assert_eq!(first("sim:AAPL"), 1);
    assert_eq!(first("sim:ETH-USD"), 1);
    assert!(gaps(&ticks).is_empty());
}

#[test]
fn lost_trades_are_told_before_the_next() {
    let faults = Faults { gap_every: 10, ..Faults::default() };
    let ticks = drive(&mut opened(5, 1_000, faults), START.plus_millis(20_000));
    let witness = watch(&ticks);
    let gaps = gaps(&ticks);
    assert!(gaps.len() as u64 > witness.trades / 11, "{}", gaps.len());
    for gap in gaps {
        assert!((1..=5).contains(&gap.missing.unwrap()));
        assert_eq!((gap.covers, gap.cause), (Covers::Trades, Cause::VenueSequence));
        assert_eq!((gap.state, gap.settles_disconnect), (GapState::Lost, false));
    }
}

#[test]
fn faults_do_not_change_the_prices() {
    let faults =
        Faults { gap_every: 3, silence_every_ms: 900, silence_ms: 500, ..Faults::default() };
    let run = |faults| {
        let ticks = drive(&mut opened(5, 1_000, faults), START.plus_millis(20_000));
        let price = |tick: &Tick| match tick {
            Tick::Quote(quote) => format!("{:?} {:?} {:?}", quote.symbol, quote.bid, quote.ask),
            Tick::Trade(trade) => format!("{:?} {:?} {:?}", trade.symbol, trade.price, trade.size),
            other => format!("{other:?}"),
        };
        market(&ticks).map(price).take(5_000).collect::<Vec<_>>()
    };
    assert_eq!(run(faults), run(Faults::default()));
}

#[test]
fn a_silence_is_silent_and_loses_nothing() {
    let faults = Faults { silence_every_ms: 10_000, silence_ms: 6_000, ..Faults::default() };
    let ticks = drive(&mut opened(5, 100, faults), START.plus_millis(29_999));
    for time in times(&ticks) {
        let millis = time / 1_000_000;
        assert!(!(10_000..16_000).contains(&millis) && !(20_000..26_000).contains(&millis));
    }
    assert_eq!(ticks.len(), (10 + 4 + 4) * 100);
    watch(&ticks);
}

#[test]
fn a_burst_comes_at_once() {
    let faults = Faults { burst_every_ms: 1_000, burst_ticks: 10_000, ..Faults::default() };
    let ticks = drive(&mut opened(5, 100, faults), START.plus_millis(2_500));
    assert_eq!(ticks.len(), 251 + 20_000);
    let at_once = times(&ticks).into_iter().filter(|time| *time == 2_000_000_000).count();
    assert_eq!(at_once, 10_001);
    watch(&ticks);
}

#[test]
fn a_burst_waits_for_the_end_of_a_silence() {
    let faults = Faults {
        silence_every_ms: 1_000,
        silence_ms: 500,
        burst_every_ms: 1_200,
        burst_ticks: 100,
        ..Faults::default()
    };
    let ticks = drive(&mut opened(5, 10, faults), START.plus_millis(1_999));
    let times = times(&ticks);
    assert!(!times.iter().any(|time| (1_000_000_000..1_500_000_000).contains(time)));
    assert_eq!(times.iter().filter(|time| **time == 1_700_000_000).count(), 101);
}

#[test]
fn two_outages_are_settled_at_once() {
    let mut sim = opened(1, 1_000, Faults::default());
    let mut out = Output::default();
    for _ in 0..2 {
        sim.on_close(START, &mut out);
        sim.on_open(START, &mut out);
    }
    assert_eq!(gaps(&out.ticks).len(), 2);
    let ticks = drive(&mut sim, START.plus_millis(1_000));
    assert_eq!(gaps(&ticks).len(), 1);
    watch(&ticks);
}

#[test]
fn a_disconnect_is_told_and_settled() {
    let faults = Faults { disconnect_every_ms: 5_000, disconnect_ms: 2_000, ..Faults::default() };
    let mut sim = opened(5, 1_000, faults);
    let mut ticks = drive(&mut sim, START.plus_millis(4_999));
    let cut_at = START.plus_millis(5_000);
    let mut out = Output::default();
    sim.on_timeout(cut_at, &mut out);
    assert!(out.reconnect.is_some() && sim.poll_timeout().is_none());
    sim.on_timeout(cut_at.plus_millis(500), &mut out);
    assert!(!out.alive && out.ticks.is_empty());
    sim.on_close(cut_at, &mut out);
    sim.on_close(cut_at, &mut out);
    let [Tick::Gap(gap)] = &out.ticks[..] else { panic!("{:?}", out.ticks) };
    assert_eq!((&gap.scope, gap.covers, gap.state), (&Scope::Feed, Covers::All, GapState::Open));
    assert_eq!((gap.cause, gap.settles_disconnect), (Cause::VenueDisconnect, false));
    assert_eq!(sim.poll_timeout(), None);
    sim.on_open(cut_at.plus_millis(250), &mut out);
    assert_eq!(sim.poll_timeout(), Some(cut_at.plus_millis(2_000)));
    let after = drive(&mut sim, START.plus_millis(9_000));
    let settled = gaps(&after);
    assert_eq!(settled.len(), 5);
    for gap in settled {
        assert!(gap.settles_disconnect && gap.missing.unwrap() > 0);
        assert_eq!((gap.covers, gap.state), (Covers::All, GapState::Lost));
    }
    ticks.extend(after);
    watch(&ticks);
}

#[test]
fn settings_out_of_range_are_refused() {
    #[track_caller]
    fn check(change: impl Fn(&mut Settings), message: &str) {
        let mut settings = Settings::default();
        change(&mut settings);
        let error = Sim::new(settings).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    check(|settings| settings.symbols = 0, "symbols = 0 must be 1 to 1000000");
    check(|settings| settings.symbols = 1_000_001, "symbols");
    check(|settings| settings.ticks_per_s = 0, "ticks_per_s");
    check(|settings| settings.ticks_per_s = 10_000_001, "ticks_per_s");
    check(|settings| settings.venue = "Sim".to_owned(), "bad symbol");
    check(|settings| settings.faults.burst_ticks = 1_000_001, "burst_ticks");
    let silence = |settings: &mut Settings| {
        (settings.faults.silence_every_ms, settings.faults.silence_ms) = (500, 500);
    };
    check(silence, "silence_ms = 500 must be below silence_every_ms = 500");
}

#[test]
fn a_frame_is_refused() {
    let mut frame = "ü".repeat(1_000).into_bytes();
    let error = sim(1, 1, Faults::default())
        .on_frame(&mut frame, START, &mut Output::default())
        .unwrap_err();
    assert_eq!(error.reason(), "unknown_message");
    assert!(error.to_string().len() < 200);
}

#[test]
fn a_hundred_thousand_symbols_are_cheap() {
    assert!(size_of::<Instrument>() <= 64, "{}", size_of::<Instrument>());
    let mut sim = sim(100_000, 1_000_000, Faults::default());
    let mut out = Output::default();
    sim.on_open(START, &mut out);
    assert_eq!(out.ticks.len(), 100_001);
    watch(&drive(&mut sim, START.plus_millis(50)));
}

prop_compose! {
    fn any_faults()(
        gap_every in 0_u32..20,
        silence_every_ms in 0_u32..2_000,
        silence_share in 0_u32..100,
        burst_every_ms in 0_u32..2_000,
        burst_ticks in 0_u32..6_000,
        disconnect_every_ms in 0_u32..2_000,
        disconnect_ms in 0_u32..2_000,
    ) -> Faults {
        let silence_ms = silence_every_ms * silence_share / 100;
        Faults {
            gap_every,
            silence_every_ms,
            silence_ms,
            burst_every_ms,
            burst_ticks,
            disconnect_every_ms,
            disconnect_ms,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_call_times_give_the_same_ticks(
        seed in any::<u64>(),
        symbols in 1_u32..100,
        ticks_per_s in 1_u32..5_000,
        steps in prop::collection::vec(0_i64..1_000_000_000, 1..10),
    ) {
        let settings = Settings { seed, symbols, ticks_per_s, ..Settings::default() };
        let [mut ideal, mut late] = [settings.clone(), settings].map(|settings| {
            let mut sim = Sim::new(settings).unwrap();
            sim.on_open(START, &mut Output::default());
            sim
        });
        let span: i64 = steps.iter().sum();
        let ideal = drive(&mut ideal, Nanos(START.0 + span));
        let late = call_at(&mut late, &steps);
        let due = i128::from(span) * i128::from(ticks_per_s) / 1_000_000_000;
        // A due time is cut to whole ns, so that the last may come a little before its fraction.
        prop_assert!([due + 1, due + 2].contains(&(ideal.len() as i128)));
        prop_assert_eq!(times(&ideal), times(&late));
        watch(&late);
        let content = |ticks: Vec<Tick>| ticks.into_iter().map(|tick| match tick {
            Tick::Quote(quote) => Tick::Quote(Quote { recv: START, ..quote }),
            Tick::Trade(trade) => Tick::Trade(Trade { recv: START, ..trade }),
            other => other,
        }).collect::<Vec<_>>();
        prop_assert_eq!(content(ideal), content(late));
    }

    #[test]
    fn any_faults_leave_the_market_whole(
        seed in any::<u64>(),
        symbols in 1_u32..50,
        ticks_per_s in 1_u32..5_000,
        faults in any_faults(),
        steps in prop::collection::vec(0_i64..3_000_000_000, 1..20),
    ) {
        let venue = "x".to_owned();
        let mut sim = Sim::new(Settings { venue, symbols, ticks_per_s, seed, faults }).unwrap();
        let (mut now, mut witness, mut out) = (START, Witness::default(), Output::default());
        sim.on_open(now, &mut out);
        out.ticks.clear();
        for step in steps {
            now = Nanos(now.0 + step);
            sim.on_timeout(now, &mut out);
            if out.reconnect.take().is_some() {
                sim.on_close(now, &mut out);
                sim.on_open(now, &mut out);
            }
            out.ticks.drain(..).for_each(|tick| witness.see(&tick));
        }
    }

    #[test]
    fn no_time_is_too_early_or_too_late(
        times in prop::collection::vec(any::<i64>(), 1..8),
        faults in any_faults(),
    ) {
        let mut sim = sim(3, 10, faults);
        let mut out = Output::default();
        for time in times.into_iter().chain([i64::MAX, i64::MIN]) {
            sim.on_open(Nanos(time), &mut out);
            sim.on_timeout(Nanos(time), &mut out);
            sim.on_timeout(Nanos(time.saturating_add(5_000_000_000)), &mut out);
            if time % 2 == 0 {
                sim.on_close(Nanos(time), &mut out);
            }
        }
    }
}
