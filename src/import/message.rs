//! Messages of ours, one JSON object a line, read back.

use std::collections::HashMap;

use serde::Deserialize;
use serde::Deserializer;
use serde_json::value::RawValue;
use tickwire_feeds::Nanos;
use tickwire_feeds::Price;
use tickwire_feeds::Size;
use tickwire_feeds::error::quoted;
use tickwire_feeds::tick::Level;
use tickwire_feeds::tick::Side;
use tickwire_feeds::tick::TradeExtra;
use tickwire_feeds::tick::TradeId;

use super::row::Row;
use super::row::What;

/// What is read of a message. A field that is there and `null` is `Some`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow, rename = "type", deserialize_with = "some")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "some")]
    channel: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "some")]
    symbol: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "some")]
    ts: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "some")]
    recv: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "some")]
    price: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "some")]
    size: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "some")]
    side: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "some")]
    trade_id: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "some")]
    bid: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "some")]
    bid_size: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "some")]
    ask: Option<&'a RawValue>,
    #[serde(borrow, deserialize_with = "some")]
    ask_size: Option<&'a RawValue>,
    exchange: Option<Box<str>>,
    conditions: Vec<Box<str>>,
    tape: Option<Box<str>>,
    no_last: bool,
    no_range: bool,
    no_volume: bool,
}

/// The best bids and asks of `ticker`, whose messages tell only what changed.
#[derive(Debug, Default)]
pub(super) struct Messages {
    tops: HashMap<Box<str>, [Option<Level>; 2]>,
}

/// What a line is.
#[derive(Debug)]
pub(super) enum Read<T> {
    /// A row.
    Row(T),
    /// A message that is no print and no quote: its type.
    Other(String),
}

impl Messages {
    /// Reads a line; `use_row` is given its row.
    ///
    /// # Errors
    /// Why it is no message of ours.
    pub(super) fn row<T>(
        &mut self,
        line: &str,
        use_row: impl FnOnce(Row<'_>) -> Result<T, String>,
    ) -> Result<Read<T>, String> {
        if !line.trim_start().starts_with('{') {
            return Err("not a message of ours: no JSON object".to_owned());
        }
        let message: Message<'_> = serde_json::from_str(line)
            .map_err(|error| format!("not a message of ours: {}", quoted(&error.to_string())))?;
        let kind = message.kind.map_or("", plain);
        let is_print = message.price.is_some();
        match (kind, message.channel.map_or("", plain)) {
            ("trade", _) | ("", "" | "trades") if is_print || kind == "trade" => {}
            ("delta" | "snapshot", "ticker") if message.is_quote() => {}
            ("quote", _) | ("", "" | "quotes") if message.recv.is_some() => {}
            ("", _) => return Err("it is no print and no quote".to_owned()),
            (kind, _) => return Ok(Read::Other(kind.to_owned())),
        }
        let symbol = plain(message.symbol.ok_or("no symbol")?);
        let time = |value: &RawValue| {
            let text = plain(value);
            Nanos::parse_rfc3339(text).map_err(|_| format!("bad time {:?}", quoted(text)))
        };
        let ts = message.ts.map(time).transpose()?;
        let recv = message.recv.map(time).transpose()?;
        let at = recv.or(ts).ok_or("no recv")?;
        let what = if is_print || kind == "trade" {
            message.trade()?
        } else {
            self.quote(kind, symbol, &message)?
        };
        use_row(Row { at, ts, symbol, what }).map(Read::Row)
    }

    fn quote(&mut self, kind: &str, symbol: &str, new: &Message<'_>) -> Result<What, String> {
        if kind != "delta" && kind != "snapshot" {
            let bid = changed(None, new.bid, new.bid_size)?;
            let ask = changed(None, new.ask, new.ask_size)?;
            return Ok(What::Quote { bid, ask });
        }
        let known = self.tops.get(symbol).copied().filter(|_| kind == "delta");
        let [bid, ask] = known.unwrap_or_default();
        let bid = changed(bid, new.bid, new.bid_size)?;
        let ask = changed(ask, new.ask, new.ask_size)?;
        match self.tops.get_mut(symbol) {
            Some(top) => *top = [bid, ask],
            None => drop(self.tops.insert(symbol.into(), [bid, ask])),
        }
        Ok(What::Quote { bid, ask })
    }
}

impl Message<'_> {
    fn is_quote(&self) -> bool {
        [self.bid, self.bid_size, self.ask, self.ask_size].iter().any(Option::is_some)
    }

    fn trade(self) -> Result<What, String> {
        let told = |error: tickwire_feeds::Error| error.to_string();
        let side = match self.side.map(plain) {
            None => None,
            Some("buy") => Some(Side::Buy),
            Some("sell") => Some(Side::Sell),
            Some(other) => return Err(format!("bad side {:?}", quoted(other))),
        };
        let id: Option<String> = match self.trade_id.map(RawValue::get) {
            None => None,
            Some(text) if text.starts_with('"') => {
                Some(serde_json::from_str(text).map_err(|error| error.to_string())?)
            }
            Some(number) => Some(number.to_owned()),
        };
        let extra = TradeExtra {
            exchange: self.exchange,
            conditions: self.conditions,
            tape: self.tape,
            no_last: self.no_last,
            no_range: self.no_range,
            no_volume: self.no_volume,
        };
        Ok(What::Trade {
            price: Price::parse(self.price.map_or("", plain)).map_err(told)?,
            size: Size::parse(self.size.map_or("", plain)).map_err(told)?,
            side,
            trade_id: id.as_deref().map(TradeId::new),
            extra: (extra != TradeExtra::default()).then(|| Box::new(extra)),
        })
    }
}

