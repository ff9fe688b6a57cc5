//! A recording that is played to the whole program, and what clients should be told of it.

use std::collections::BTreeMap;

use serde_json::Value;
use tickwire::clock;
use tickwire::standin::Again;
use tickwire::standin::Fault;
use tickwire::standin::Pace;
use tickwire::standin::Script;
use tickwire::standin::Standin;
use tickwire_feeds::Venue;
use tokio::sync::watch;

use crate::captures::client::Client;
use crate::captures::client::Start;
use crate::captures::client::without_envelope;
use crate::captures::day::Day;
use crate::captures::house::House;
use crate::captures::outcome::Outcome;
use crate::captures::outcome::assert_all;
use crate::captures::outcome::assert_same;
use crate::captures::outcome::changes;
use crate::captures::outcome::sum_missing;
use crate::captures::outcome::told_quotes;
use crate::captures::outcome::told_trades;
use crate::captures::reading::Best;
use crate::captures::reading::Names;
use crate::captures::reading::Reading;
use crate::captures::reading::names;
use crate::captures::reading::recording;
use crate::captures::text;

/// What is played, and to which feed.
pub(super) struct Play {
    pub(super) name: &'static str,
    pub(super) venue: Venue,
    pub(super) symbols: &'static [&'static str],
    pub(super) frames: Vec<String>,
    /// What each frame should become.
    pub(super) readings: Vec<Vec<Reading>>,
    pub(super) pace: Pace,
    pub(super) again: Again,
    pub(super) cuts: Vec<usize>,
}

