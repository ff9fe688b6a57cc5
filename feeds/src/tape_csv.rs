//! Recorded ticks in a CSV file, read back as a feed: one line is one frame.
//!
//! The first line names the columns: `time_ns`, `symbol` and `type` must be there, `bid`,
//! `bid_size`, `ask`, `ask_size`, `price`, `size` and `side` may be, any other is ignored. `type`
//! is `Q` (a quote) or `T` (a trade). Fields may be quoted (RFC 4180), but a line ends a row.

mod row;

use std::collections::HashMap;
use std::collections::HashSet;

use crate::error::Error;
use crate::feed::Feed;
use crate::feed::Output;
use crate::feed::Profile;
use crate::symbol::Symbol;
use crate::tick::Listing;
use crate::tick::Quote;
use crate::tick::Tick;
use crate::tick::Trade;
use crate::tick::TradeId;
use crate::time::Nanos;
use row::Body;
use row::Columns;
use row::Row;

/// Most symbols of one file.
pub const SYMBOLS_MAX: usize = 1_000_000;
/// Longest line, in bytes.
pub const LINE_BYTES_MAX: usize = 64 * 1_024;
/// A recording may be silent over a weekend.
const SILENCE_MS: i64 = 7 * 86_400_000;

const PROFILE: Profile = Profile {
    venue: "file",
    url: "",
    silence_ms: SILENCE_MS,
    rotate_after_ms: None,
    send_gap_ms: 0,
    connect_gap_ms: 0,
    frame_bytes_max: LINE_BYTES_MAX,
    trade_continuity: "none",
};

/// A tape CSV as a feed. Give it the lines of a file in order, the header first.
///
/// In a feed named `f` the file's symbol `A:B` is `f:A.B`, and `B` is `f:B`.
#[derive(Debug)]
pub struct TapeCsv {
    name: String,
    header: Header,
    /// By the file's own names.
    symbols: HashMap<Box<str>, Symbol>,
    taken: HashSet<Symbol>,
    all_listed: bool,
}

#[derive(Debug)]
enum Header {
    Awaited,
    Known(Columns),
    /// The file cannot be read; why.
    Refused(Error),
}

impl TapeCsv {
    /// A feed that has read nothing yet; its symbols are of the venue `feed_name`.
    ///
    /// # Errors
    /// [`Error::BadSetting`] for a name that cannot be the venue part of a symbol.
    pub fn new(feed_name: &str) -> Result<Self, Error> {
        if Symbol::escaped(feed_name, "A").is_err() {
            let quoted = crate::error::quoted(feed_name);
            let text = format!("feed name {quoted:?} must be 1 to 16 of a-z, 0-9 and _");
            return Err(Error::BadSetting(text));
        }
        Ok(Self {
            name: feed_name.to_owned(),
            header: Header::Awaited,
            symbols: HashMap::new(),
            taken: HashSet::new(),
            all_listed: false,
        })
    }

    /// When a row happened, so that a driver can wait for it; `None` for the header and for a row
    /// without a time.
    #[must_use]
    pub fn peek_time(&self, line: &[u8]) -> Option<Nanos> {
        let Header::Known(columns) = &self.header else { return None };
        columns.time(text(line).ok()?)
    }

    /// Whether the header was read and accepted; no row can be read before.
    #[must_use]
    pub const fn has_header(&self) -> bool {
        matches!(self.header, Header::Known(_))
    }

    /// The file has ended: no symbol will follow.
    pub fn finish(&mut self, _: Nanos, out: &mut Output) {
        if !self.all_listed {
            self.all_listed = true;
            out.ticks.push(Tick::AllListed);
        }
    }

    fn read_header(&mut self, line: &str) -> Result<(), Error> {
        match Columns::read(line) {
            Ok(columns) => {
                self.header = Header::Known(columns);
                Ok(())
            }
            Err(error) => {
                self.header = Header::Refused(error.clone());
                Err(error)
            }
        }
    }

    fn publish(&mut self, row: &Row<'_>, now: Nanos, out: &mut Output) -> Result<(), Error> {
        let (ts, body) = (Some(row.time()?), row.body()?);
        let symbol = self.symbol(row.symbol(), now, out)?;
        out.alive = true;
        out.ticks.push(match body {
            Body::Quote { bid, ask } => Tick::Quote(Quote { symbol, ts, recv: now, bid, ask }),
            Body::Trade { price, size, side } => Tick::Trade(Trade {
                symbol,
                ts,
                recv: now,
                price,
                size,
                side,
                trade_id: None,
                extra: None,
            }),
        });
        Ok(())
    }

