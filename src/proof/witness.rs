//! Witnesses: what one place has of a tape, made into messages.

use std::collections::VecDeque;

use sha2::Digest as _;
use sha2::Sha256;

use super::frames::Frames;
use crate::event::Event;
use crate::event::Seq;
use crate::history::Error;
use crate::history::Events;
use crate::history::Filter;
use crate::history::Volume;
use crate::tape::packed;

/// How often a fresh replay begins anew within the range.
const RENEWALS: u64 = 8;

/// What one place has of a range of a tape.
#[derive(Debug)]
pub struct Witness {
    name: &'static str,
    volume: Volume,
    range: (Seq, Seq),
    events: Events,
    frames: Frames,
    /// Read, and not yet told.
    batch: VecDeque<Event>,
    is_over: bool,
    /// Where a fresh replay begins anew; empty for others.
    renewals: VecDeque<Seq>,
    /// The messages of the last event, a line each.
    messages: Vec<u8>,
    /// The last event as the journal would have it.
    packed: Vec<u8>,
    seq: Seq,
    testimony: Testimony,
    sum: Sha256,
}

/// What a witness says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Testimony {
    /// Who.
    pub name: &'static str,
    /// SHA-256 of all messages, each with a line end.
    pub digest: String,
    /// Events of the range.
    pub events: u64,
    /// Their messages, and the snapshots before them.
    pub messages: u64,
}

