//! What is asked of history: the words of a query, checked.

use serde::Deserialize;
use tickwire_feeds::Nanos;
use tickwire_feeds::Symbol;
use tickwire_feeds::error::quoted;

use crate::event::Interval;
use crate::event::Seq;
use crate::http::failure::Failure;

/// Rows of a page, unless it is said otherwise.
const LIMIT: usize = 1_000;
/// Most rows of a page.
const LIMIT_MAX: usize = 10_000;
/// Bars that may still change: more are not kept.
const PENDING_MAX: usize = 32;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// The words of a query.
#[derive(Debug, Default, Deserialize)]
pub(in crate::http) struct Query {
    symbol: Option<String>,
    feed: Option<String>,
    venue: Option<String>,
    interval: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
    epoch: Option<String>,
    by: Option<String>,
    format: Option<String>,
}

/// What is asked.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) symbol: Option<Symbol>,
    pub(super) feed: Option<Box<str>>,
    pub(super) venue: Option<Box<str>>,
    pub(super) interval: Option<Interval>,
    pub(super) from: Option<Bound>,
    pub(super) to: Option<Bound>,
    /// Where the page before ended.
    pub(super) cursor: Option<Place>,
    /// Which tape; the live one if none is named.
    pub(super) tape: Option<Named>,
    pub(super) by: By,
    pub(super) format: Format,
    pub(super) limit: usize,
}

/// An end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Time(Nanos),
    /// After this event.
    Place(Seq),
}

/// Where a page ended: all up to `seq` was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) seq: Seq,
    /// More than that, of a page of bars.
    pub(super) bars: Option<BarsPlace>,
}

/// Where a page of bars ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BarsPlace {
    /// Where the last bar began that was given; `None` if none was.
    pub(super) given: Option<Nanos>,
    /// Bars that may still change: where each begins, and its last message.
    pub(super) pending: Vec<(Nanos, Seq)>,
}

/// How a tape was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    ByEpoch(Box<str>),
    ByCursor(Box<str>),
}

/// Which time of an event the range is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Recv,
    Ts,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Ndjson,
    Csv,
}

impl Named {
    pub(super) const fn epoch(&self) -> &str {
        match self {
            Self::ByEpoch(epoch) | Self::ByCursor(epoch) => epoch,
        }
    }
}

impl Place {
    /// As a cursor of a tape.
    pub(super) fn on(&self, epoch: &str) -> String {
        let mut text = format!("{epoch}:{}", self.seq);
        let Some(bars) = &self.bars else { return text };
        text.push(':');
        if let Some(given) = bars.given {
            text += &seconds(given).to_string();
        }
        text.push(':');
        for (index, (start, seq)) in bars.pending.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            text += &format!("{comma}{}.{seq}", seconds(*start));
        }
        text
    }
}

impl Query {
    /// Takes the cursor out, for lists that have cursors of their own kind.
    pub(super) fn take_cursor(&mut self) -> Option<String> {
        self.cursor.take()
    }

    /// Checks each word by itself, and that all name the same tape.
    pub(super) fn ask(self) -> Result<Ask, Failure> {
        let mut epochs = Vec::new();
        let from = self.from.as_deref().map(|text| bound("from", text, &mut epochs)).transpose()?;
        let to = self.to.as_deref().map(|text| bound("to", text, &mut epochs)).transpose()?;
        let cursor = self.cursor.as_deref().map(|text| place(text, &mut epochs)).transpose()?;
        match (from, to) {
            (Some(Bound::Time(from)), Some(Bound::Time(to))) if from > to => {
                return Err(inverted(from, to));
            }
            (Some(Bound::Place(from)), Some(Bound::Place(to))) if from > to => {
                return Err(inverted(from, to));
            }
            _ => {}
        }
        Ok(Ask {
            symbol: self.symbol.as_deref().map(symbol).transpose()?,
            feed: self.feed.map(Into::into),
            venue: self.venue.map(Into::into),
            interval: self.interval.as_deref().map(interval).transpose()?,
            from,
            to,
            cursor,
            tape: tape(self.epoch.as_deref(), &epochs)?,
            by: self.by.as_deref().map_or(Ok(By::Recv), by)?,
            format: self.format.as_deref().map_or(Ok(Format::Json), format)?,
            limit: self.limit.as_deref().map_or(Ok(LIMIT), limit)?,
        })
    }
}

