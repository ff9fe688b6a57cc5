//! Columns: which one of a table means what.

use std::fmt;
use std::str::FromStr;

use super::moment::Unit;

/// Most columns of a table.
pub(super) const COLUMNS_MAX: usize = 256;

/// What a column may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// When the row was received, or happened.
    Time,
    /// The venue's own time.
    Ts,
    /// The instrument.
    Symbol,
    /// `T` or `Q`, `trade` or `quote`.
    Type,
    /// Best bid price.
    Bid,
    /// Size there.
    BidSize,
    /// Best ask price.
    Ask,
    /// Size there.
    AskSize,
    /// Price of a print.
    Price,
    /// Size of a print.
    Size,
    /// Who crossed the spread.
    Side,
    /// Whether the maker bought, so that the taker sold.
    BuyerMaker,
    /// The venue's id of a print.
    TradeId,
    /// Where it was executed.
    Exchange,
    /// Sale conditions.
    Conditions,
    /// Reporting tape.
    Tape,
    /// Must not move the last price.
    NoLast,
    /// Must not move high and low.
    NoRange,
    /// Must not count towards the volume.
    NoVolume,
}

/// Names by which columns are known: letters and digits only, the likeliest first.
const NAMES: [(Field, &[&str]); 19] = [
    (
        Field::Time,
        &[
            "timens",
            "recv",
            "recvns",
            "tsrecv",
            "localtimestamp",
            "received",
            "receivedat",
            "time",
            "timestamp",
            "datetime",
            "date",
            "tsevent",
            "ts",
            "tsns",
            "t",
        ],
    ),
    (
        Field::Ts,
        &[
            "ts",
            "tsns",
            "tsevent",
            "exchts",
            "exchtsms",
            "exchtime",
            "exchangetime",
            "exchangetimestamp",
            "eventtime",
            "timestamp",
            "time",
        ],
    ),
    (
        Field::Symbol,
        &["symbol", "sym", "ticker", "instrument", "pair", "market", "product", "productid", "s"],
    ),
    (Field::Type, &["type", "kind", "rowtype", "eventtype", "recordtype"]),
    (Field::Bid, &["bid", "bidprice", "bidpx", "bidpx00", "bestbid", "bestbidprice", "bp"]),
    (
        Field::BidSize,
        &["bidsize", "bidqty", "bidamount", "bidsz", "bidsz00", "bidvolume", "bestbidsize", "bs"],
    ),
    (
        Field::Ask,
        &["ask", "askprice", "askpx", "askpx00", "bestask", "bestaskprice", "offer", "ap"],
    ),
    (
        Field::AskSize,
        &["asksize", "askqty", "askamount", "asksz", "asksz00", "askvolume", "bestasksize", "as"],
    ),
    (Field::Price, &["price", "px", "tradeprice", "last", "lastprice", "p"]),
    (
        Field::Size,
        &["size", "qty", "quantity", "amount", "sz", "tradesize", "volume", "lastsize", "v"],
    ),
    (Field::Side, &["side", "takerside", "aggressor", "aggressorside", "direction"]),
    (Field::BuyerMaker, &["isbuyermaker", "buyermaker"]),
    (Field::TradeId, &["tradeid", "seqortradeid", "aggtradeid", "id", "tid"]),
    (Field::Exchange, &["exchange", "exch", "x"]),
    (Field::Conditions, &["conditions", "cond"]),
    (Field::Tape, &["tape"]),
    (Field::NoLast, &["nolast"]),
    (Field::NoRange, &["norange"]),
    (Field::NoVolume, &["novolume"]),
];

/// Columns that the user named, `FIELD=COLUMN`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    field: Field,
    column: String,
}