    /// The symbol of a name in the file, which is listed if it is new.
    fn symbol(&mut self, raw: &str, now: Nanos, out: &mut Output) -> Result<Symbol, Error> {
        if let Some(symbol) = self.symbols.get(raw) {
            return Ok(symbol.clone());
        }
        let symbol = Symbol::escaped(&self.name, &raw.replace(':', "."))?;
        let refusal = if self.taken.contains(&symbol) {
            Some("another name in the file makes the same symbol")
        } else if self.symbols.len() >= SYMBOLS_MAX {
            Some("too many symbols")
        } else {
            None
        };
        if let Some(detail) = refusal {
            return Err(Error::bad_frame(PROFILE.venue, &detail, raw.as_bytes()));
        }
        self.symbols.insert(raw.into(), symbol.clone());
        self.taken.insert(symbol.clone());
        let own = (symbol.name() != raw).then(|| raw.into());
        out.ticks.push(Tick::Listed(Listing { symbol: symbol.clone(), raw: own, recv: now }));
        Ok(symbol)
    }
}

impl Feed for TapeCsv {
    fn profile(&self) -> Profile {
        PROFILE
    }

    /// Does nothing: the format has no trade ids.
    fn resume_after(&mut self, _: &Symbol, _: &TradeId) {}

    /// The file begins: its header comes next.
    fn on_open(&mut self, _: Nanos, _: &mut Output) {
        self.header = Header::Awaited;
    }

    fn on_frame(&mut self, frame: &mut [u8], now: Nanos, out: &mut Output) -> Result<(), Error> {
        let line = text(frame)?;
        if line.is_empty() {
            return Ok(());
        }
        let row = match &self.header {
            Header::Awaited => return self.read_header(line),
            Header::Refused(error) => return Err(error.clone()),
            Header::Known(columns) => columns.row(line)?,
        };
        self.publish(&row, now, out)
    }

    fn on_close(&mut self, _: Nanos, _: &mut Output) {}

    fn poll_timeout(&self) -> Option<Nanos> {
        None
    }

    fn on_timeout(&mut self, _: Nanos, _: &mut Output) {}
}

/// A line as text, without the end of the line.
fn text(line: &[u8]) -> Result<&str, Error> {
    if line.len() > LINE_BYTES_MAX {
        return Err(refused(&"the line is too long", line));
    }
    let text = std::str::from_utf8(line).map_err(|error| refused(&error, line))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(text.strip_suffix('\r').unwrap_or(text))
}

