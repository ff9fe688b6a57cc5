//! Metrics: every name stands here, and what it counts. `/metrics` is made anew at each scrape.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tickwire_feeds::tick::State;

use crate::hub::Hub;
use crate::hub::shard::ShardStats;
use crate::ingest;
use crate::sequencer;
use crate::tape::Tape;

/// Of what [`Report::encode`] makes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;

/// Where the figures come from.
#[derive(Debug)]
pub struct Report<'a> {
    /// The hub.
    pub hub: &'a Hub,
    /// Its shards.
    pub shards: &'a [Arc<ShardStats>],
    /// The tape.
    pub tape: &'a Tape,
    /// The sequencer.
    pub sequencer: &'a sequencer::Stats,
    /// The feeds, by name.
    pub feeds: Vec<(&'a str, &'a ingest::Stats)>,
    /// Since the sequencer's last sign of life, in ms.
    pub age_ms: u64,
}

impl Report<'_> {
    /// The figures as OpenMetrics text.
    ///
    /// # Errors
    /// Never in practice: writing to a string does not fail.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut page = Page { registry: Registry::with_prefix("tickwire") };
        self.tape(&mut page);
        self.feeds(&mut page);
        self.shards(&mut page);
        let mut out = String::new();
        text::encode(&mut out, &page.registry)?;
        Ok(out)
    }

    fn tape(&self, page: &mut Page) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        page.gauge("tape_head", "The last event on the tape", self.tape.head().0);
        page.gauge("tape_oldest", "How far back a cursor can reach", self.tape.oldest().0);
        page.gauge("tape_bytes", "Bytes of the journal on disk", self.tape.bytes());
        page.gauge("tape_segments", "Files of the journal", self.tape.segments_count() as u64);
        page.gauge(
            "tape_stopped",
            "1 while the journal cannot be written",
            u64::from(self.hub.trouble().is_some()),
        );
        page.gauge("sequencer_age_ms", "Since the sequencer's last sign of life", self.age_ms);
        page.counter("sequencer_events", "Events put on the tape", load(&self.sequencer.events));
        page.counter("sequencer_batches", "Writes to the journal", load(&self.sequencer.batches));
        page.counter(
            "sequencer_unknown_symbol",
            "Ticks of symbols that were never listed",
            load(&self.sequencer.unknown),
        );
        page.counter(
            "sequencer_repeated",
            "Ticks that said what was known",
            load(&self.sequencer.repeated),
        );
    }

    fn feeds(&self, page: &mut Page) {
        let of = |read: fn(&ingest::Stats) -> u64| {
            let rows = self.feeds.iter().map(|(name, stats)| (feed(name), read(stats)));
            rows.collect::<Vec<_>>()
        };
        page.counters("feed_frames", "Messages from the venue", of(ingest::Stats::frames));
        page.counters("feed_bytes", "Bytes from the venue", of(ingest::Stats::bytes));
        page.counters("feed_ticks", "Ticks handed to the sequencer", of(ingest::Stats::ticks));
        page.counters("feed_reconnects", "Connections made again", of(ingest::Stats::reconnects));
        page.gauges(
            "feed_live",
            "1 while the feed is live",
            of(|stats| u64::from(stats.state() == State::Live)),
        );
        let rejected = self.feeds.iter().flat_map(|(name, stats)| {
            stats.rejected().map(|(reason, count)| {
                (vec![("feed", (*name).to_owned()), ("reason", reason.to_owned())], count)
            })
        });
        page.counters("feed_rejected", "Messages that were refused", rejected.collect());
    }

    fn shards(&self, page: &mut Page) {
        let of = |read: fn(&ShardStats) -> &AtomicU64| {
            let rows = self.shards.iter().enumerate();
            rows.map(|(index, stats)| {
                (vec![("shard", index.to_string())], read(stats).load(Ordering::Relaxed))
            })
            .collect::<Vec<_>>()
        };
        page.gauges("shard_connections", "Clients connected", of(|stats| &stats.connections));
        page.gauges("shard_streams", "Streams that clients listen to", of(|stats| &stats.streams));
        page.gauges("shard_seq", "The shard's place on the tape", of(|stats| &stats.seq));
        page.counters("shard_events", "Events applied", of(|stats| &stats.events));
        page.counters(
            "shard_delivered",
            "Messages handed to clients' outboxes",
            of(|stats| &stats.delivered),
        );
        page.counters("shard_laps", "Times caught up from the journal", of(|stats| &stats.laps));
    }
}

fn feed(name: &str) -> Labels {
    vec![("feed", name.to_owned())]
}

/// The page being made.
struct Page {
    registry: Registry,
}

impl Page {
    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        let gauge: Gauge = Gauge::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        self.registry.register(name, help, gauge);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        let counter: Counter = Counter::default();
        counter.inc_by(value);
        self.registry.register(name, help, counter);
    }

    fn gauges(&mut self, name: &str, help: &str, rows: Vec<(Labels, u64)>) {
        let family = Family::<Labels, Gauge>::default();
        for (labels, value) in rows {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            family.get_or_create(&labels).set(value);
        }
        self.registry.register(name, help, family);
    }

    fn counters(&mut self, name: &str, help: &str, rows: Vec<(Labels, u64)>) {
        let family = Family::<Labels, Counter>::default();
        for (labels, value) in rows {
            family.get_or_create(&labels).inc_by(value);
        }
        self.registry.register(name, help, family);
    }
}
