//! Who was let in: a subject, its rights, and for how long; counted while it stays.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tickwire_feeds::Nanos;

use crate::access::grant::Grant;
use crate::access::key::Mark;

/// Who showed a credential.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// Whose connections are counted together: `sub` of a token, `key:NAME` of an API key.
    pub subject: Arc<str>,
    /// What it may have.
    pub grant: Arc<Grant>,
    /// By what it is known whether the credential is still good.
    pub proof: Proof,
    /// The first instant at which the credential is good no longer; `None` if it stays good.
    pub expires: Option<Nanos>,
}

/// What made a credential a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Its hash stands among those of the API keys.
    ApiKey([u8; 32]),
    /// The key of this mark verified its signature.
    Token(Mark),
}

/// A bearer that is here; counted until it is dropped.
#[derive(Debug)]
pub struct Pass {
    bearer: Bearer,
    subjects: Arc<Subjects>,
}

/// `limits.connections_per_subject`, which has this value, is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("limits.connections_per_subject = {0} are open already")]
pub struct Crowded(pub usize);

/// How many connections each subject has.
#[derive(Debug)]
pub(super) struct Subjects {
    present: Mutex<Present>,
}

#[derive(Debug)]
struct Present {
    /// How many each may have.
    most: usize,
    /// Of those who are here.
    counts: HashMap<Arc<str>, usize>,
}

impl Subjects {
    /// Nobody yet.
    pub(super) fn new(most: usize) -> Self {
        Self { present: Mutex::new(Present { most, counts: HashMap::new() }) }
    }

    /// Another limit for those who come from now on; who is here stays.
    pub(super) fn limit(&self, most: usize) {
        self.present().most = most;
    }

    /// Counts one more.
    pub(super) fn enter(self: &Arc<Self>, bearer: Bearer) -> Result<Pass, Crowded> {
        let mut present = self.present();
        let Present { most, counts } = &mut *present;
        if counts.get(&bearer.subject).is_some_and(|count| count >= most) {
            return Err(Crowded(*most));
        }
        *counts.entry(Arc::clone(&bearer.subject)).or_default() += 1;
        drop(present);
        Ok(Pass { bearer, subjects: Arc::clone(self) })
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// Who it is.
    #[must_use]
    pub const fn bearer(&self) -> &Bearer {
        &self.bearer
    }

    /// What it may have.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.bearer.grant
    }

    /// Goes on with another credential of the same subject.
    ///
    /// # Errors
    /// The bearer, if it is another subject.
    pub fn renew(&mut self, bearer: Bearer) -> Result<(), Bearer> {
        if bearer.subject != self.bearer.subject {
            return Err(bearer);
        }
        self.bearer = bearer;
        Ok(())
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let counts = &mut self.subjects.present().counts;
        if let Some(count) = counts.get_mut(&self.bearer.subject) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.bearer.subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(subject: &str) -> Bearer {
        let (proof, grant) = (Proof::ApiKey([7; 32]), Arc::default());
        Bearer { subject: subject.into(), grant, proof, expires: None }
    }

    #[test]
    fn a_subject_has_so_many_connections() {
        let subjects = Arc::new(Subjects::new(2));
        let first = subjects.enter(bearer("a")).unwrap();
        let mut second = subjects.enter(bearer("a")).unwrap();
        assert_eq!(subjects.enter(bearer("a")).unwrap_err(), Crowded(2));
        let _other = subjects.enter(bearer("b")).unwrap();
        drop(first);
        let _third = subjects.enter(bearer("a")).unwrap();
        assert!(second.renew(bearer("b")).is_err());
        assert!(second.renew(bearer("a")).is_ok());
        drop((second, _third, _other));
        assert!(subjects.present().counts.is_empty());
    }

    #[test]
    fn another_limit_is_for_those_who_come_and_ends_nobody() {
        let subjects = Arc::new(Subjects::new(2));
        let mut here = vec![subjects.enter(bearer("a")).unwrap()];
        here.push(subjects.enter(bearer("a")).unwrap());
        subjects.limit(1);
        here.pop();
        assert_eq!(subjects.enter(bearer("a")).unwrap_err(), Crowded(1));
        subjects.limit(3);
        here.push(subjects.enter(bearer("a")).unwrap());
        here.push(subjects.enter(bearer("a")).unwrap());
        assert_eq!(subjects.enter(bearer("a")).unwrap_err(), Crowded(3));
        here.clear();
        assert!(subjects.present().counts.is_empty());
    }
}
