//! A credential that somebody shows, while it is being judged.

use std::time::Duration;
use std::time::Instant;

use crate::wire::Secret;

/// How long a key that is being fetched is waited for.
const WAIT: Duration = Duration::from_secs(5);

/// What somebody shows, which is asked about again while its key is being fetched.
#[derive(Debug)]
pub struct Shown {
    pub(super) secret: Secret,
    /// When no key is waited for any more.
    pub(super) until: Instant,
    /// Looks for published keys that had begun when its key was first asked for: one that begins
    /// later and finds nothing has the last word.
    pub(super) looks: Option<u64>,
}

impl Shown {
    /// It is shown now.
    #[must_use]
    pub fn new(secret: Secret, now: Instant) -> Self {
        Self { secret, until: now + WAIT, looks: None }
    }
}
