//! A table: rows of CSV under a header.

use std::borrow::Cow;

use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::error::quoted;
use tickwire_feeds::tick::Level;
use tickwire_feeds::tick::Side;
use tickwire_feeds::tick::TradeExtra;
use tickwire_feeds::tick::TradeId;

use super::columns::Columns;
use super::columns::Field;
use super::columns::Mapping;
use super::moment;
use super::moment::Unit;
use super::row::Row;
use super::row::What;

const FIELDS: usize = 19;

/// How a user wants tables to be read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Columns that the user named.
    pub mappings: Vec<Mapping>,
    /// The symbol of all rows, for a table without a column for it.
    pub symbol: Option<String>,
    /// What whole numbers of times count; by itself as names and sizes say.
    pub unit: Option<Unit>,
}

/// A table whose header was read.
#[derive(Debug)]
pub(super) struct Table {
    columns: Columns,
    delimiter: char,
    symbol: Option<String>,
    has_ts: bool,
    /// The names of the columns.
    names: Vec<String>,
    /// What rows of quotes had, and rows of trades, and do not keep.
    lost: [[bool; FIELDS]; 2],
}

impl Table {
    /// Reads a header.
    ///
    /// # Errors
    /// What it lacks.
    pub(super) fn of(header: &str, reading: &Reading) -> Result<Self, String> {
        let count = |c: char| header.matches(c).count();
        let likely = [',', ';', '\t'].into_iter().rev().max_by_key(|c| count(*c));
        let delimiter = likely.unwrap_or(',');
        let names = Cells { rest: Some(header), delimiter };
        let names: Result<Vec<String>, String> =
            names.map(|name| name.map(|name| name.trim().to_owned())).collect();
        let names = names?;
        let mut columns = Columns::of(&names, &reading.mappings)?;
        columns.check(&names, reading.symbol.is_some())?;
        if reading.unit.is_some() {
            (columns.time_unit, columns.ts_unit) = (reading.unit, reading.unit);
        }
        let has_ts = columns.has(Field::Ts);
        let (symbol, lost) = (reading.symbol.clone(), Default::default());
        Ok(Self { columns, delimiter, symbol, has_ts, names, lost })
    }

    /// Of which columns nothing was kept so far, or nothing of one kind of row.
    pub(super) fn left_out(&self) -> impl Iterator<Item = String> {
        let [quotes, trades] = &self.lost;
        self.columns.fields.iter().zip(&self.names).flat_map(move |(field, name)| {
            let name = quoted(name);
            let is_lost = |of: &[bool; FIELDS]| {
                field.is_some_and(|field| of.get(field as usize).is_some_and(|lost| *lost))
            };
            let whole = field.is_none().then(|| name.to_owned());
            let of_quotes = is_lost(quotes).then(|| format!("{name} of quotes"));
            let of_trades = is_lost(trades).then(|| format!("{name} of trades"));
            [whole, of_quotes, of_trades].into_iter().flatten()
        })
    }

    /// Reads a row; `use_row` is given it.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn row<T>(
        &mut self,
        line: &str,
        use_row: impl FnOnce(Row<'_>) -> Result<T, String>,
    ) -> Result<T, String> {
        let fields = self.fields(line)?;
        let field = |field: Field| fields.get(field as usize).map_or("", |text| text.trim());
        let time = field(Field::Time);
        let at = moment::parse(time, self.columns.time_unit).ok_or_else(|| bad("time", time))?;
        let ts = match field(Field::Ts) {
            _ if !self.has_ts => Some(at),
            "" => None,
            text => {
                let ts = moment::parse(text, self.columns.ts_unit);
                Some(ts.ok_or_else(|| bad("time", text))?)
            }
        };
        let symbol = match field(Field::Symbol) {
            "" => self.symbol.as_deref().ok_or("no symbol")?,
            symbol => symbol,
        };
        let what = match field(Field::Type) {
            "" if self.columns.has(Field::Type) => return Err("no type".to_owned()),
            "" if field(Field::Price).is_empty() => quote(field)?,
            "" => trade(field)?,
            kind if is(kind, &["q", "quote", "quotes", "bbo"]) => quote(field)?,
            kind if is(kind, &["t", "trade", "trades"]) => trade(field)?,
            kind => return Err(bad("type", kind)),
        };
        let is_trade = matches!(what, What::Trade { .. });
        let used = use_row(Row { at, ts, symbol, what })?;
        let [of_quotes, of_trades] = &mut self.lost;
        let lost = if is_trade { of_trades } else { of_quotes };
        for field in self.columns.fields.iter().flatten() {
            let (in_quotes, in_trades) = field.is_kept();
            let is_kept = if is_trade { in_trades } else { in_quotes };
            if !is_kept
                && let (Some(lost), Some(cell)) =
                    (lost.get_mut(*field as usize), fields.get(*field as usize))
            {
                *lost |= !cell.trim().is_empty();
            }
        }
        Ok(used)
    }

