//! Bars of the past: those that were live, of the stored trades, by any range.

use std::collections::BTreeMap;

use actix_web::web;
use serde_json::Value;
use tickwire_feeds::Nanos;

use super::Got;
use super::Library;
use super::Told;
use super::bytes_of;
use super::refused;
use super::row_of;
use super::told;
use crate::board::Board;
use crate::event::Body;
use crate::event::Interval;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::history::History;
use crate::http::history::bars;
use crate::http::history::query::Query;
use crate::wire::json;

mod losses;

/// A tape of hours, with a seam, and prints in bars of all lengths.
fn of_hours() -> Option<Library> {
    let mut library = Library::with_a_seam()?;
    for step in 0..400 {
        let step_s = [1, 7, 100, 301][step % 4];
        library.life.now = Nanos(library.life.now.0 + step_s * 1_000_000_000);
        // Bars are closed one by one.
        library.life.clocks(4);
        library.go_on(12);
        if step % 20 == 0 {
            library.world.record_all(&library.life.tape);
        }
    }
    library.world.record_all(&library.life.tape);
    library.go_on(100);
    Some(library)
}

/// The last live message of each bar up to a place, as a row, by where the bar begins.
fn live_bars(
    library: &Library,
    (interval, symbol): (Interval, u32),
    (after, upto): (Seq, Seq),
) -> BTreeMap<Nanos, String> {
    let (channel, id) = (interval.channel(), SymbolId(symbol));
    let mut board = Board::default();
    let mut bars = BTreeMap::new();
    for event in library.all.iter().filter(|event| event.seq <= upto) {
        board.apply(event);
        let is_one = match &event.body {
            Body::Trade(trade) => trade.symbol == id,
            Body::Clock => board.closed().contains(&(channel, id)),
            _ => false,
        };
        let mut text = Vec::new();
        if is_one && event.seq > after {
            json::write_bar(&mut text, (channel, id), None, &board);
        }
        if !text.is_empty() {
            let row = row_of(&String::from_utf8(text).unwrap(), event);
            let bar: Value = serde_json::from_str(&row).unwrap();
            let start = Nanos::parse_rfc3339(bar["start"].as_str().unwrap()).unwrap();
            bars.insert(start, row);
        }
    }
    bars
}

impl Library {
    #[track_caller]
    fn bars(&self, history: &History, query: &str) -> Vec<String> {
        let (mut lines, mut next) = (Vec::new(), None);
        loop {
            let cursor: String = next.map_or_else(String::new, |next| format!("&cursor={next}"));
            let query = format!("{query}&format=ndjson{cursor}");
            let (body, after) =
                self.bars_of(history, &query).unwrap_or_else(|told| panic!("{told:?}: {query}"));
            lines.extend(body.lines().map(str::to_owned));
            match after {
                Some(after) => next = Some(after),
                None => return lines,
            }
        }
    }

    fn bars_of(&self, history: &History, query: &str) -> Result<Got, Told> {
        let query = web::Query::<Query>::from_query(query).unwrap().into_inner();
        let ask = query.ask().map_err(told)?;
        let page = self.world.runtime.block_on(bars::page(history, None, &ask));
        Ok(bytes_of(page.map_err(told)?))
    }
}

#[track_caller]
fn same(got: &[String], wanted: &[String], what: &str) {
    for (at, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert_eq!(got, wanted, "{at} of {what}");
    }
    assert_eq!(got.len(), wanted.len(), "{what}: {:?}", (got.last(), wanted.last()));
}

fn word(interval: Interval) -> &'static str {
    interval.channel().word().trim_start_matches("bars.")
}