/// A point in time. A `+` that a form made a space of is meant as one.
pub(in crate::http) fn time(name: &str, text: &str) -> Result<Nanos, Failure> {
    let (date, rest) = text.split_at_checked(11).unwrap_or((text, ""));
    let restored = format!("{date}{}", rest.replace(' ', "+"));
    Nanos::parse_bound(&restored).map_err(|_| {
        let got = quoted(text);
        Failure::bad(format!("{name} must be a time such as 2026-11-21T03:30:00Z, got {got:?}"))
    })
}

fn bound(name: &str, text: &str, epochs: &mut Vec<Box<str>>) -> Result<Bound, Failure> {
    if let Some((epoch, seq)) = text.split_once(':').and_then(cursor) {
        epochs.push(epoch);
        return Ok(Bound::Place(seq));
    }
    time(name, text).map(Bound::Time).map_err(|_| {
        let got = quoted(text);
        let message = format!(
            "{name} must be a time such as 2026-11-21T03:30:00Z, or epoch:seq, got {got:?}"
        );
        Failure::bad(message)
    })
}

fn place(text: &str, epochs: &mut Vec<Box<str>>) -> Result<Place, Failure> {
    let bad = || Failure::bad(format!("cursor must be epoch:seq, got {:?}", quoted(text)));
    let parts: Vec<&str> = text.split(':').collect();
    let (epoch, seq, bars) = match *parts.as_slice() {
        [epoch, seq] => (epoch, seq, None),
        [epoch, seq, given, pending] => {
            (epoch, seq, Some(bars_place(given, pending).ok_or_else(bad)?))
        }
        _ => return Err(bad()),
    };
    let (epoch, seq) = cursor((epoch, seq)).ok_or_else(bad)?;
    epochs.push(epoch);
    Ok(Place { seq, bars })
}

fn bars_place(given: &str, pending: &str) -> Option<BarsPlace> {
    let time = |text: &str| text.parse::<i64>().ok()?.checked_mul(NANOS_PER_SECOND).map(Nanos);
    let given = match given {
        "" => None,
        given => Some(time(given)?),
    };
    let bar = |text: &str| {
        let (start, seq) = text.split_once('.')?;
        let seq = seq.parse().ok().filter(|seq| *seq <= Seq::MAX.0)?;
        Some((time(start)?, Seq(seq)))
    };
    let pending = pending.split(',').filter(|text| !text.is_empty());
    let pending: Vec<(Nanos, Seq)> = pending.map(bar).collect::<Option<_>>()?;
    (pending.len() <= PENDING_MAX).then_some(BarsPlace { given, pending })
}

/// Bars begin at whole seconds.
const fn seconds(start: Nanos) -> i64 {
    start.0.div_euclid(NANOS_PER_SECOND)
}

fn cursor((epoch, seq): (&str, &str)) -> Option<(Box<str>, Seq)> {
    let is_name = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_number = seq.bytes().all(|byte| byte.is_ascii_digit());
    let seq = seq.parse().ok().filter(|seq| is_name && is_number && *seq <= Seq::MAX.0)?;
    Some((epoch.into(), Seq(seq)))
}

fn tape(epoch: Option<&str>, named: &[Box<str>]) -> Result<Option<Named>, Failure> {
    if epoch == Some("") {
        return Err(Failure::bad("epoch is empty"));
    }
    let mut all = epoch.into_iter().chain(named.iter().map(AsRef::as_ref));
    let Some(first) = all.next() else { return Ok(None) };
    if let Some(other) = all.find(|other| *other != first) {
        let message = format!("{:?} and {:?} are two tapes", quoted(first), quoted(other));
        return Err(Failure::conflict("epoch_mismatch", message));
    }
    let name = first.into();
    Ok(Some(if epoch.is_some() { Named::ByEpoch(name) } else { Named::ByCursor(name) }))
}

fn inverted(from: impl std::fmt::Display, to: impl std::fmt::Display) -> Failure {
    let message = format!("the range ends before it begins: from {from} to {to}");
    Failure::new(actix_web::http::StatusCode::BAD_REQUEST, "range_empty", message)
}

fn symbol(text: &str) -> Result<Symbol, Failure> {
    Symbol::parse(text).map_err(|error| Failure::bad(error.to_string()))
}