    fn fields<'a>(&self, line: &'a str) -> Result<[Cow<'a, str>; FIELDS], String> {
        let mut fields: [Cow<'a, str>; FIELDS] = Default::default();
        let mut cells = Cells { rest: Some(line), delimiter: self.delimiter };
        let mut count = 0;
        for (column, cell) in self.columns.fields.iter().zip(&mut cells) {
            let cell = cell?;
            count += 1;
            if let Some(place) = column.and_then(|column| fields.get_mut(column as usize)) {
                *place = cell;
            }
        }
        if count != self.columns.fields.len() || cells.next().is_some() {
            let count = self.columns.fields.len();
            return Err(format!("not {count} fields as in the header"));
        }
        Ok(fields)
    }
}

fn quote<'a>(field: impl Fn(Field) -> &'a str) -> Result<What, String> {
    let bid = level(field(Field::Bid), field(Field::BidSize))?;
    let ask = level(field(Field::Ask), field(Field::AskSize))?;
    Ok(What::Quote { bid, ask })
}

fn level(price: &str, size: &str) -> Result<Option<Level>, String> {
    let told = |error: tickwire_feeds::Error| error.to_string();
    let size = if size.is_empty() { None } else { Some(Size::parse(size).map_err(told)?) };
    if price.is_empty() {
        return Ok(None);
    }
    let price = Price::parse_or_none(price).map_err(told)?;
    Ok(price.map(|price| Level { price, size }))
}

fn trade<'a>(field: impl Fn(Field) -> &'a str) -> Result<What, String> {
    let told = |error: tickwire_feeds::Error| error.to_string();
    let side = match (field(Field::Side), field(Field::BuyerMaker)) {
        ("", maker) if is(maker, &["true", "1", "t"]) => Some(Side::Sell),
        ("", maker) if is(maker, &["false", "0", "f"]) => Some(Side::Buy),
        (side, _) if is(side, &["buy", "b", "bid", "1"]) => Some(Side::Buy),
        (side, _) if is(side, &["sell", "s", "a", "ask", "-1"]) => Some(Side::Sell),
        _ => None,
    };
    let id = field(Field::TradeId);
    Ok(What::Trade {
        price: Price::parse(field(Field::Price)).map_err(told)?,
        size: Size::parse(field(Field::Size)).map_err(told)?,
        side,
        trade_id: (!id.is_empty()).then(|| TradeId::new(id)),
        extra: extra(field)?,
    })
}

fn extra<'a>(field: impl Fn(Field) -> &'a str) -> Result<Option<Box<TradeExtra>>, String> {
    let some = |of: Field| Some(field(of)).filter(|text| !text.is_empty());
    let flag = |of: Field| is(field(of), &["true", "1", "t"]);
    let conditions = match field(Field::Conditions) {
        "" => Vec::new(),
        list if list.starts_with('[') => {
            serde_json::from_str(list).map_err(|_| bad("conditions", list))?
        }
        list => list.split([' ', ';']).filter(|word| !word.is_empty()).map(Into::into).collect(),
    };
    let extra = TradeExtra {
        exchange: some(Field::Exchange).map(Into::into),
        conditions,
        tape: some(Field::Tape).map(Into::into),
        no_last: flag(Field::NoLast),
        no_range: flag(Field::NoRange),
        no_volume: flag(Field::NoVolume),
    };
    Ok((extra != TradeExtra::default()).then(|| Box::new(extra)))
}

fn is(word: &str, known: &[&str]) -> bool {
    known.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn bad(what: &str, text: &str) -> String {
    format!("bad {what} {:?}", quoted(text))
}

/// The cells of a line, unquoted (RFC 4180).
struct Cells<'a> {
    /// What follows the last delimiter; `None` after the last cell.
    rest: Option<&'a str>,
    delimiter: char,
}

