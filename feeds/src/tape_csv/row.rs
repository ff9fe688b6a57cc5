//! One line of a tape CSV, its fields by the names of their columns.

use std::borrow::Cow;

use super::PROFILE;
use super::refused;
use crate::decimal::Price;
use crate::decimal::Size;
use crate::error::Error;
use crate::error::quoted;
use crate::tick::Level;
use crate::tick::Side;
use crate::time::Nanos;

/// Most columns of a file.
const COLUMNS_MAX: usize = 256;

/// A column that means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Time,
    Symbol,
    Type,
    Bid,
    BidSize,
    Ask,
    AskSize,
    Price,
    Size,
    Side,
}

const NAMES: [(&str, Column); 10] = [
    ("time_ns", Column::Time),
    ("symbol", Column::Symbol),
    ("type", Column::Type),
    ("bid", Column::Bid),
    ("bid_size", Column::BidSize),
    ("ask", Column::Ask),
    ("ask_size", Column::AskSize),
    ("price", Column::Price),
    ("size", Column::Size),
    ("side", Column::Side),
];
const REQUIRED: [Column; 3] = [Column::Time, Column::Symbol, Column::Type];

/// What each field of a row means, in the order of the file; `None` is ignored.
#[derive(Debug)]
pub(super) struct Columns(Vec<Option<Column>>);

/// The fields of one row; a column that the file does not have is empty.
#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    fields: [Cow<'a, str>; NAMES.len()],
}

/// What a row says.
#[derive(Debug)]
pub(super) enum Body {
    Quote { bid: Option<Level>, ask: Option<Level> },
    Trade { price: Price, size: Size, side: Option<Side> },
}

impl Columns {
    /// Reads the header.
    pub(super) fn read(line: &str) -> Result<Self, Error> {
        let mut columns = Vec::new();
        for field in Fields::of(line.trim_start_matches('\u{feff}')) {
            let field = field?;
            let column = NAMES.iter().find(|(name, _)| field.trim().eq_ignore_ascii_case(name));
            let column = column.map(|(_, column)| *column);
            if column.is_some() && columns.contains(&column) {
                let name = quoted(field.trim());
                return Err(Error::BadSetting(format!("the file has the column {name:?} twice")));
            }
            if columns.len() == COLUMNS_MAX {
                let text = format!("the file has more than {COLUMNS_MAX} columns");
                return Err(Error::BadSetting(text));
            }
            columns.push(column);
        }
        for (name, column) in NAMES {
            if REQUIRED.contains(&column) && !columns.contains(&Some(column)) {
                return Err(Error::BadSetting(format!("the file has no column {name:?}")));
            }
        }
        Ok(Self(columns))
    }

    /// The time of a row, whatever else it says.
    pub(super) fn time(&self, line: &str) -> Option<Nanos> {
        let mut fields = Fields::of(line).zip(&self.0);
        let (field, _) = fields.find(|(_, column)| **column == Some(Column::Time))?;
        field.ok()?.parse().ok().map(Nanos)
    }

    /// Splits a row.
    pub(super) fn row<'a>(&self, line: &'a str) -> Result<Row<'a>, Error> {
        let mut row = Row::default();
        let (mut fields, mut count) = (Fields::of(line), 0);
        for (column, field) in self.0.iter().zip(&mut fields) {
            let field = field?;
            count += 1;
            if let Some(place) = column.and_then(|column| row.fields.get_mut(column as usize)) {
                *place = field;
            }
        }
        if count != self.0.len() || fields.next().is_some() {
            let detail = format!("not {} fields as in the header", self.0.len());
            return Err(refused(&detail, line.as_bytes()));
        }
        Ok(row)
    }
}

impl Row<'_> {
    /// When it happened.
    pub(super) fn time(&self) -> Result<Nanos, Error> {
        let text = self.field(Column::Time);
        text.parse().map(Nanos).map_err(|_| Error::bad_time(text))
    }

    /// Of what; the file's own name.
    pub(super) fn symbol(&self) -> &str {
        self.field(Column::Symbol)
    }

    /// What happened.
    pub(super) fn body(&self) -> Result<Body, Error> {
        match self.field(Column::Type) {
            "Q" => Ok(Body::Quote {
                bid: self.level(Column::Bid, Column::BidSize)?,
                ask: self.level(Column::Ask, Column::AskSize)?,
            }),
            "T" => Ok(Body::Trade {
                price: Price::parse(self.field(Column::Price))?,
                size: Size::parse(self.field(Column::Size))?,
                side: side(self.field(Column::Side)),
            }),
            other => Err(Error::UnknownMessage { venue: PROFILE.venue, kind: quoted(other) }),
        }
    }

    fn level(&self, price: Column, size: Column) -> Result<Option<Level>, Error> {
        let (price, size) = (self.field(price), self.field(size));
        let size = if size.is_empty() { None } else { Some(Size::parse(size)?) };
        if price.is_empty() {
            return Ok(None);
        }
        Ok(Price::parse_or_none(price)?.map(|price| Level { price, size }))
    }

    fn field(&self, column: Column) -> &str {
        self.fields.get(column as usize).map_or("", |field| field)
    }
}

fn side(word: &str) -> Option<Side> {
    let is = |words: [&str; 2]| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    match word {
        _ if is(["buy", "b"]) => Some(Side::Buy),
        _ if is(["sell", "s"]) => Some(Side::Sell),
        _ => None,
    }
}

/// The fields of a line, unquoted.
struct Fields<'a> {
    /// What follows the last comma; `None` after the last field.
    rest: Option<&'a str>,
    line: &'a str,
}

impl<'a> Fields<'a> {
    fn of(line: &'a str) -> Self {
        Self { rest: Some(line), line }
    }

    /// A field up to its closing quote, and what follows that.
    fn quoted(&self, text: &'a str) -> Result<(Cow<'a, str>, &'a str), Error> {
        let mut end = 0;
        while let Some((before, after)) = text.get(end..).and_then(|tail| tail.split_once('"')) {
            end += before.len();
            if !after.starts_with('"') {
                let field = text.get(..end).unwrap_or_default();
                let escaped = field.contains('"');
                let field = if escaped { field.replace("\"\"", "\"").into() } else { field.into() };
                return Ok((field, after));
            }
            end += 2;
        }
        Err(refused(&"a quote is not closed", self.line.as_bytes()))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Cow<'a, str>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = self.rest.take()?;
        let Some(inner) = text.strip_prefix('"') else {
            let (field, rest) = match text.split_once(',') {
                Some((field, rest)) => (field, Some(rest)),
                None => (text, None),
            };
            self.rest = rest;
            return Some(Ok(field.into()));
        };
        let (field, after) = match self.quoted(inner) {
            Ok(parts) => parts,
            Err(error) => return Some(Err(error)),
        };
        self.rest = after.strip_prefix(',');
        if self.rest.is_none() && !after.is_empty() {
            return Some(Err(refused(&"text after a closing quote", self.line.as_bytes())));
        }
        Some(Ok(field))
    }
}
