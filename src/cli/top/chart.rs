//! The chart of one symbol: its last bars, as the server's history has them.

use std::time::Duration;

use serde::Deserialize;
use tickwire_feeds::Nanos;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::cli::rest::Rest;

/// Longest time for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time between two questions.
const REFRESH: Duration = Duration::from_secs(2);
/// Bars that are asked for.
const BARS: i64 = 200;

/// A chart.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) symbol: String,
    pub(super) interval: Interval,
    /// The oldest first.
    pub(super) bars: Vec<Bar>,
    /// Why there are none.
    pub(super) trouble: Option<String>,
    asking: Option<JoinHandle<Result<Vec<Bar>, Failure>>>,
    asked: Option<Instant>,
}

/// How long a bar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interval {
    Second,
    Minute,
    Hour,
}

/// A bar, its prices as the venue wrote them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Bar {
    pub(super) start: String,
    pub(super) open: Option<String>,
    pub(super) high: Option<String>,
    pub(super) low: Option<String>,
    pub(super) close: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Page {
    bars: Vec<Bar>,
}

impl Interval {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Second => "1s",
            Self::Minute => "1m",
            Self::Hour => "1h",
        }
    }

    /// The next longer one; `None` after the longest.
    pub(super) const fn next(self) -> Option<Self> {
        match self {
            Self::Second => Some(Self::Minute),
            Self::Minute => Some(Self::Hour),
            Self::Hour => None,
        }
    }

    const fn millis(self) -> i64 {
        match self {
            Self::Second => 1_000,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
        }
    }
}

impl Chart {
    /// Of a symbol, with nothing on it yet.
    pub(super) const fn new(symbol: String, interval: Interval) -> Self {
        Self { symbol, interval, bars: Vec::new(), trouble: None, asking: None, asked: None }
    }

    /// Takes what was answered, and asks again when that is due, for the time up to `until`.
    pub(super) async fn refresh(&mut self, endpoint: &Endpoint, until: Nanos) {
        if self.asking.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(asking) = self.asking.take()
        {
            match asking.await {
                Ok(Ok(bars)) => (self.bars, self.trouble) = (bars, None),
                Ok(Err(failure)) => self.trouble = Some(failure.to_string()),
                Err(error) => self.trouble = Some(error.to_string()),
            }
        }
        let is_due = self.asked.is_none_or(|asked| asked.elapsed() >= REFRESH);
        if is_due && self.asking.is_none() {
            let from = until.plus_millis(-BARS * self.interval.millis());
            let query = format!(
                "/v1/bars?symbol={}&interval={}&from={from}&to={until}&limit={BARS}",
                self.symbol,
                self.interval.word()
            );
            let endpoint = endpoint.clone();
            self.asking = Some(tokio::task::spawn_blocking(move || ask(&endpoint, &query)));
            self.asked = Some(Instant::now());
        }
    }
}

fn ask(endpoint: &Endpoint, query: &str) -> Result<Vec<Bar>, Failure> {
    let answer = Rest::new(endpoint, PATIENCE)?.get(query)?;
    if answer.status != 200 {
        return Err(Failure::General(answer.said()));
    }
    let page: Result<Page, _> = serde_json::from_value(answer.body);
    page.map(|page| page.bars).map_err(|error| Failure::General(error.to_string()))
}
