//! Pages of history, made of journals and stores that stand in every way to each other.

use std::collections::BTreeMap;
use std::fs;

use actix_web::ResponseError as _;
use actix_web::body::MessageBody as _;
use serde_json::Value;

use super::page::Finished;
use super::*;
use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::Interval;
use crate::event::SymbolId;
use crate::store::tests::Life;
use crate::store::tests::World;
use crate::wire::json;
use crate::wire::json::StreamName;

/// A tape in a journal that has its end, and in a store that has nearly all.
struct Library {
    world: World,
    life: Life,
    all: Vec<Event>,
}

/// Body and the next cursor.
type Got = (String, Option<String>);

impl Library {
    /// The journal reaches back to about 1,000; the store lacks the last events.
    fn with_a_seam() -> Option<Self> {
        let world = World::begin()?;
        let settings = tape::Settings {
            segment_bytes: 16 * 1024,
            retention_bytes: 64 * 1024,
            ..tape::Settings::new(world.dir.path())
        };
        let life = Life::begin_with(&settings);
        let all = life.events();
        let mut library = Self { world, life, all };
        while library.life.tape.oldest() < Seq(1_000) {
            library.go_on(200);
            library.world.record_all(&library.life.tape);
        }
        library.go_on(150);
        Some(library)
    }

    /// All of it in a journal of many segments, and no store.
    fn of_journal(world: World, segments: usize) -> Self {
        let settings =
            tape::Settings { segment_bytes: 16 * 1024, ..tape::Settings::new(world.dir.path()) };
        let mut life = Life::begin_with(&settings);
        while life.tape.segments_count() < segments {
            life.ticks(300);
        }
        let all = life.events();
        Self { world, life, all }
    }

    fn go_on(&mut self, ticks: usize) {
        self.life.ticks(ticks);
        let known = self.all.last().unwrap().seq;
        self.all.extend(self.life.events().into_iter().filter(|event| event.seq > known));
    }

    fn history(&self) -> History {
        let tape = Some(self.life.tape.clone());
        History::new(tape, self.world.dir.path(), Some(self.world.reader()))
    }

    fn history_without_store(&self) -> History {
        History::new(Some(self.life.tape.clone()), self.world.dir.path(), None)
    }

    fn ask_of(&self, history: &History, what: What, query: &str) -> Result<Got, Told> {
        let query = web::Query::<Query>::from_query(query).unwrap().into_inner();
        let ask = query.ask().map_err(told)?;
        let page = self.world.runtime.block_on(rows::page(history, None, &ask, what));
        Ok(bytes_of(page.map_err(told)?))
    }

    #[track_caller]
    fn ask(&self, what: What, query: &str) -> Got {
        self.ask_of(&self.history(), what, query).unwrap()
    }

    /// All pages of a query, as one list of lines.
    #[track_caller]
    fn pages(&self, history: &History, what: What, query: &str) -> Vec<String> {
        let (mut lines, mut next) = (Vec::new(), None);
        loop {
            let cursor: String = next.map_or_else(String::new, |next| format!("&cursor={next}"));
            let query = format!("{query}&format=ndjson{cursor}");
            let (body, after) = self.ask_of(history, what, &query).unwrap();
            lines.extend(body.lines().map(str::to_owned));
            match after {
                Some(after) => next = Some(after),
                None => return lines,
            }
        }
    }

    fn cursor(&self, seq: Seq) -> String {
        format!("{}:{seq}", self.life.tape.epoch())
    }

    /// The rows that are expected, made of the messages by their text.
    fn expected(&self, what: What, symbol: u32, within: impl Fn(&Event) -> bool) -> Vec<String> {
        let name = format!("sim:S{symbol}-USD");
        let stream = |channel| StreamName { channel, id: SymbolId(symbol), symbol: name.as_str() };
        let rows = self.all.iter().filter(|event| within(event)).filter_map(|event| {
            let mut text = Vec::new();
            match &event.body {
                Body::Trade(trade) if trade.symbol.0 == symbol && what == What::Trades => {
                    json::write_event(&mut text, stream(Channel::Trades), event, Seq(0));
                }
                Body::Quote(quote) if quote.symbol.0 == symbol && what == What::Quotes => {
                    return Some(quote_row(&name, event, quote));
                }
                Body::Gap(gap) if what == What::Gaps => {
                    let of = match gap.scope {
                        crate::event::Scope::Symbol(id, _) => id.0,
                        crate::event::Scope::Feed(..) => symbol,
                    };
                    if of != symbol {
                        return None;
                    }
                    json::write_event(&mut text, stream(Channel::Trades), event, Seq(0));
                }
                _ => return None,
            }
            Some(row_of(&String::from_utf8(text).unwrap(), event))
        });
        rows.collect()
    }
}