#[test]
fn bars_of_the_past_are_those_that_were_live() {
    let Some(library) = of_hours() else { return };
    let history = library.history();
    let head = library.life.tape.head();
    for interval in Interval::ALL {
        for symbol in [0] {
            let live = live_bars(&library, (interval, symbol), (Seq(0), head));
            let wanted: Vec<String> = live.values().cloned().collect();
            let query = format!("symbol=sim:S{symbol}-USD&interval={}", word(interval));
            for limit in [2, 10_000] {
                let limited = format!("{query}&limit={limit}");
                same(&library.bars(&history, &limited), &wanted, &limited);
            }
            // Any range of times.
            let starts: Vec<Nanos> = live.keys().copied().collect();
            let times = starts.iter().step_by(starts.len() / 5 + 1).map(|at| at.0);
            let times: Vec<i64> = times.flat_map(|at| [at - 1, at, at + 1]).collect();
            for (from, to) in times.iter().flat_map(|from| times.iter().map(move |to| (from, to))) {
                if from > to {
                    continue;
                }
                let part = live.range(Nanos(*from)..Nanos(*to));
                let wanted: Vec<String> = part.map(|(_, row)| row.clone()).collect();
                let ranged = format!("{query}&from={}&to={}", Nanos(*from), Nanos(*to));
                same(&library.bars(&history, &ranged), &wanted, &ranged);
            }
        }
    }
    // Most of them were read, not derived.
    let volume = library.world.runtime.block_on(history.volume(None)).unwrap();
    let all_times = (Nanos(i64::MIN), Nanos(i64::MAX));
    let of = (SymbolId(0), Interval::Minute);
    let stored = volume.stored_bars(Seq(0), of, all_times, 10_000);
    let (stored, settled) = library.world.runtime.block_on(stored).unwrap().unwrap();
    let minutes = live_bars(&library, (Interval::Minute, 0), (Seq(0), head));
    assert!(stored.len() + 20 > minutes.len() && stored.last().unwrap().1.start < settled);
    let seconds = live_bars(&library, (Interval::Second, 0), (Seq(0), head));
    let is_final = |row: &&String| row.contains(r#""final":true"#);
    assert!(seconds.len() > 100, "{}", seconds.len());
    assert!(seconds.values().filter(is_final).count() > 20);
    assert!(seconds.values().filter(|row| !is_final(row)).count() > 0);
}

#[test]
fn bars_of_a_tape_that_an_older_version_stored_are_derived() {
    let Some(mut library) = of_hours() else { return };
    // The database of the version before, with rows in it.
    library.world.postgres.ask(
        "DROP VIEW bars; DROP TABLE closed_bars; ALTER TABLE epochs DROP COLUMN bars_upto; \
         DELETE FROM _sqlx_migrations WHERE version = 2",
    );
    let history = library.history();
    let check = |library: &Library| {
        let live = live_bars(library, (Interval::Minute, 1), (Seq(0), library.life.tape.head()));
        let got = library.bars(&history, "symbol=sim:S1-USD&interval=1m&limit=50");
        same(&got, &live.into_values().collect::<Vec<_>>(), "minutes");
    };
    check(&library);
    // This version migrates, and never claims to have the bars that the other did not store.
    for _ in 0..3 {
        library.life.now = Nanos(library.life.now.0 + 100_000_000_000);
        library.life.clocks(20);
        library.go_on(200);
        library.world.record_all(&library.life.tape);
        check(&library);
    }
    let claims = "SELECT count(*) FROM epochs WHERE bars_upto = stored";
    assert_eq!(library.world.postgres.ask(claims), "0");
    assert_ne!(library.world.postgres.ask("SELECT count(*) FROM closed_bars"), "0");
}

#[test]
fn bars_between_places_are_as_they_stood_at_the_second_one() {
    let Some(library) = of_hours() else { return };
    let history = library.history();
    let (seam, head) = (library.life.tape.oldest(), library.life.tape.head());
    let places = [0, 700, seam.0 - 1, seam.0, seam.0 + 77, head.0 - 100, head.0].map(Seq);
    for (after, upto) in places.iter().flat_map(|after| places.iter().map(move |to| (after, to))) {
        for interval in [Interval::Second, Interval::Minute].into_iter().filter(|_| after <= upto) {
            let live = live_bars(&library, (interval, 2), (*after, *upto));
            let wanted: Vec<String> = live.into_values().collect();
            let query = format!(
                "symbol=sim:S2-USD&interval={}&from={}&to={}",
                word(interval),
                library.cursor(*after),
                library.cursor(*upto),
            );
            for limit in [5, 1_000] {
                let got = library.bars(&history, &format!("{query}&limit={limit}"));
                same(&got, &wanted, &query);
            }
        }
    }
}

#[test]
fn bars_are_those_of_a_query_over_the_stored_trades() {
    let Some(mut library) = of_hours() else { return };
    library.world.record_all(&library.life.tape);
    let history = library.history();
    for interval in Interval::ALL {
        let length = interval.nanos();
        let told = library.world.postgres.ask(&format!(
            "SELECT at / {length} * {length}, (array_agg(price ORDER BY at, seq))[1], max(price), \
             min(price), (array_agg(price ORDER BY at DESC, seq DESC))[1], sum(size), count(*) \
             FROM (SELECT *, coalesce(ts_ns, recv_ns) AS at FROM trades \
             WHERE symbol = 'sim:S4-USD') t GROUP BY 1 ORDER BY 1"
        ));
        let query = format!("symbol=sim:S4-USD&interval={}", word(interval));
        let rows = library.bars(&history, &query).into_iter().map(|row| {
            let bar: Value = serde_json::from_str(&row).unwrap();
            let start = Nanos::parse_rfc3339(bar["start"].as_str().unwrap()).unwrap();
            let text = |key: &str| bar[key].as_str().unwrap().to_owned();
            let [open, high, low, close, volume] =
                ["open", "high", "low", "close", "volume"].map(text);
            let trades = bar["trades"].as_u64().unwrap();
            format!("{}|{open}|{high}|{low}|{close}|{volume}|{trades}", start.0)
        });
        assert_eq!(rows.collect::<Vec<_>>(), told.lines().collect::<Vec<_>>(), "{interval:?}");
    }
    library.world.postgres.stop();
}

#[test]
fn bars_without_a_symbol_or_an_interval_are_refused() {
    let Some(library) = Library::with_a_seam() else { return };
    let history = library.history();
    let ask = |query: &str| library.bars_of(&history, query);
    assert_eq!(ask("interval=1m"), refused(400, "bad_request"));
    assert_eq!(ask("symbol=sim:S1-USD"), refused(400, "bad_request"));
    assert_eq!(ask("symbol=sim:S9-USD&interval=1m"), refused(404, "unknown_symbol"));
    for bad in [
        "interval=2m",
        "interval=",
        "interval=1m&cursor=a:1:2",
        "interval=1m&limit=0",
        "interval=1m&cursor=a:1::1.2,x",
    ] {
        assert_eq!(ask(&format!("symbol=sim:S1-USD&{bad}")), refused(400, "bad_request"), "{bad}");
    }
}