impl Field {
    const WORDS: [(&str, Self); 19] = [
        ("time", Self::Time),
        ("ts", Self::Ts),
        ("symbol", Self::Symbol),
        ("type", Self::Type),
        ("bid", Self::Bid),
        ("bid_size", Self::BidSize),
        ("ask", Self::Ask),
        ("ask_size", Self::AskSize),
        ("price", Self::Price),
        ("size", Self::Size),
        ("side", Self::Side),
        ("buyer_maker", Self::BuyerMaker),
        ("trade_id", Self::TradeId),
        ("exchange", Self::Exchange),
        ("conditions", Self::Conditions),
        ("tape", Self::Tape),
        ("no_last", Self::NoLast),
        ("no_range", Self::NoRange),
        ("no_volume", Self::NoVolume),
    ];
}

impl Field {
    /// Whether a row of quotes keeps it, and one of trades.
    pub(super) const fn is_kept(self) -> (bool, bool) {
        match self {
            Self::Time | Self::Ts | Self::Symbol | Self::Type => (true, true),
            Self::Bid | Self::BidSize | Self::Ask | Self::AskSize => (true, false),
            _ => (false, true),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::WORDS.iter().find(|(_, field)| field == self);
        f.write_str(word.map_or("", |(word, _)| word))
    }
}

impl FromStr for Mapping {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').filter(|(_, column)| !column.is_empty());
        let (field, column) = parts.ok_or("expected FIELD=COLUMN, like price=Px")?;
        let known = Field::WORDS.iter().find(|(word, _)| *word == field.trim());
        let (_, field) = *known.ok_or_else(|| {
            let words: Vec<&str> = Field::WORDS.iter().map(|(word, _)| *word).collect();
            format!("there is no field {field:?}, only {}", words.join(", "))
        })?;
        Ok(Self { field, column: column.to_owned() })
    }
}

/// What each column means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// In the order of the file.
    pub(super) fields: Vec<Option<Field>>,
    pub(super) time_unit: Option<Unit>,
    pub(super) ts_unit: Option<Unit>,
}

impl Columns {
    /// Of a header.
    ///
    /// # Errors
    /// What is missing or named twice.
    pub(super) fn of(names: &[String], mappings: &[Mapping]) -> Result<Self, String> {
        if names.len() > COLUMNS_MAX {
            return Err(format!("it has more than {COLUMNS_MAX} columns"));
        }
        let mut fields = vec![None; names.len()];
        for Mapping { field, column } in mappings {
            let at = find(names, column)
                .ok_or_else(|| format!("it has no column {column:?}: {}", list(names)))?;
            if fields.contains(&Some(*field)) {
                return Err(format!("{field} is mapped twice"));
            }
            match fields.get_mut(at) {
                Some(place @ None) => *place = Some(*field),
                _ => return Err(format!("column {column:?} is mapped twice")),
            }
        }
        let plain: Vec<String> = names.iter().map(|name| plain(name)).collect();
        for (field, known) in NAMES {
            if fields.contains(&Some(field)) {
                continue;
            }
            let at = known.iter().find_map(|known| {
                let free = |at: &usize| fields.get(*at).is_some_and(Option::is_none);
                plain.iter().position(|name| name == known).filter(free)
            });
            if let Some(place) = at.and_then(|at| fields.get_mut(at)) {
                *place = Some(field);
            }
        }
        let unit = |field| {
            let at = fields.iter().position(|of| *of == Some(field))?;
            Unit::of_name(names.get(at)?)
        };
        let (time_unit, ts_unit) = (unit(Field::Time), unit(Field::Ts));
        Ok(Self { fields, time_unit, ts_unit })
    }

    pub(super) fn has(&self, field: Field) -> bool {
        self.fields.contains(&Some(field))
    }

    /// What a table can not be read without.
    ///
    /// # Errors
    /// What is missing, and what to do.
    pub(super) fn check(&self, names: &[String], has_symbol: bool) -> Result<(), String> {
        let missing = |what: &str, field: Field| {
            let columns = list(names);
            Err(format!(
                "it has no column for {what}: {columns}; name one with --map {field}=COLUMN"
            ))
        };
        if !self.has(Field::Time) {
            return missing("the time", Field::Time);
        }
        if !self.has(Field::Symbol) && !has_symbol {
            return missing("the symbol", Field::Symbol);
        }
        let is_trades = self.has(Field::Price) && self.has(Field::Size);
        if is_trades || self.has(Field::Bid) || self.has(Field::Ask) {
            return Ok(());
        }
        if self.has(Field::Price) {
            return missing("the size", Field::Size);
        }
        missing("the price", Field::Price)
    }
}

