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

use crate::access::Gate;
use crate::hub::Hub;
use crate::hub::stats::Count;
use crate::hub::stats::ShardStats;
use crate::ingest;
use crate::replay::Office;
use crate::sequencer;
use crate::store;
use crate::tape::Tape;
use crate::tls::Keeper;

/// Of what [`Report::encode`] makes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Name, help and value of a figure of each shard.
type Figure = (&'static str, &'static str, fn(&ShardStats) -> &Count);

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
    /// The recorder of history, if there is one.
    pub store: Option<store::Status>,
    /// The feeds, by name.
    pub feeds: Vec<(&'a str, &'a ingest::Stats)>,
    /// The replays.
    pub replays: &'a Office,
    /// The certificate, if TLS is spoken.
    pub tls: Option<&'a Keeper>,
    /// Where clients show who they are, if anywhere.
    pub gate: Option<&'a Gate>,
    /// Connections that were ended unread.
    pub turned_away: u64,
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
        show_replays(self.replays, &mut page);
        if let Some(keeper) = self.tls {
            show_tls(keeper, &mut page);
        }
        if let Some(gate) = self.gate {
            let help = "Tokens and API keys that were not good";
            page.counter("access_refused", help, gate.refused());
        }
        if let Some(store) = &self.store {
            show_store(store, &mut page);
        }
        let help = "Connections that were ended unread: too many of their address";
        page.counter("connections_turned_away", help, self.turned_away);
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
        page.gauges(
            "feed_queue_ticks",
            "Ticks waiting for the sequencer",
            of(ingest::Stats::queued),
        );
        page.counters(
            "feed_queue_full",
            "Times that queue was full",
            of(ingest::Stats::queue_full),
        );
        let rejected = self.feeds.iter().flat_map(|(name, stats)| {
            stats.rejected().map(|(reason, count)| {
                (vec![("feed", (*name).to_owned()), ("reason", reason.to_owned())], count)
            })
        });
        page.counters("feed_rejected", "Messages that were refused", rejected.collect());
    }

    fn shards(&self, page: &mut Page) {
        let of = |read: fn(&ShardStats) -> &Count| {
            let rows = self.shards.iter().enumerate();
            rows.map(|(index, stats)| (vec![("shard", index.to_string())], read(stats).get()))
                .collect::<Vec<_>>()
        };
        let gauges: [Figure; _] = [
            ("shard_connections", "Clients connected", |of| &of.connections),
            ("shard_streams", "Streams that clients listen to", |of| &of.streams),
            ("shard_seq", "The shard's place on the tape", |of| &of.seq),
            ("shard_ring_events", "Events waiting between sequencer and shard", |of| &of.ring),
            ("shard_flush_wait_us", "Wait after the last flush", |of| &of.flush_wait_us),
            ("shard_outbox_bytes", "Bytes waiting for all clients", |of| &of.outbox_bytes),
            ("shard_outbox_bytes_max", "Bytes waiting for one client", |of| &of.outbox_bytes_max),
            ("shard_following", "Clients that are read the tape", |of| &of.following),
        ];
        for (name, help, read) in gauges {
            page.gauges(name, help, of(read));
        }
        let counters: [Figure; _] = [
            ("shard_laps", "Times caught up from the journal", |of| &of.laps),
            ("shard_events", "Events applied", |of| &of.events),
            ("shard_encoded", "Messages encoded from events", |of| &of.encoded),
            ("shard_delivered", "Messages put into clients' outboxes", |of| &of.delivered),
            ("shard_flushes", "Times that all that waited was sent", |of| &of.flushes),
            ("shard_writes", "Writes to clients' sockets", |of| &of.writes),
            ("shard_written_bytes", "Bytes of those writes", |of| &of.written_bytes),
            ("shard_snapshot_hits", "Snapshots encoded before", |of| &of.snapshot_hits),
            ("shard_snapshot_misses", "Snapshots encoded anew", |of| &of.snapshot_misses),
            ("shard_flushed", "Snapshots by the clock of conflate_ms", |of| &of.flushed),
            ("shard_conflated", "Snapshots for slow clients", |of| &of.conflated),
            ("shard_spills", "Slow clients fed from the tape", |of| &of.spills),
            ("shard_gaps", "Gaps that slow clients were told of", |of| &of.gaps),
            ("shard_dropped", "Messages inside those gaps", |of| &of.dropped),
            ("shard_too_slow", "Clients closed for being too slow", |of| &of.too_slow),
            ("shard_handed_over", "Times a socket was full", |of| &of.handed_over),
        ];
        for (name, help, read) in counters {
            page.counters(name, help, of(read));
        }
    }
}

fn show_replays(office: &Office, page: &mut Page) {
    page.gauge("replay_open", "Replays now", office.taken());
    page.gauge("replay_open_max", "limits.replays", office.seats() as u64);
    page.counter("replay_begun", "Replays so far", office.begun());
    page.counter("replay_events", "Events that replays played", office.events());
    page.counter("replay_bytes", "Bytes that replays sent", office.bytes());
}

fn show_tls(keeper: &Keeper, page: &mut Page) {
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let until = u64::try_from(keeper.validity().until).unwrap_or(0);
    page.gauge("tls_certificate_until", "When the certificate ends, in s since 1970", until);
    page.counter("tls_certificates_taken", "New certificates taken up", load(&keeper.taken));
    page.counter("tls_certificates_refused", "New files without use", load(&keeper.refused));
    page.counter("tls_handshakes_broken", "Handshakes that failed", load(&keeper.broken));
}

fn show_store(store: &store::Status, page: &mut Page) {
    let states = store::State::ALL
        .map(|state| (vec![("state", state.word().to_owned())], u64::from(state == store.state)));
    page.gauges("store_state", "1 for what the recorder of history does now", states.to_vec());
    // Not there until the store was asked.
    if let (Some(stored), Some(behind)) = (store.stored, store.behind()) {
        page.gauge("store_seq", "Everything up to here is stored", stored.0);
        page.gauge("store_behind", "Places between that and the tape's head", behind);
    }
    page.counter("store_events", "Events stored", store.events);
    page.counter("store_batches", "Transactions committed", store.batches);
    page.counter("store_bytes", "Bytes of rows sent", store.bytes);
    page.counter("store_checkpoints", "Boards stored", store.checkpoints);
    page.counter("store_failures", "Times that something failed", store.failures);
    page.counter("store_losses", "Parts of the tape gone before they were stored", store.losses);
    page.counter("store_days_dropped", "Days dropped by retention", store.days_dropped);
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
