//! What the recorder does, for people and for monitoring.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tickwire_feeds::Nanos;

use super::error::Error;
use crate::event::Seq;

/// What the recorder does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It has not reached the database yet.
    Starting,
    /// It writes.
    Recording,
    /// The database is not there, hangs, or refuses; it is tried again and again.
    Unavailable,
    /// The tables are a later version's; nothing is written, and it is looked again and again.
    Newer,
    /// Something that only a human can settle: another writer, an older copy of the tape.
    Refused,
    /// It was told to end.
    Stopped,
}

impl State {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Starting,
        Self::Recording,
        Self::Unavailable,
        Self::Newer,
        Self::Refused,
        Self::Stopped,
    ];

    /// The word for people and monitoring.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Recording => "recording",
            Self::Unavailable => "unavailable",
            Self::Newer => "newer",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
        }
    }
}

/// How the recorder stands. Counts are of this life of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What it does.
    pub state: State,
    /// Since when.
    pub since: Nanos,
    /// Everything up to here is in the store; `None` until it was asked.
    pub stored: Option<Seq>,
    /// Where the tape ends.
    pub head: Seq,
    /// Events written.
    pub events: u64,
    /// Transactions committed.
    pub batches: u64,
    /// Bytes of rows sent.
    pub bytes: u64,
    /// Checkpoints written.
    pub checkpoints: u64,
    /// Times that something failed.
    pub failures: u64,
    /// Times that a part of the tape was gone before it could be stored.
    pub losses: u64,
    /// The last of them: what came after the first place, up to the second.
    pub lost: Option<(Seq, Seq)>,
    /// Days that retention dropped.
    pub days_dropped: u64,
    /// What failed last, for people; stays when it is over.
    pub last_error: Option<Box<str>>,
    /// When.
    pub last_error_at: Nanos,
    /// When something was committed last.
    pub stored_at: Nanos,
}

impl Status {
    /// How far the store is behind the tape, in places, which is no less than in events; `None` if
    /// that is not known.
    #[must_use]
    pub fn behind(&self) -> Option<u64> {
        self.stored.map(|stored| self.head.0.saturating_sub(stored.0))
    }

    /// What stands in its way now, if anything does.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.last_error.as_deref().filter(|_| self.state != State::Recording)
    }

    /// What the journal has given up before it was stored is lost, though the store does not know
    /// of it yet.
    pub(super) fn note_oldest(&mut self, oldest: Seq) {
        if let Some(stored) = self.stored.filter(|stored| *stored < oldest) {
            self.losses += 1;
            self.lost = Some((stored, oldest));
        }
    }

    /// Whether history is not what it should be: it is not written now, or a part was lost.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.state != State::Recording || self.losses > 0
    }
}

/// A status that the recorder writes and all may read.
#[derive(Debug, Clone)]
pub(super) struct Shared(Arc<Mutex<Status>>);

impl Shared {
    pub(super) fn new(now: Nanos) -> Self {
        Self(Arc::new(Mutex::new(Status {
            state: State::Starting,
            since: now,
            stored: None,
            head: Seq::START,
            events: 0,
            batches: 0,
            bytes: 0,
            checkpoints: 0,
            failures: 0,
            losses: 0,
            lost: None,
            days_dropped: 0,
            last_error: None,
            last_error_at: Nanos(0),
            stored_at: Nanos(0),
        })))
    }

    pub(super) fn get(&self) -> Status {
        self.lock().clone()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.lock());
    }

    /// Notes what it does from now on.
    pub(super) fn enter(&self, state: State, now: Nanos) {
        self.update(|status| {
            if status.state != state {
                (status.state, status.since) = (state, now);
            }
        });
    }

    /// Notes a failure, and what that makes of the state.
    pub(super) fn fail(&self, error: &Error, now: Nanos) {
        self.enter(
            match error {
                Error::Newer { .. } => State::Newer,
                Error::Ahead { .. } | Error::Rival | Error::Changed { .. } | Error::Url => {
                    State::Refused
                }
                _ => State::Unavailable,
            },
            now,
        );
        self.update(|status| {
            status.failures += 1;
            (status.last_error, status.last_error_at) = (Some(error.to_string().into()), now);
        });
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