fn interval(text: &str) -> Result<Interval, Failure> {
    let word = |of: &Interval| of.channel().word().trim_start_matches("bars.");
    Interval::ALL.into_iter().find(|of| word(of) == text).ok_or_else(|| {
        let all: Vec<&str> = Interval::ALL.iter().map(word).collect();
        Failure::bad(format!("interval must be one of {}, got {:?}", all.join(", "), quoted(text)))
    })
}

fn by(text: &str) -> Result<By, Failure> {
    match text {
        "recv" => Ok(By::Recv),
        "ts" => Ok(By::Ts),
        _ => Err(Failure::bad(format!("by must be recv or ts, got {:?}", quoted(text)))),
    }
}

fn format(text: &str) -> Result<Format, Failure> {
    match text {
        "json" => Ok(Format::Json),
        "ndjson" => Ok(Format::Ndjson),
        "csv" => Ok(Format::Csv),
        _ => {
            let message = format!("format must be json, ndjson or csv, got {:?}", quoted(text));
            Err(Failure::bad(message))
        }
    }
}

fn limit(text: &str) -> Result<usize, Failure> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = text.parse().ok().filter(|limit| is_number && (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| {
        Failure::bad(format!("limit must be 1..{LIMIT_MAX}, got {:?}", quoted(text)))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(word: &str, value: &str) -> Query {
        let value = Some(value.to_owned());
        let mut query = Query::default();
        let place = match word {
            "from" => &mut query.from,
            "to" => &mut query.to,
            "limit" => &mut query.limit,
            "cursor" => &mut query.cursor,
            "symbol" => &mut query.symbol,
            _ => &mut query.epoch,
        };
        *place = value;
        query
    }

    #[test]
    fn an_end_is_a_time_or_a_place() {
        let bound = |text| with("from", text).ask().map(|ask| ask.from.unwrap());
        assert_eq!(bound("1970-01-01T00:00:01Z").unwrap(), Bound::Time(Nanos(1_000_000_000)));
        assert_eq!(bound("1970-01-01T01:00:01+01:00").unwrap(), Bound::Time(Nanos(1_000_000_000)));
        assert_eq!(bound("1970-01-01T01:00:01 01:00").unwrap(), Bound::Time(Nanos(1_000_000_000)));
        assert_eq!(bound("k3v9:12").unwrap(), Bound::Place(Seq(12)));
        assert_eq!(bound("k3v9:9007199254740991").unwrap(), Bound::Place(Seq::MAX));
        for bad in [
            "",
            ":",
            "k3v9:",
            ":7",
            "k3v9:-1",
            "k3v9:+1",
            "k3v9:9007199254740992",
            "12",
            "k3v9:1e3",
            "a-b:7",
            "2026-11-21",
            "2026-11-21T00:00:00",
            "k3v9:1:2",
            "é:1",
        ] {
            assert!(bound(bad).is_err(), "{bad}");
        }
    }

    fn with_bars(given_s: Option<i64>, pending: &[(i64, u64)]) -> Place {
        let at = |seconds: i64| Nanos(seconds * NANOS_PER_SECOND);
        let pending = pending.iter().map(|(start, seq)| (at(*start), Seq(*seq))).collect();
        Place { seq: Seq::MAX, bars: Some(BarsPlace { given: given_s.map(at), pending }) }
    }

    #[test]
    fn a_place_is_written_as_it_is_read() {
        for place in [
            Place { seq: Seq(7), bars: None },
            with_bars(None, &[]),
            with_bars(Some(-60), &[(0, 7), (60, 9)]),
        ] {
            let ask = with("cursor", &place.on("k3v9")).ask().unwrap();
            assert_eq!(ask.cursor, Some(place));
            assert_eq!(ask.tape, Some(Named::ByCursor("k3v9".into())));
        }
    }

    #[test]
    fn tapes_that_differ_are_refused() {
        let mut query = with("from", "abc:1");
        query.epoch = Some("abd".to_owned());
        assert!(query.ask().is_err());
        let mut query = with("from", "abc:1");
        query.epoch = Some("abc".to_owned());
        assert_eq!(query.ask().unwrap().tape, Some(Named::ByEpoch("abc".into())));
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in any::<String>()) {
            for word in ["from", "to", "limit", "cursor", "symbol", "epoch"] {
                drop(with(word, &text).ask());
            }
        }
    }
}
