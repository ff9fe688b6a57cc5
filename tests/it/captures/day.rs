//! A day's figures, added up from what was read.

use rust_decimal::Decimal;
use serde_json::Value;

use crate::captures::reading::Print;

const DAY_NS: i64 = 86_400_000_000_000;
/// A tick without a time belongs to the day when it was read, which is after all recordings.
const TODAY: i64 = i64::MAX;

/// The figures of the last day so far.
#[derive(Default)]
pub(super) struct Day {
    number: i64,
    open: Option<String>,
    high: Option<String>,
    low: Option<String>,
    volume: Decimal,
    trades: u64,
    prev_close: Option<String>,
    last: Option<String>,
    ts_max: i64,
}

impl Day {
    /// A trade or quote of this time: a later day begins anew.
    pub(super) fn turn(&mut self, ts: Option<i64>) {
        let number = ts.map_or(TODAY, |ts| ts.div_euclid(DAY_NS));
        if number > self.number {
            let follows = number < TODAY && number == self.number + 1;
            let prev_close = self.last.clone().filter(|_| follows);
            let (last, ts_max) = (self.last.take(), self.ts_max);
            *self = Self { number, prev_close, last, ts_max, ..Self::default() };
        }
    }

    pub(super) fn trade(&mut self, print: &Print) {
        let ts = print.ts.unwrap();
        self.turn(Some(ts));
        if ts >= self.ts_max {
            self.ts_max = ts;
            self.last = Some(print.price.clone());
        }
        if ts.div_euclid(DAY_NS) != self.number {
            return;
        }
        let price = number(&print.price);
        self.open.get_or_insert_with(|| print.price.clone());
        if self.high.as_deref().is_none_or(|high| price > number(high)) {
            self.high = Some(print.price.clone());
        }
        if self.low.as_deref().is_none_or(|low| price < number(low)) {
            self.low = Some(print.price.clone());
        }
        self.volume += number(&print.size);
        self.trades += 1;
    }

    /// Checks the figures of a snapshot.
    pub(super) fn compare(&self, snapshot: &Value) {
        let text = |field: &str| snapshot.get(field).map(|it| it.as_str().unwrap().to_owned());
        assert_eq!(text("last"), self.last, "{snapshot}");
        if self.number == 0 {
            assert_eq!(text("day"), None, "{snapshot}");
            return;
        }
        assert_eq!(text("open"), self.open, "{snapshot}");
        assert_eq!(text("high"), self.high, "{snapshot}");
        assert_eq!(text("low"), self.low, "{snapshot}");
        assert_eq!(text("prev_close"), self.prev_close, "{snapshot}");
        assert_eq!(snapshot["trades"], self.trades, "{snapshot}");
        let volume = text("volume").unwrap();
        assert_eq!(number(&volume), self.volume, "{snapshot}");
        if self.trades > 0 {
            assert_eq!(volume, self.volume.to_string(), "with the decimals of the sizes");
        }
    }
}

fn number(digits: &str) -> Decimal {
    digits.parse().unwrap()
}