/// By its name, or as `#3` by its place.
fn find(names: &[String], column: &str) -> Option<usize> {
    let by_name = names.iter().position(|name| name.eq_ignore_ascii_case(column));
    by_name.or_else(|| {
        let place: usize = column.strip_prefix('#')?.parse().ok()?;
        place.checked_sub(1).filter(|at| *at < names.len())
    })
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}

fn list(names: &[String]) -> String {
    const SHOWN: usize = 24;
    let shown: Vec<String> =
        names.iter().take(SHOWN).map(|name| tickwire_feeds::error::quoted(name)).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("its columns are {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(header: &str, mappings: &[&str]) -> Result<String, String> {
        let names: Vec<String> = header.split(',').map(str::to_owned).collect();
        let mappings: Vec<Mapping> = mappings.iter().map(|text| text.parse().unwrap()).collect();
        let columns = Columns::of(&names, &mappings)?;
        columns.check(&names, false)?;
        let words = columns.fields.iter().map(|field| match field {
            Some(field) => field.to_string(),
            None => "-".to_owned(),
        });
        Ok(words.collect::<Vec<_>>().join(","))
    }

    #[track_caller]
    fn check(header: &str, mappings: &[&str], expected: &str) {
        assert_eq!(columns(header, mappings).unwrap(), expected, "{header}");
    }

    #[test]
    fn usual_names_are_known() {
        check(
            "time_ns,symbol,type,bid,bid_size,ask,ask_size,price,size,side,exch_ts_ms,\
             seq_or_trade_id",
            &[],
            "time,symbol,type,bid,bid_size,ask,ask_size,price,size,side,ts,trade_id",
        );
        check(
            "exchange,symbol,timestamp,local_timestamp,id,side,price,amount",
            &[],
            "exchange,symbol,ts,time,trade_id,side,price,size",
        );
        check("ts_recv,ts_event,symbol,price,size", &[], "time,ts,symbol,price,size");
        check("Timestamp,Ticker,Last Price,Volume", &[], "time,symbol,price,size");
        check("ts,symbol,bid,ask,other", &[], "time,symbol,bid,ask,-");
        check("symbol,seq,ts,recv,price,size", &[], "symbol,-,ts,time,price,size");
    }

    #[test]
    fn a_user_can_name_any_column() {
        check("a,b,c,d", &["time=A", "symbol=#2", "price=c", "size=d"], "time,symbol,price,size");
        check("time,s,price,p2,size", &["price=p2"], "time,symbol,-,price,size");
    }

    #[test]
    fn what_is_missing_is_told_with_what_to_do() {
        for (header, mappings, said) in [
            ("symbol,price,size", &[][..], "no column for the time: its columns are symbol, price"),
            ("time,price,size", &[], "--map symbol=COLUMN"),
            ("time,symbol", &[], "--map price=COLUMN"),
            ("time,symbol,price", &[], "--map size=COLUMN"),
            ("time,symbol,price,size", &["price=x"], "no column \"x\""),
            ("time,symbol,price,size", &["price=#5"], "no column \"#5\""),
            ("time,symbol,price,size", &["price=size", "size=size"], "mapped twice"),
            ("time,symbol,price,size", &["price=price", "price=size"], "mapped twice"),
        ] {
            let error = columns(header, mappings).unwrap_err();
            assert!(error.contains(said), "{header}: {error}");
        }
        for (text, said) in [("x=1", "no field"), ("price", "FIELD=COLUMN"), ("price=", "FIELD=")] {
            assert!(text.parse::<Mapping>().unwrap_err().contains(said), "{text}");
        }
    }
}
