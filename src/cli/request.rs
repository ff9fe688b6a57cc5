//! What is asked of a server: one channel of some symbols, and where it shall begin.

use std::str::FromStr;

use clap::ValueEnum;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// Symbols in one operation: of the longest ones this stays below any `limits.message_bytes`.
const SYMBOLS_PER_OP: usize = 500;

/// What is asked of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    /// Of each symbol.
    pub(super) channel: ChannelName,
    /// Symbols and patterns, at least one.
    pub(super) symbols: Vec<String>,
    /// Least time between two snapshots, in ms; 0 for every change.
    pub(super) conflate_ms: u64,
    /// Where it begins.
    pub(super) start: Start,
}

/// A channel that can be asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ChannelName {
    /// Best bid and ask, last trade, day figures
    #[default]
    Ticker,
    /// Each trade
    Trades,
    /// Bars of a second
    #[value(name = "bars.1s")]
    Bars1s,
    /// Bars of a minute
    #[value(name = "bars.1m")]
    Bars1m,
    /// Bars of five minutes
    #[value(name = "bars.5m")]
    Bars5m,
    /// Bars of an hour
    #[value(name = "bars.1h")]
    Bars1h,
    /// Bars of a UTC day
    #[value(name = "bars.1d")]
    Bars1d,
}

/// Where a subscription begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    /// With the present state.
    Now,
    /// So many messages back.
    Last(u64),
    /// After a cursor.
    After(Cursor),
}

/// A place on a tape, as `EPOCH:SEQ`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) epoch: String,
    pub(super) seq: u64,
}

impl ChannelName {
    /// As the protocol has it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Ticker => "ticker",
            Self::Trades => "trades",
            Self::Bars1s => "bars.1s",
            Self::Bars1m => "bars.1m",
            Self::Bars5m => "bars.5m",
            Self::Bars1h => "bars.1h",
            Self::Bars1d => "bars.1d",
        }
    }

    /// Whether a snapshot makes good for messages that were missed.
    pub(super) const fn is_state(self) -> bool {
        !matches!(self, Self::Trades)
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once(':').filter(|(epoch, _)| !epoch.is_empty());
        let cursor = parts.and_then(|(epoch, seq)| {
            Some(Self { epoch: epoch.to_owned(), seq: seq.parse().ok()? })
        });
        cursor.ok_or_else(|| "expected EPOCH:SEQ, like k3v9:184001".to_owned())
    }
}

impl Request {
    /// The operations that ask for `symbols`, numbered from `id` on.
    pub(super) fn operations(&self, symbols: &[String], start: &Start, id: u64) -> Vec<String> {
        let operation = |(symbols, id): (&[String], u64)| {
            let mut operation = Map::new();
            operation.insert("op".to_owned(), "subscribe".into());
            operation.insert("id".to_owned(), id.into());
            operation.insert("channel".to_owned(), self.channel.word().into());
            operation.insert("symbols".to_owned(), symbols.into());
            if self.conflate_ms > 0 {
                operation.insert("conflate_ms".to_owned(), self.conflate_ms.into());
            }
            match start {
                Start::Now => None,
                Start::Last(count) => operation.insert("last".to_owned(), (*count).into()),
                Start::After(Cursor { epoch, seq }) => {
                    operation.insert("from".to_owned(), json!({ "epoch": epoch, "seq": seq }))
                }
            };
            Value::Object(operation).to_string()
        };
        symbols.chunks(SYMBOLS_PER_OP).zip(id..).map(operation).collect()
    }
}

/// Splits `a,b c` as given on the command line into symbols.
pub(super) fn split(symbols: &[String]) -> Vec<String> {
    let parts = symbols.iter().flat_map(|text| text.split(','));
    parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::op;

    fn request(symbols: usize) -> Request {
        Request {
            channel: ChannelName::Trades,
            symbols: (0..symbols).map(|n| format!("sim:S{n:036}-USD")).collect(),
            conflate_ms: 0,
            start: Start::Now,
        }
    }

    #[test]
    fn the_server_understands_every_operation() {
        let cursor = Cursor { epoch: "k3v9".to_owned(), seq: 7 };
        for start in [Start::Now, Start::Last(3), Start::After(cursor)] {
            let request = request(3);
            let operations = request.operations(&request.symbols, &start, 4);
            assert_eq!(operations.len(), 1);
            let (id, parsed) = op::parse(operations[0].as_bytes());
            assert!(id.is_some());
            assert!(matches!(parsed, Ok(op::Op::Subscribe(of)) if of.names.len() == 3));
        }
        let conflated = Request { channel: ChannelName::Ticker, conflate_ms: 250, ..request(1) };
        let operations = conflated.operations(&conflated.symbols, &Start::Now, 0);
        let (_, parsed) = op::parse(operations[0].as_bytes());
        assert!(matches!(parsed, Ok(op::Op::Subscribe(of)) if of.conflate_ms == 250));
    }

    #[test]
    fn many_symbols_go_in_messages_that_are_not_too_large() {
        let request = request(1_201);
        let operations = request.operations(&request.symbols, &Start::Now, 1);
        assert_eq!(operations.len(), 3);
        assert!(operations.iter().all(|operation| operation.len() < 65_536));
        assert!(operations[2].contains("\"id\":3"), "{}", operations[2]);
    }

    #[test]
    fn a_cursor_is_an_epoch_and_a_number() {
        let cursor = Cursor { epoch: "a:b".to_owned(), seq: 5 };
        assert_eq!("a:b:5".parse(), Ok(cursor));
        for text in ["", ":", "a", ":5", "a:", "a:-1", "a:x"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }

    #[test]
    fn symbols_may_be_separated_by_commas() {
        let given = ["a,b".to_owned(), " c ,".to_owned()];
        assert_eq!(split(&given), ["a", "b", "c"]);
    }
}