impl Play {
    pub(super) fn new(
        name: &'static str,
        venue: Venue,
        symbols: &'static [&'static str],
        (frames, readings): (Vec<String>, Vec<Vec<Reading>>),
    ) -> Self {
        let (pace, again, cuts) = (Pace::Full, Again::GoOn, Vec::new());
        Self { name, venue, symbols, frames, readings, pace, again, cuts }
    }

    pub(super) fn recorded(
        name: &'static str,
        venue: Venue,
        symbols: &'static [&'static str],
        read: fn(&Value, &Names) -> Reading,
    ) -> Option<Self> {
        let names = names(venue, symbols);
        let frames: Vec<_> = recording(name)?.0.into_iter().map(|(frame, _)| text(frame)).collect();
        let readings =
            frames.iter().map(|frame| vec![read(&serde_json::from_str(frame).unwrap(), &names)]);
        let readings = readings.collect();
        Some(Self::new(name, venue, symbols, (frames, readings)))
    }

    /// Leaves frames out of the recording.
    pub(super) fn only(self, wanted: fn(&Reading) -> bool) -> Self {
        let pairs = self.frames.into_iter().zip(self.readings);
        let (frames, readings) = pairs.filter(|(_, them)| them.iter().all(wanted)).unzip();
        Self { frames, readings, ..self }
    }

    /// Plays it, and compares all that clients were told with the readings.
    pub(super) async fn run(&self) -> Outcome {
        let outcome = self.play().await;
        outcome.print(self);
        assert_same(&outcome.live, &outcome.resumed);
        assert_eq!(outcome.live.streams.len(), 2 * self.symbols.len());
        for name in self.symbols {
            let symbol = format!("{}:{name}", self.venue);
            let (ticker, trades) = outcome.streams(&symbol);
            assert_all(&told_quotes(ticker), &self.expected_quotes(&symbol));
            assert_all(&told_trades(trades), &self.expected_trades(&symbol));
            let missing: u64 = sum_missing(trades);
            assert_eq!(missing, self.missing().get(&symbol).copied().unwrap_or(0), "{symbol}");
            let snapshot = outcome.snapshots.iter().find(|it| it["symbol"] == symbol).unwrap();
            assert_eq!(ticker.state, without_envelope(snapshot), "deltas add up to the snapshot");
            self.day(&symbol).compare(snapshot);
        }
        let rejected = |reading: &&Reading| **reading == Reading::Rejected;
        assert_eq!(outcome.rejected(), self.played().filter(rejected).count() as u64);
        outcome
    }

    async fn play(&self) -> Outcome {
        let script = Script {
            pace: self.pace,
            again: self.again,
            faults: self.cuts.iter().map(|at| Fault::CutAtFrame(*at)).collect(),
            ..Script::new(self.venue, self.frames.iter().cloned())
        };
        let standin = Standin::start(script).await.unwrap();
        standin.stall();
        let house = House::start(self.venue, self.symbols, &standin.url());
        // The answers to the subscription, so that nothing but the recording is measured.
        house.settled(self.answers(1)).await;
        let (end, ended) = watch::channel(u64::MAX);
        let live = Client::connect(&house.stream_url(), Start::Now).await;
        let live = tokio::spawn(live.follow(ended.clone()));
        let (begun, cpu_ms) = (clock::monotonic(), house.cpu_ms());
        standin.resume();
        let connections = self.cuts.len() as u64 + 1;
        let frames = self.played_frames().count() as u64 + self.answers(connections);
        let head = house.settled(frames).await;
        end.send_replace(head);
        let live = live.await.unwrap();
        let took = live.last_at.map_or(begun.elapsed(), |at| at - begun);
        let cpu_ms = house.cpu_ms() - cpu_ms;
        assert_eq!(standin.connections(), connections);
        let resumed = Client::connect(&house.stream_url(), Start::Beginning).await;
        let resumed = resumed.follow(ended).await;
        assert_eq!(house.metric("tickwire_sequencer_unknown_symbol_total").await, 0);
        assert_eq!(house.metric("tickwire_feed_frames_total").await, frames);
        Outcome {
            live,
            resumed,
            snapshots: house.snapshots("ticker").await,
            venue: house.venue().await,
            ticks: house.metric("tickwire_feed_ticks_total").await,
            took,
            cpu_ms,
        }
    }

    /// Messages of the stand-in that are not of the script.
    fn answers(&self, connections: u64) -> u64 {
        let each = match self.venue {
            // A greeting, and an acknowledgement of each symbol of two channels.
            Venue::Kraken => 1 + 2 * self.symbols.len() as u64,
            Venue::Binance | Venue::Coinbase => 1,
        };
        each * connections
    }

    /// The indices of the frames that a connection got.
    pub(super) fn played_frames(&self) -> impl Iterator<Item = usize> {
        (0..self.frames.len()).filter(|at| !self.is_lost(*at))
    }

    fn is_lost(&self, at: usize) -> bool {
        let Again::Skip(count) = self.again else { return false };
        self.cuts.iter().any(|cut| (*cut..cut + count).contains(&at))
    }

    fn played(&self) -> impl Iterator<Item = &Reading> {
        self.played_frames().flat_map(|at| &self.readings[at])
    }

    /// How many trades of each symbol were in frames that were lost.
    pub(super) fn missing(&self) -> BTreeMap<String, u64> {
        let mut missing = BTreeMap::new();
        let lost = (0..self.frames.len()).filter(|at| self.is_lost(*at));
        for reading in lost.flat_map(|at| &self.readings[at]) {
            if let Reading::Print(it) = reading {
                *missing.entry(it.symbol.clone()).or_default() += 1;
            }
        }
        missing
    }

    /// Each best quote that differs from the one before it.
    fn expected_quotes(&self, symbol: &str) -> Vec<String> {
        let quotes = self.played().filter_map(|reading| match reading {
            Reading::Best(it) if it.symbol == symbol => Some(quote_line(it)),
            _ => None,
        });
        changes(quotes)
    }

    pub(super) fn best_quotes(&self) -> usize {
        let symbols = self.symbols.iter().map(|name| format!("{}:{name}", self.venue));
        symbols.map(|symbol| self.expected_quotes(&symbol).len()).sum()
    }

    fn expected_trades(&self, symbol: &str) -> Vec<String> {
        let trades = self.played().filter_map(|reading| match reading {
            Reading::Print(it) if it.symbol == symbol => {
                Some(format!("{} {} {} {} {}", it.id, it.price, it.size, it.side, it.ts.unwrap()))
            }
            _ => None,
        });
        trades.collect()
    }

    /// The last day's figures.
    fn day(&self, symbol: &str) -> Day {
        let mut day = Day::default();
        for reading in self.played() {
            match reading {
                Reading::Print(it) if it.symbol == symbol => day.trade(it),
                Reading::Best(it) if it.symbol == symbol => day.turn(it.ts),
                _ => {}
            }
        }
        day
    }
}

fn quote_line(best: &Best) -> String {
    let side = |[price, size]: &[String; 2]| {
        if price.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
            return "- -".to_owned();
        }
        format!("{price} {}", if size == "?" { "-" } else { size })
    };
    format!("{} {}", side(&best.bid), side(&best.ask))
}