/// The first event of which two witnesses say different things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its place; the lesser if each has another event there.
    pub seq: Seq,
    /// The one witness and the messages that it has; `None` if it has no such event.
    pub one: (&'static str, Option<String>),
    /// The other.
    pub other: (&'static str, Option<String>),
}

impl Witness {
    /// Reads the events after the one place up to the other.
    ///
    /// # Errors
    /// If the volume does not have them, or cannot be read.
    pub async fn new(
        name: &'static str,
        volume: &Volume,
        (after, upto): (Seq, Seq),
    ) -> Result<Self, Error> {
        let mut witness = Self {
            name,
            frames: Frames::new(volume.board_at(after).await?),
            events: volume.read(after, upto, Filter::default()),
            volume: volume.clone(),
            range: (after, upto),
            batch: VecDeque::new(),
            is_over: false,
            renewals: VecDeque::new(),
            messages: Vec::new(),
            packed: Vec::new(),
            seq: after,
            testimony: Testimony { name, ..Testimony::default() },
            sum: Sha256::new(),
        };
        let Self { frames, testimony, sum, .. } = &mut witness;
        frames.snapshots(|_, _, message| {
            sum.update(message);
            sum.update(b"\n");
            testimony.messages += 1;
        });
        Ok(witness)
    }

    /// The same, but as clients that begin a replay within the range would be told: every so often
    /// it begins anew with a board out of a checkpoint.
    #[must_use]
    pub fn afresh(mut self) -> Self {
        let (Seq(after), Seq(upto)) = self.range;
        let part = upto.saturating_sub(after) / (RENEWALS + 1);
        self.renewals = (1..=RENEWALS).map(|at| Seq(after + at * part)).collect();
        self
    }

    /// Goes on by one event; `false` at the end of the range.
    async fn next(&mut self) -> Result<bool, Error> {
        while self.batch.is_empty() && !self.is_over {
            let mut batch = Vec::new();
            self.is_over = !self.events.next_batch(&mut batch).await?;
            self.batch.extend(batch);
        }
        let Some(event) = self.batch.pop_front() else { return Ok(false) };
        if self.renewals.front().is_some_and(|at| *at < event.seq) {
            self.renewals.retain(|at| *at >= event.seq);
            let at = self.frames.board().seq();
            let (_, upto) = self.range;
            self.frames = Frames::new(self.volume.board_at(at).await?);
            self.events = self.volume.read(at, upto, Filter::default());
            self.batch.clear();
            self.is_over = false;
            return Box::pin(self.next()).await;
        }
        let Self { frames, messages, testimony, .. } = self;
        messages.clear();
        frames.follow(&event, |_, _, message| {
            messages.extend_from_slice(message);
            messages.push(b'\n');
            testimony.messages += 1;
        });
        self.sum.update(&self.messages);
        self.testimony.events += 1;
        self.packed.clear();
        packed::put_event(&mut self.packed, &event);
        self.packed.extend_from_slice(&event.recv.0.to_le_bytes());
        self.seq = event.seq;
        Ok(true)
    }

    fn testimony(self) -> Testimony {
        let digest = self.sum.finalize();
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Testimony { digest, ..self.testimony }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.seq == other.seq && self.messages == other.messages && self.packed == other.packed
    }

    fn told(&self, seq: Option<Seq>) -> (&'static str, Option<String>) {
        let has_it = seq == Some(self.seq);
        let messages = String::from_utf8_lossy(&self.messages).trim_end().to_owned();
        (self.name, has_it.then_some(messages))
    }
}

/// Has all witnesses tell their range, up to the first difference. `on` is told each so often
/// where they are, and says whether to go on; if not, there is no testimony.
///
/// # Errors
/// If what one reads cannot be read.
pub async fn compare(
    mut witnesses: Vec<Witness>,
    mut on: impl FnMut(Seq) -> bool,
) -> Result<(Vec<Testimony>, Option<Difference>), Error> {
    const EVENTS: u64 = 4_096;
    let mut difference = None;
    for count in 0_u64.. {
        let mut more = Vec::with_capacity(witnesses.len());
        for witness in &mut witnesses {
            more.push(witness.next().await?);
        }
        let Some((one, others)) = witnesses.split_first() else { break };
        let mut pairs = others.iter().zip(more.iter().skip(1));
        let has_first = more.first().copied().unwrap_or_default();
        let other = pairs.find(|(other, has)| **has != has_first || (**has && !one.is_like(other)));
        if let Some((other, has)) = other {
            let seqs = [has_first.then_some(one.seq), has.then_some(other.seq)];
            let seq = seqs.into_iter().flatten().min().unwrap_or(one.seq);
            let [of_one, of_other] = seqs.map(|own| own.filter(|own| *own == seq));
            difference =
                Some(Difference { seq, one: one.told(of_one), other: other.told(of_other) });
            break;
        }
        if !has_first {
            break;
        }
        if count.is_multiple_of(EVENTS) && !on(one.seq) {
            return Ok((Vec::new(), None));
        }
    }
    Ok((witnesses.into_iter().map(Witness::testimony).collect(), difference))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape;
    use crate::tape::Settings;

    /// Two volumes of the same ticks, of which the second may have another one at a place.
    async fn judged(other_at: Option<i64>) -> (Vec<Testimony>, Option<Difference>) {
        use tickwire_feeds::Nanos;
        let volumes = [None, other_at].map(|other_at| {
            let dir = tempfile::tempdir().unwrap();
            let now = Nanos(1_763_700_000_000_000_000);
            let tape::Opened { mut journal, tape, mut board } =
                tape::open(&Settings::new(dir.path()), now).unwrap();
            let mut next = journal.next_seq();
            let change = crate::event::Registry::Feed {
                id: crate::event::FeedId(0),
                name: "f".into(),
                venue: "f".into(),
            };
            let mut events = vec![board.stamp_registry(change, now, next)];
            next = next.next();
            for tick in ticks(now, other_at) {
                events.push(board.stamp(crate::event::FeedId(0), tick, next).unwrap());
                next = next.next();
            }
            journal.append(&events).unwrap();
            (Volume::new("x", Some(tape), None), dir)
        });
        let mut witnesses = Vec::new();
        for ((volume, _), name) in volumes.iter().zip(["one", "other"]) {
            let range = (Seq(100), volume.head().await.unwrap());
            witnesses.push(Witness::new(name, volume, range).await.unwrap());
        }
        let range = (Seq(100), volumes[0].0.head().await.unwrap());
        let fresh = Witness::new("fresh", &volumes[0].0, range).await.unwrap();
        witnesses.push(fresh.afresh());
        compare(witnesses, |_| true).await.unwrap()
    }

    fn ticks(
        now: tickwire_feeds::Nanos,
        other_at: Option<i64>,
    ) -> impl Iterator<Item = tickwire_feeds::Tick> {
        use tickwire_feeds::Price;
        use tickwire_feeds::Size;
        use tickwire_feeds::Symbol;
        use tickwire_feeds::Tick;
        use tickwire_feeds::tick;
        let symbol = Symbol::parse("f:A").unwrap();
        let listed = tick::Listing { symbol: symbol.clone(), raw: None, recv: now };
        std::iter::once(Tick::Listed(listed)).chain((0..1_000).map(move |at| {
            let price = if other_at == Some(at) { "7" } else { "5" };
            Tick::Trade(tick::Trade {
                symbol: symbol.clone(),
                ts: None,
                recv: now.plus_millis(at),
                price: Price::parse(price).unwrap(),
                size: Size::parse("1").unwrap(),
                side: None,
                trade_id: None,
                extra: None,
            })
        }))
    }

    #[tokio::test]
    async fn the_same_tape_is_told_the_same_by_all() {
        let (testimonies, difference) = judged(None).await;
        assert_eq!(difference, None);
        let [one, other, fresh] = &testimonies[..] else { panic!("{testimonies:?}") };
        assert_eq!((&one.digest, one.events), (&other.digest, other.events));
        assert_eq!((&one.digest, one.messages), (&fresh.digest, fresh.messages));
        assert_eq!((one.events, one.digest.len()), (902, 64));
    }

    #[tokio::test]
    async fn the_first_difference_is_found() {
        let (testimonies, difference) = judged(Some(500)).await;
        let difference = difference.unwrap();
        assert_eq!(difference.seq, Seq(503));
        assert!(difference.one.1.unwrap().contains("\"price\":\"5\""));
        assert!(difference.other.1.unwrap().contains("\"price\":\"7\""));
        assert_ne!(testimonies[0].digest, testimonies[1].digest);
    }
}