fn refused(detail: &impl ToString, line: &[u8]) -> Error {
    Error::bad_frame(PROFILE.venue, detail, line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str = "time_ns,symbol,type,bid,bid_size,ask,ask_size,price,size,side,note";
    const NOW: Nanos = Nanos(77);

    fn csv(header: &str) -> TapeCsv {
        let mut csv = TapeCsv::new("f").unwrap();
        read(&mut csv, header).unwrap();
        csv
    }

    fn csv_with_header() -> TapeCsv {
        csv(HEADER)
    }

    fn read(csv: &mut TapeCsv, line: &str) -> Result<Vec<Tick>, Error> {
        let mut out = Output::default();
        csv.on_frame(&mut line.as_bytes().to_vec(), NOW, &mut out)?;
        Ok(out.ticks)
    }

    /// The tick of one row as text, without what is listed before it.
    #[track_caller]
    fn check(line: &str, expected: &str) {
        let ticks = read(&mut csv(HEADER), line).unwrap();
        let [Tick::Listed(_), tick] = &ticks[..] else { panic!("{ticks:?}") };
        assert_eq!(words(tick), expected);
    }

    fn words(tick: &Tick) -> String {
        let level = |level: Option<crate::tick::Level>| match level {
            None => "-".to_owned(),
            Some(level) => {
                let size = level.size.map_or("-".to_owned(), |size| size.to_string());
                format!("{}*{size}", level.price)
            }
        };
        match tick {
            Tick::Quote(quote) => {
                let (ts, symbol) = (quote.ts.unwrap().0, &quote.symbol);
                format!("{ts} {symbol} Q {} {}", level(quote.bid), level(quote.ask))
            }
            Tick::Trade(trade) => {
                let (ts, symbol) = (trade.ts.unwrap().0, &trade.symbol);
                let side = trade.side.map_or("-", crate::tick::Side::word);
                format!("{ts} {symbol} T {}*{} {side}", trade.price, trade.size)
            }
            other => format!("{other:?}"),
        }
    }

    #[track_caller]
    fn refuses(line: &str, reason: &str) {
        let mut csv = csv(HEADER);
        let error = read(&mut csv, line).unwrap_err();
        assert_eq!(error.reason(), reason, "{error}");
        assert!(error.to_string().len() < 400, "{error}");
        assert_eq!(read(&mut csv, "1,A,T,,,,,5,6,,").unwrap().len(), 2);
    }

    #[test]
    fn rows_become_ticks_with_the_files_digits() {
        check("1,A:B,Q,1.50,2.0,1.60,3.00,,,,x", "1 f:A.B Q 1.50*2.0 1.60*3.00");
        check("-1,B,Q,1.50,,,3.00,,,,\r\n", "-1 f:B Q 1.50*- -");
        check("1,B,Q,0,0,0.00,0,,,,", "1 f:B Q - -");
        check("1,B,T,,,,,0.00001300,7,sell,\n", "1 f:B T 0.00001300*7 sell");
        check("1,B,T,,,,,1e-7,0,B,", "1 f:B T 0.0000001*0 buy");
        check("1,B,T,9,9,9,9,2,7,unknown,", "1 f:B T 2*7 -");
        check("1,A:B:C,T,,,,,2,7,S,", "1 f:A.B.C T 2*7 sell");
    }

    #[test]
    fn a_symbol_is_escaped_and_listed_once() {
        let mut csv = csv(HEADER);
        let ticks = read(&mut csv, "1,A:B C,T,,,,,5,6,,").unwrap();
        let Tick::Listed(listing) = &ticks[0] else { panic!("{ticks:?}") };
        assert_eq!(listing.symbol.as_str(), "f:A.B%20C");
        assert_eq!((listing.raw.as_deref(), listing.recv), (Some("A:B C"), NOW));
        assert_eq!(read(&mut csv, "1,A:B C,T,,,,,5,6,,").unwrap().len(), 1);
        let ticks = read(&mut csv, "1,B,T,,,,,5,6,,").unwrap();
        let Tick::Listed(listing) = &ticks[0] else { panic!("{ticks:?}") };
        assert_eq!(listing.raw, None);
        let error = read(&mut csv, "1,A.B C,T,,,,,5,6,,").unwrap_err();
        assert!(error.to_string().contains("the same symbol"), "{error}");
    }

    #[test]
    fn fields_may_be_quoted() {
        check("\"1\",\"B\",\"T\",,,,,\"5.0\",6,\"buy\",\"a,\"\"b\"\"\"", "1 f:B T 5.0*6 buy");
        check("1,\"a,\"\"b\",T,,,,,5,6,,", "1 f:a%2C%22b T 5*6 -");
        refuses("1,\"B,T,,,,,5,6,,", "bad_frame");
        refuses("1,\"B\"x,T,,,,,5,6,,", "bad_frame");
    }

    #[test]
    fn a_bad_row_is_refused_and_the_next_is_read() {
        refuses("1,B,T,,,,,5,6,", "bad_frame");
        refuses("1,B,T,,,,,5,6,,,", "bad_frame");
        refuses("x,B,T,,,,,5,6,,", "bad_time");
        refuses(",B,T,,,,,5,6,,", "bad_time");
        refuses("9223372036854775808,B,T,,,,,5,6,,", "bad_time");
        refuses("1,,T,,,,,5,6,,", "bad_symbol");
        refuses(&format!("1,{},T,,,,,5,6,,", "B".repeat(41)), "bad_symbol");
        refuses("1,B,X,,,,,5,6,,", "unknown_message");
        refuses(&format!("1,B,{},,,,,5,6,,", "X".repeat(9_999)), "unknown_message");
        refuses("1,B,T,,,,,,6,,", "bad_number");
        refuses("1,B,T,,,,,5,,,", "bad_number");
        refuses("1,B,T,,,,,0,6,,", "out_of_range");
        refuses("1,B,T,,,,,5,-6,,", "out_of_range");
        refuses("1,B,Q,-1,,5,6,,,,", "out_of_range");
        refuses("1,B,Q,1,x,5,6,,,,", "bad_number");
        refuses(&"1".repeat(LINE_BYTES_MAX + 1), "bad_frame");
    }

    #[test]
    fn columns_are_found_by_name() {
        let mut csv = csv("\u{feff}size,type, Price ,symbol,time_ns");
        let ticks = read(&mut csv, "6,T,5,B,1").unwrap();
        assert_eq!(words(&ticks[1]), "1 f:B T 5*6 -");
        assert_eq!(words(&read(&mut csv, "6,Q,5,B,1").unwrap()[0]), "1 f:B Q - -");
    }

    #[test]
    fn a_file_without_its_columns_is_refused() {
        #[track_caller]
        fn check(header: &str, message: &str) {
            let mut csv = TapeCsv::new("f").unwrap();
            let error = read(&mut csv, header).unwrap_err();
            assert_eq!(error.reason(), "bad_setting");
            assert!(error.to_string().contains(message), "{error}");
            assert_eq!(read(&mut csv, "1,B,T").unwrap_err(), error);
        }
        check("symbol,type,price", "\"time_ns\"");
        check("time_ns,type,price", "\"symbol\"");
        check("time_ns,symbol,price", "\"type\"");
        check("time_ns,symbol,type,price,Price", "twice");
        check(&",".repeat(300), "columns");
    }

    #[test]
    fn a_feed_name_is_a_venue() {
        for name in ["", "Tape", "a b", "a:b", "seventeen_letters"] {
            assert_eq!(TapeCsv::new(name).unwrap_err().reason(), "bad_setting", "{name}");
        }
    }

    #[test]
    fn a_time_can_be_looked_up_before_its_row_is_read() {
        let mut csv = TapeCsv::new("f").unwrap();
        assert_eq!(csv.peek_time(HEADER.as_bytes()), None);
        read(&mut csv, HEADER).unwrap();
        assert_eq!(
            csv.peek_time(b"1723161254024619568,B,Q,,\n"),
            Some(Nanos(1_723_161_254_024_619_568))
        );
        assert_eq!(csv.peek_time(b"\"5\",B"), Some(Nanos(5)));
        assert_eq!(csv.peek_time(b"x,B"), None);
        assert_eq!(csv.peek_time(b""), None);
        assert_eq!(csv.peek_time(b"\xff"), None);
    }

    #[test]
    fn a_file_can_be_read_again_and_ends_once() {
        let mut csv = csv(HEADER);
        let mut out = Output::default();
        assert_eq!(read(&mut csv, "1,B,T,,,,,5,6,,").unwrap().len(), 2);
        csv.on_open(NOW, &mut out);
        assert_eq!(read(&mut csv, "type,symbol,time_ns,price,size").unwrap(), []);
        assert_eq!(read(&mut csv, "T,B,1,5,6").unwrap().len(), 1);
        csv.finish(NOW, &mut out);
        csv.finish(NOW, &mut out);
        assert_eq!(out.ticks, [Tick::AllListed]);
        assert_eq!(csv.poll_timeout(), None);
    }

    fn quoted(field: &str) -> String {
        format!("\"{}\"", field.replace('"', "\"\""))
    }

    proptest! {
        #[test]
        fn no_bytes_panic(lines in prop::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let mut csv = TapeCsv::new("f").unwrap();
            let mut later = csv_with_header();
            for mut line in lines {
                for csv in [&mut csv, &mut later] {
                    let time = csv.peek_time(&line);
                    let mut out = Output::default();
                    let read = csv.on_frame(&mut line, NOW, &mut out);
                    prop_assert!(time.is_some() || out.ticks.is_empty());
                    prop_assert!(read.is_ok() || out.ticks.is_empty());
                }
            }
        }

        #[test]
        fn no_row_panics(line in "[-\",\r\n0-9QTqt.eE:é]{0,60}") {
            if let Err(error) = read(&mut csv(HEADER), &line) {
                prop_assert!(error.to_string().len() < 400);
            }
        }

        #[test]
        fn what_was_written_is_read(
            rows in prop::collection::vec((
                any::<i64>(), "[A-Z:\", é]{1,6}", any::<bool>(), prop::array::uniform4(
                    prop::option::of("[1-9][0-9]{0,12}(\\.[0-9]{1,12})?")
                ),
            ), 1..20),
            quote in any::<bool>(),
        ) {
            let mut csv = csv("type,time_ns,symbol,bid,bid_size,ask,ask_size,price,size,side");
            for (time, name, is_quote, numbers) in rows {
                let symbol = quoted(&name);
                let [a, b, c, d] = numbers.map(Option::unwrap_or_default);
                let number = |text: &str| if quote { quoted(text) } else { text.to_owned() };
                let (line, expected) = if is_quote {
                    let [e, f, g, h] = [&a, &b, &c, &d].map(|text| number(text));
                    (format!("Q,{time},{symbol},{e},{f},{g},{h},,,"), [side(&a, &b), side(&c, &d)])
                } else {
                    let (price, size) = (format!("1{a}"), format!("2{b}"));
                    let expected = [format!("{price}*{size}"), "buy".to_owned()];
                    let [e, f] = [&price, &size].map(|text| number(text));
                    (format!("T,{time},{symbol},,,,,{e},{f},BUY"), expected)
                };
                let Ok(escaped) = Symbol::escaped("f", &name.replace(':', ".")) else { continue };
                let ticks = read(&mut csv, &line).unwrap();
                let kind = if is_quote { "Q" } else { "T" };
                let [first, second] = expected;
                let expected = format!("{time} {escaped} {kind} {first} {second}");
                prop_assert_eq!(words(ticks.last().unwrap()), expected);
            }
        }
    }

    fn side(price: &str, size: &str) -> String {
        match (price, size) {
            ("", _) => "-".to_owned(),
            (price, "") => format!("{price}*-"),
            (price, size) => format!("{price}*{size}"),
        }
    }
}