impl<'a> Iterator for Cells<'a> {
    type Item = Result<Cow<'a, str>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.rest.take()?;
        let Some(inner) = text.strip_prefix('"') else {
            let cell = match text.split_once(self.delimiter) {
                Some((cell, rest)) => {
                    self.rest = Some(rest);
                    cell
                }
                None => text,
            };
            return Some(Ok(cell.into()));
        };
        let mut end = 0;
        while let Some(before) = inner.get(end..).and_then(|tail| tail.find('"')) {
            end += before;
            let after = inner.get(end + 1..).unwrap_or_default();
            if after.starts_with('"') {
                end += 2;
                continue;
            }
            let cell = inner.get(..end).unwrap_or_default();
            self.rest = after.strip_prefix(self.delimiter);
            if self.rest.is_none() && !after.is_empty() {
                return Some(Err("text after a closing quote".to_owned()));
            }
            let escaped = cell.contains('"');
            let cell = if escaped { cell.replace("\"\"", "\"").into() } else { cell.into() };
            return Some(Ok(cell));
        }
        Some(Err("a quote is not closed".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: &str = "time_ns,symbol,type,bid,bid_size,ask,ask_size,price,size,side,\
                          ts_ns,trade_id,exchange,conditions,tape,no_last";

    fn read(header: &str, line: &str) -> Result<String, String> {
        let mut table = Table::of(header, &Reading::default())?;
        table.row(line, |row| {
            let Row { at, ts, symbol, what } = row;
            Ok(format!("{} {:?} {symbol} {what:?}", at.0, ts.map(|ts| ts.0)))
        })
    }

    #[track_caller]
    fn check(header: &str, line: &str, parts: &[&str]) {
        let row = read(header, line).unwrap();
        for part in parts {
            assert!(row.contains(part), "{part}: {row}");
        }
    }

    #[test]
    fn rows_become_prints_and_quotes_with_the_files_digits() {
        check(HEADER, "1,A:B,Q,1.50,2.0,1.60,3.00,,,,,,,,,", &["1 None A:B Quote", "1.50", "3.00"]);
        check(HEADER, "1,B,Q,0,1,,3,,,,7,,,,,", &["1 Some(7) B Quote { bid: None, ask: None }"]);
        check(
            HEADER,
            "1,B,T,,,,,1e-7,2.50,S,,t-1,N,\"[\"\"@\"\",\"\"I\"\"]\",A,true",
            &[
                "price: 0.0000001",
                "2.50",
                "Some(Sell)",
                "Some(t-1)",
                "\"N\"",
                "[\"@\", \"I\"]",
                "no_last: true",
            ],
        );
        check("t;symbol;price;size", "1723161254;a;1;2", &["1723161254000000000 Some(17", "1"]);
        check("time,symbol,price,qty,isBuyerMaker", "5,a,1,2,true", &["Some(Sell)"]);
        check("time,symbol,price,qty,isBuyerMaker", "5,a,1,2,false", &["Some(Buy)"]);
        check("time,symbol,price,size,bid", "5,a,,,9", &["Quote { bid: Some", "ask: None"]);
        check("time,symbol,price,size,bid", "5,a,7,1,9", &["Trade { price: 7"]);
        check(
            "\u{feff}\"time\", Symbol ,price,size".trim_start_matches('\u{feff}'),
            "5,a,7,1",
            &["7"],
        );
    }

    #[test]
    fn a_bad_row_is_refused_with_the_reason() {
        for (line, said) in [
            ("1,B,T,,,,,5,6,,,,,,", "not 16 fields"),
            ("1,B,T,,,,,5,6,,,,,,,,", "not 16 fields"),
            ("x,B,T,,,,,5,6,,,,,,,", "bad time \"x\""),
            (",B,T,,,,,5,6,,,,,,,", "bad time"),
            ("1,B,T,,,,,5,6,,z,,,,,", "bad time \"z\""),
            ("1,,T,,,,,5,6,,,,,,,", "no symbol"),
            ("1,B,X,,,,,5,6,,,,,,,", "bad type \"X\""),
            ("1,B,,,,,,5,6,,,,,,,", "no type"),
            ("1,B,T,,,,,,6,,,,,,,", "bad number"),
            ("1,B,T,,,,,5,,,,,,,,", "bad number"),
            ("1,B,T,,,,,0,6,,,,,,,", "out of range"),
            ("1,B,T,,,,,-5,6,,,,,,,", "out of range"),
            ("1,B,Q,-1,,5,6,,,,,,,,,", "out of range"),
            ("1,B,Q,1,-2,5,6,,,,,,,,,", "out of range"),
            ("1,B,Q,1,x,5,6,,,,,,,,,", "bad number"),
            ("1,\"B,T,,,,,5,6,,,,,,,", "a quote is not closed"),
            ("1,\"B\"x,T,,,,,5,6,,,,,,,", "text after a closing quote"),
            ("1,B,T,,,,,5,6,,,,,[1],,", "bad conditions"),
        ] {
            let error = read(HEADER, line).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
            assert!(error.len() < 200);
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(header in ".{0,80}", line in "[-\",\r0-9QTqt.eE:\u{e9}]{0,60}") {
            drop(read(&header, &line));
            drop(read(HEADER, &line));
        }
    }
}
