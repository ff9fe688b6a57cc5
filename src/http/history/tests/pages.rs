//! Pages of trades, quotes and gaps: their places, times and formats.

use serde_json::Value;
use tickwire_feeds::Nanos;

use super::Library;
use crate::event::Event;
use crate::event::Seq;
use crate::http::history::rows::What;

#[test]
fn the_seam_between_journal_and_store_is_in_no_page() {
    let Some(library) = Library::with_a_seam() else { return };
    let history = library.history();
    let (seam, head) = (library.life.tape.oldest(), library.life.tape.head());
    let stored = Seq(head.0 - 150);
    let places = [0, 1, 500, seam.0 - 1, seam.0, seam.0 + 1, stored.0, head.0];
    for (what, symbol) in [(What::Trades, 1), (What::Quotes, 2), (What::Gaps, 1)] {
        for after in places.map(Seq) {
            for upto in places.into_iter().chain([1 << 40]).map(Seq).filter(|of| *of >= after) {
                let wanted =
                    library.expected(what, symbol, |event| event.seq > after && event.seq <= upto);
                for limit in [3, 1_000] {
                    if limit == 3 && wanted.len() > 90 {
                        continue;
                    }
                    let got = library.pages(
                        &history,
                        what,
                        &format!(
                            "symbol=sim:S{symbol}-USD&from={}&to={}&limit={limit}",
                            library.cursor(after),
                            library.cursor(upto),
                        ),
                    );
                    assert_eq!(got, wanted, "{what:?} after {after} up to {upto} by {limit}");
                }
            }
        }
    }
    assert!(library.expected(What::Gaps, 1, |_| true).len() > 5);
}

#[test]
fn a_range_of_times_is_one_of_places() {
    let Some(library) = Library::with_a_seam() else { return };
    let history = library.history();
    let times: Vec<Nanos> = library.all.iter().step_by(211).map(|event| event.recv).collect();
    for (from, to) in times.iter().zip(times.iter().skip(1)).chain([(&times[2], &times[7])]) {
        let before = |at: Nanos| {
            let first = library.all.iter().find(|event| event.recv >= at);
            first.map_or(Seq::MAX, |event| event.seq)
        };
        let (first, end) = (before(*from), before(*to));
        let wanted = library.expected(What::Trades, 0, |of| of.seq >= first && of.seq < end);
        let query = format!("symbol=sim:S0-USD&from={from}&to={to}");
        assert_eq!(library.pages(&history, What::Trades, &query), wanted);
        // By the venue's own time.
        let at = |of: &Event| of.ts.unwrap_or(of.recv);
        let within = |of: &Event| at(of) >= *from && at(of) < *to;
        let wanted = library.expected(What::Trades, 0, within);
        let query = format!("{query}&by=ts");
        assert_eq!(library.pages(&history, What::Trades, &query), wanted);
    }
}

#[test]
fn the_formats_say_the_same() {
    let Some(library) = Library::with_a_seam() else { return };
    for what in [What::Trades, What::Quotes, What::Gaps] {
        let query = "symbol=sim:S1-USD&limit=40";
        let (json, next) = library.ask(what, query);
        let (ndjson, next_too) = library.ask(what, &format!("{query}&format=ndjson"));
        let (csv, next_as_well) = library.ask(what, &format!("{query}&format=csv"));
        assert_eq!((&next, &next), (&next_too, &next_as_well));
        let lines: Vec<&str> = ndjson.lines().collect();
        assert!(lines.len() > 20 && lines.len() <= 40);
        let name = what.list().name;
        let next = next.map_or("null".to_owned(), |next| format!("{next:?}"));
        assert_eq!(json, format!(r#"{{"{name}":[{}],"next":{next}}}"#, lines.join(",")));
        let mut rows = csv.split("\r\n");
        let columns: Vec<&str> = rows.next().unwrap().split(',').collect();
        for line in lines {
            let row: Value = serde_json::from_str(line).unwrap();
            let fields: Vec<&str> = rows.next().unwrap().split(',').collect();
            assert_eq!(fields.len(), columns.len());
            for (column, field) in columns.iter().zip(fields) {
                match &row[*column] {
                    Value::Null => assert_eq!(field, ""),
                    Value::String(text) => assert_eq!(field, text),
                    other => assert_eq!(field, other.to_string()),
                }
            }
            assert!(row.as_object().unwrap().keys().all(|key| columns.contains(&key.as_str())));
        }
        assert_eq!(rows.collect::<Vec<_>>(), [""]);
    }
}

#[test]
fn an_empty_range_is_an_empty_page() {
    let Some(library) = Library::with_a_seam() else { return };
    let empty = (r#"{"trades":[],"next":null}"#.to_owned(), None);
    for range in [
        "from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z",
        "from=2100-01-01T00:00:00Z&to=2101-01-01T00:00:00Z",
        "from=2025-11-21T05:00:00Z&to=2025-11-21T05:00:00Z",
    ] {
        assert_eq!(library.ask(What::Trades, &format!("symbol=sim:S1-USD&{range}")), empty);
    }
    let head = library.cursor(library.life.tape.head());
    assert_eq!(library.ask(What::Trades, &format!("symbol=sim:S1-USD&from={head}")), empty);
}

#[test]
fn gaps_are_listed_for_all_for_a_feed_and_for_a_symbol() {
    let Some(library) = Library::with_a_seam() else { return };
    let history = library.history();
    let mut all: Vec<(u64, String)> = (0..5)
        .flat_map(|symbol| library.expected(What::Gaps, symbol, |_| true))
        .map(|row| (serde_json::from_str::<Value>(&row).unwrap()["seq"].as_u64().unwrap(), row))
        .collect();
    all.sort();
    all.dedup_by_key(|(seq, _)| *seq);
    let all: Vec<String> = all.into_iter().map(|(_, row)| row).collect();
    for query in ["limit=10", "feed=sim", "venue=sim&limit=999"] {
        assert_eq!(library.pages(&history, What::Gaps, query), all, "{query}");
    }
}