/// One side after a message; what it does not name stays.
fn changed(
    before: Option<Level>,
    price: Option<&RawValue>,
    size: Option<&RawValue>,
) -> Result<Option<Level>, String> {
    let told = |error: tickwire_feeds::Error| error.to_string();
    let is_null = |value: &RawValue| value.get() == "null";
    let price = match price {
        None => before.map(|level| level.price),
        Some(null) if is_null(null) => None,
        Some(price) => Some(Price::parse(plain(price)).map_err(told)?),
    };
    let size = match size {
        None => before.and_then(|level| level.size),
        Some(null) if is_null(null) => None,
        Some(size) => Some(Size::parse(plain(size)).map_err(told)?),
    };
    Ok(price.map(|price| Level { price, size }))
}

/// A text without its quotes, as we never escape what is read here, or a number.
fn plain(value: &RawValue) -> &str {
    let text = value.get();
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

fn some<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(messages: &mut Messages, line: &str) -> Result<String, String> {
        let read = messages.row(line, |row| {
            let Row { at, ts, symbol, what } = row;
            Ok(format!("{at} {} {symbol} {what:?}", ts.map_or(String::new(), |ts| ts.to_string())))
        })?;
        Ok(match read {
            Read::Row(row) => row,
            Read::Other(kind) => format!("other {kind}"),
        })
    }

    #[test]
    fn messages_of_the_stream_are_read() {
        let mut messages = Messages::default();
        let mut check = |line: &str, parts: &[&str]| {
            let row = read(&mut messages, line).unwrap();
            for part in parts {
                assert!(row.contains(part), "{part}: {row}");
            }
        };
        check(
            r#"{"type":"trade","channel":"trades","symbol":"a:B","seq":7,"prev":3,"ts":"2024-01-01T00:00:00Z","recv":"2024-01-01T00:00:01Z","price":"1.50","size":"2","side":"sell","trade_id":"a\"1","exchange":"N","conditions":["@"],"late":true,"no_last":true}"#,
            &["00:00:01Z 2024", "1.50", "Sell", "a\"1", "\"N\"", "no_last: true"],
        );
        check(
            r#"{"type":"snapshot","channel":"ticker","symbol":"a:B","seq":1,"recv":"2024-01-01T00:00:01Z","bid":"1","bid_size":"5","ask":"2","state":"live"}"#,
            &["bid: Some(Level { price: 1, size: Some(5) })", "price: 2, size: None"],
        );
        check(
            r#"{"type":"delta","channel":"ticker","symbol":"a:B","seq":2,"prev":1,"recv":"2024-01-01T00:00:02Z","bid_size":"6","ask":null}"#,
            &["bid: Some(Level { price: 1, size: Some(6) })", "ask: None"],
        );
        check(
            r#"{"type":"delta","channel":"ticker","symbol":"a:B","seq":3,"prev":2,"recv":"2024-01-01T00:00:02Z","last":"5"}"#,
            &["other delta"],
        );
        check(
            r#"{"symbol":"a:B","seq":7,"recv":"2024-01-01T00:00:01Z","price":1.5,"size":2}"#,
            &["Trade { price: 1.5"],
        );
        check(
            r#"{"symbol":"a:B","seq":7,"recv":"2024-01-01T00:00:01Z","ask":"9"}"#,
            &["Quote { bid: None, ask: Some(Level { price: 9"],
        );
        for (line, kind) in [
            (r#"{"type":"heartbeat","seq":7}"#, "other heartbeat"),
            (r#"{"type":"snapshot","channel":"trades","price":"1"}"#, "other snapshot"),
            (r#"{"type":"status","channel":"trades","symbol":"a:B"}"#, "other status"),
        ] {
            check(line, &[kind]);
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let mut messages = Messages::default();
        for (line, said) in [
            ("x", "not a message"),
            ("[]", "not a message"),
            ("7", "not a message"),
            ("{}", "no print and no quote"),
            (r#"{"type":"trade"}"#, "no symbol"),
            (r#"{"type":"trade","symbol":"a:B"}"#, "no recv"),
            (r#"{"type":"trade","symbol":"a:B","recv":"x"}"#, "bad time"),
            (r#"{"type":"trade","symbol":"a:B","recv":"2024-01-01T00:00:01Z"}"#, "bad number"),
            (
                r#"{"type":"trade","symbol":"a:B","recv":"2024-01-01T00:00:01Z","price":"-1","size":"1"}"#,
                "out of range",
            ),
            (
                r#"{"type":"trade","symbol":"a:B","recv":"2024-01-01T00:00:01Z","price":"1","size":"1","side":"x"}"#,
                "bad side",
            ),
        ] {
            let error = read(&mut messages, line).unwrap_err();
            assert!(error.contains(said), "{line}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(line in ".{0,80}") {
            drop(read(&mut Messages::default(), &line));
            let head = r#"{"type":"delta","channel":"ticker","symbol":"#;
            let line = format!(r#"{head}{line},"bid":{line}"#);
            drop(read(&mut Messages::default(), &line));
        }
    }
}