#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    code: String,
    next: Option<String>,
}

fn told(failure: impl Into<Failure>) -> Told {
    let failure: Failure = failure.into();
    let response = failure.error_response();
    let next = response.headers().get(NEXT).map(|next| next.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = response.into_body().try_into_bytes().unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert!(!body["error"]["message"].as_str().unwrap().is_empty());
    Told { status, code: body["error"]["code"].as_str().unwrap().to_owned(), next }
}

fn refused(status: u16, code: &str) -> Result<Got, Told> {
    Err(Told { status, code: code.to_owned(), next: None })
}

fn bytes_of(page: Finished) -> Got {
    let (body, next) = page.parts();
    (String::from_utf8(body).unwrap(), next)
}

/// A message without `type`, `channel` and `prev`; of a gap with what its row says besides.
fn row_of(message: &str, event: &Event) -> String {
    let (_, rest) = message.split_once(r#""channel":"#).unwrap();
    let (_, rest) = rest.split_once(',').unwrap();
    let (head, rest) = rest.split_once(r#","prev":"#).unwrap();
    let (_, rest) = rest.split_once(',').unwrap();
    match &event.body {
        Body::Gap(gap) => {
            let more = format!(
                r#""recv":"{}","feed":"sim","venue":"sim","covers":"{}""#,
                event.recv,
                gap.covers.word()
            );
            format!("{{{head},{more},{rest}")
        }
        _ => format!("{{{head},{rest}"),
    }
}

fn quote_row(name: &str, event: &Event, quote: &crate::event::Quote) -> String {
    let mut row = format!(
        r#"{{"symbol":"{name}","seq":{},"ts":"{}","recv":"{}""#,
        event.seq,
        event.ts.unwrap(),
        event.recv
    );
    for (side, level) in [("bid", quote.bid), ("ask", quote.ask)] {
        let level = level.unwrap();
        row += &format!(r#","{side}":"{}""#, level.price);
        if let Some(size) = level.size {
            row += &format!(r#","{side}_size":"{size}""#);
        }
    }
    row + "}"
}

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
fn what_is_not_there_is_refused() {
    let Some(library) = Library::with_a_seam() else { return };
    let (history, bare) = (library.history(), library.history_without_store());
    let ask = |history, query: &str| {
        library.ask_of(history, What::Trades, &format!("symbol=sim:S1-USD&{query}"))
    };
    let ahead = library.cursor(library.life.tape.head().next());
    assert_eq!(ask(&history, &format!("from={ahead}")), refused(409, "ahead"));
    assert_eq!(ask(&history, "cursor=aaaaaaaa:1"), refused(409, "epoch_mismatch"));
    assert_eq!(ask(&history, "epoch=aaaaaaaa"), refused(404, "not_found"));
    assert_eq!(ask(&history, "epoch=..%2F..%2Fetc"), refused(404, "not_found"));
    let two = format!("epoch=aaaaaaaa&from={ahead}");
    assert_eq!(ask(&history, &two), refused(409, "epoch_mismatch"));
    let older = library.cursor(Seq(5));
    assert!(ask(&history, &format!("from={older}")).is_ok());
    assert_eq!(ask(&bare, &format!("from={older}")), refused(409, "cursor_expired"));
    for bad in ["sim:S9-USD", "simm:S1-USD"] {
        let got = library.ask_of(&history, What::Trades, &format!("symbol={bad}"));
        assert_eq!(got, refused(404, "unknown_symbol"));
    }
    let nobody = library.ask_of(&history, What::Gaps, "feed=nobody");
    assert_eq!(nobody, refused(404, "not_found"));
    for bad in [
        "limit=0",
        "limit=10001",
        "limit=-1",
        "limit=%2B5",
        "limit=",
        "limit=1e3",
        "format=xml",
        "by=time",
        "from=yesterday",
        "to=2026-11-21",
        "cursor=x",
        "cursor=a:b",
        "epoch=",
        "cursor=:5",
    ] {
        assert_eq!(ask(&history, bad), refused(400, "bad_request"), "{bad}");
    }
    let inverted = "from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z";
    assert_eq!(ask(&history, inverted), refused(400, "range_empty"));
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

#[test]
fn without_its_store_what_the_journal_has_is_served() {
    let Some(mut library) = Library::with_a_seam() else { return };
    library.world.postgres.stop();
    let history = library.history();
    let seam = library.life.tape.oldest();
    let query = format!("symbol=sim:S1-USD&from={}", library.cursor(seam));
    let wanted = library.expected(What::Trades, 1, |event| event.seq > seam);
    assert_eq!(library.pages(&history, What::Trades, &query), wanted);
    for older in [
        format!("symbol=sim:S1-USD&from={}", library.cursor(Seq(5))),
        "symbol=sim:S1-USD".to_owned(),
        "symbol=sim:S1-USD&epoch=aaaaaaaa".to_owned(),
    ] {
        let told = library.ask_of(&history, What::Trades, &older).unwrap_err();
        assert_eq!((told.status, &*told.code), (503, "unavailable"), "{older}");
    }
}

#[test]
fn a_page_ends_before_what_is_damaged_and_the_next_says_so() {
    let Some(world) = World::begin() else { return };
    let library = Library::of_journal(world, 5);
    let mut files: Vec<_> = fs::read_dir(library.world.dir.path())
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "tape"))
        .collect();
    files.sort();
    assert!(files.len() > 3);
    let mut bytes = fs::read(&files[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&files[1], bytes).unwrap();
    let beyond = library.life.tape.beyond(Seq(library.life.tape.beyond(Seq(0)).unwrap().0 + 1));
    let beyond = beyond.unwrap();
    let history = library.history_without_store();
    let begun = library.ask_of(&history, What::Trades, "symbol=sim:S1-USD&format=ndjson").unwrap();
    let (rows, next) = begun;
    let mut got: Vec<String> = rows.lines().map(str::to_owned).collect();
    let query = format!("symbol=sim:S1-USD&cursor={}", next.unwrap());
    let told = library.ask_of(&history, What::Trades, &query).unwrap_err();
    assert_eq!((told.status, &*told.code), (409, "cursor_expired"));
    assert_eq!(told.next, Some(library.cursor(beyond)));
    let before = got.len();
    let query = format!("symbol=sim:S1-USD&from={}", told.next.unwrap());
    got.extend(library.pages(&history, What::Trades, &query));
    let all = library.expected(What::Trades, 1, |_| true);
    assert_eq!(got[..before], all[..before]);
    assert_eq!(got[before..], library.expected(What::Trades, 1, |of| of.seq > beyond));
    assert!(got.len() < all.len());
}

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

/// As [`of_hours`], with a part that the journal gave up before it was stored, and which.
fn with_a_hole() -> Option<(Library, (Seq, Seq))> {
    let mut library = Library::with_a_seam()?;
    let go_on = |library: &mut Library, steps: usize| {
        for _ in 0..steps {
            library.life.now = Nanos(library.life.now.0 + 20_000_000_000);
            library.life.clocks(4);
            library.go_on(12);
        }
    };
    for _ in 0..9 {
        go_on(&mut library, 10);
        library.world.record_all(&library.life.tape);
    }
    let after = library.life.tape.head();
    while library.life.tape.oldest() < Seq(after.0 + 500) {
        go_on(&mut library, 1);
    }
    library.world.record_all(&library.life.tape);
    let upto = library.life.tape.oldest();
    // The journal gives up the end of the hole as well.
    while library.life.tape.oldest() < Seq(upto.0 + 1_000) {
        go_on(&mut library, 10);
        library.world.record_all(&library.life.tape);
    }
    Some((library, (after, upto)))
}

#[test]
fn bars_before_and_behind_a_lost_part_are_given() {
    let Some((library, (lost_after, lost_upto))) = with_a_hole() else { return };
    let history = library.history();
    let recv = |seq: Seq| library.all.iter().find(|of| of.seq >= seq).unwrap().recv;
    let (begins, ends) = (recv(lost_after), recv(Seq(lost_upto.0 + 40)));
    let told = Told {
        status: 409,
        code: "cursor_expired".to_owned(),
        next: Some(library.cursor(lost_upto)),
    };
    let follow = |query: &str, mut next: Option<String>| {
        let mut got = Vec::new();
        loop {
            let cursor = next.as_ref().map_or(String::new(), |next| format!("&cursor={next}"));
            match library.bars_of(&history, &format!("{query}&format=ndjson{cursor}")) {
                Ok((body, after)) => {
                    got.extend(body.lines().map(str::to_owned));
                    let Some(after) = after else { return (got, None) };
                    next = Some(after);
                }
                Err(refused) => return (got, Some(refused)),
            }
        }
    };
    for (interval, symbol) in [(Interval::Second, 0), (Interval::Minute, 1), (Interval::Hour, 2)] {
        let query = format!("symbol=sim:S{symbol}-USD&interval={}", word(interval));
        let rows = |(after, upto): (Seq, Seq), (from, to): (Nanos, Nanos)| {
            let live = live_bars(&library, (interval, symbol), (after, upto));
            live.range(from..to).map(|(_, row)| row.clone()).collect::<Vec<_>>()
        };
        let before = (Seq(0), lost_after);
        // A range that ends before it is whole.
        for ago_s in [20, 61, 200, 3_700] {
            let to = interval.start_of(Nanos(begins.0 - ago_s * 1_000_000_000));
            let ranged = format!("{query}&to={to}");
            let wanted = rows(before, (Nanos(0), to));
            same(&library.bars(&history, &ranged), &wanted, &ranged);
        }
        // One that reaches into it has what there is, then it is told, and where to go on.
        for (more, from) in [(String::new(), Nanos(0)), (format!("&from={begins}"), begins)] {
            for limit in [3, 10_000] {
                let query = format!("{query}{more}&limit={limit}");
                let (got, refused) = follow(&query, None);
                assert_eq!(refused.as_ref(), Some(&told));
                let forever = Nanos(i64::MAX);
                same(&got, &rows(before, (from, forever)), &query);
                let (got, refused) = follow(&query, told.next.clone());
                assert_eq!(refused, None);
                let behind = (lost_upto, library.life.tape.head());
                same(&got, &rows(behind, (from, forever)), &query);
            }
        }
        // One that begins behind it is not troubled by it.
        let from = interval.start_of(Nanos(ends.0 + interval.nanos()));
        let behind = (lost_upto, library.life.tape.head());
        let ranged = format!("{query}&from={from}");
        let wanted = rows(behind, (from, Nanos(i64::MAX)));
        same(&library.bars(&history, &ranged), &wanted, &ranged);
    }
    // Nor are trades by their own time.
    let query = format!("symbol=sim:S1-USD&by=ts&from={ends}");
    let wanted = library.expected(What::Trades, 1, |of| of.ts.unwrap_or(of.recv) >= ends);
    assert_eq!(library.pages(&history, What::Trades, &query), wanted);
    assert!(wanted.len() > 100, "{}", wanted.len());
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

#[test]
fn sessions_are_told_from_store_and_journal() {
    let Some(mut library) = Library::with_a_seam() else { return };
    let live = Roster::of(&library.life.board);
    let sessions = |history: &History, library: &Library, epoch: Option<&str>| {
        let told = library.world.runtime.block_on(history.sessions(epoch, &live)).unwrap();
        assert!(told.is_complete);
        told.list
    };
    let with_store = library.history();
    let whole = |library: &Library| {
        let events = library.all.iter().filter(|event| {
            !matches!(event.body, Body::Clock | Body::Registry(crate::event::Registry::Feed { .. }))
        });
        events.count() as u64
    };
    for _ in 0..3 {
        let told = sessions(&with_store, &library, None);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].figures.events, whole(&library));
        assert_eq!(told[0].epoch, library.life.tape.epoch());
        library.go_on(70);
    }
    // Without a store it is what the journal still has, also as segments go.
    let bare = library.history_without_store();
    for _ in 0..10 {
        let told = sessions(&bare, &library, Some(library.life.tape.epoch()));
        let oldest = library.life.tape.oldest();
        let kept = library
            .all
            .iter()
            .filter(|event| event.seq > oldest && !matches!(event.body, Body::Clock));
        let place = (oldest, library.life.tape.head());
        // At times it has nothing but a checkpoint.
        let counted = told.first().map_or(0, |session| session.figures.events);
        assert_eq!(counted, kept.count() as u64, "{place:?}");
        assert!(told.len() <= 1);
        library.go_on(333);
    }
    let nobody = library.world.runtime.block_on(bare.sessions(Some("aaaaaaaa"), &live));
    assert!(matches!(nobody, Err(history::Error::NoTape(_))), "{nobody:?}");
}

#[test]
fn a_snapshot_of_the_past_is_the_board_before_the_first_later_event() {
    let Some(library) = Library::with_a_seam() else { return };
    for event in library.all.iter().step_by(173) {
        let at = event.recv;
        let before = library.all.iter().take_while(|event| event.recv <= at);
        let mut board = Board::default();
        before.for_each(|event| board.apply(event));
        let history = library.history();
        let got = library.world.runtime.block_on(board_before(&history, (at, None)));
        let (seq, epoch) = got.map(|(got, volume)| (got, volume.epoch().to_owned())).unwrap();
        assert_eq!((seq, &*epoch), (board, library.life.tape.epoch()));
    }
    let bare = library.history_without_store();
    let (early, first) = (library.all[100].recv, library.all[0].recv);
    for (history, at) in [(bare, early), (library.history(), Nanos(first.0 - 1))] {
        let told_of = library.world.runtime.block_on(board_before(&history, (at, None)));
        assert_eq!(told(told_of.map(drop).unwrap_err()).code, "cursor_expired");
    }
}
