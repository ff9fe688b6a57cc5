//! Keys that are published at a URL: looked up at the start, at times, and when a token names one
//! that nobody knows. A thread does it; who checks a token never waits for it here.

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tracing::info;
use tracing::warn;
use ureq::tls::TlsConfig;

use crate::access::error::Error;
use crate::access::error::Refusal;
use crate::access::jwks::KeySet;
use crate::access::key::Mark;
use crate::access::key::VerifyingKey;
use crate::config::auth::Algorithm;

/// Longest time for one look.
const FETCH_MAX: Duration = Duration::from_secs(5);
/// Most bytes of a set.
const BYTES_MAX: u64 = 256 * 1024;
/// Redirections that are followed; of `https` to no other scheme.
const REDIRECTS_MAX: u32 = 3;
/// Shortest time between two looks. Each that somebody asked for in vain doubles it, up to the
/// second: whoever shows made-up names of keys causes one request in so long.
const REST: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// Who asks while a rest is no longer than this is asked to wait.
const REST_SHORT: Duration = Duration::from_secs(4);
/// Whoever publishes the keys was asked, and has none of that name.
const UNKNOWN: Refusal = Refusal::Bad("the key of this token is not known");

/// The keys at a URL, as far as they are known. The look-ups end when this is dropped.
#[derive(Debug)]
pub(super) struct Published {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Debug)]
struct State {
    keys: Arc<KeySet>,
    phase: Phase,
    /// Looks that have begun.
    begun: u64,
    /// The last of them that succeeded; 0 if none did.
    succeeded: u64,
    /// Somebody asks for a key that is not here.
    is_wanted: bool,
    has_ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Looking,
    /// For so long after a look.
    Resting(Duration),
    Ready,
}

struct Fetcher {
    shared: Arc<Shared>,
    agent: ureq::Agent,
    url: String,
    algorithm: Algorithm,
    refresh: Duration,
}

impl Published {
    /// Begins to look them up.
    pub(super) fn start(url: &str, algorithm: Algorithm, refresh: Duration) -> Result<Self, Error> {
        let state = State {
            keys: Arc::default(),
            phase: Phase::Looking,
            begun: 1,
            succeeded: 0,
            is_wanted: false,
            has_ended: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), bell: Condvar::new() });
        let fetcher = Fetcher {
            shared: Arc::clone(&shared),
            agent: agent(url),
            url: url.to_owned(),
            algorithm,
            refresh,
        };
        let builder = std::thread::Builder::new().name("keys".to_owned());
        builder.spawn(move || fetcher.run()).map_err(Error::Thread)?;
        Ok(Self { shared })
    }

    /// The key of this name. One that is not here is looked for, unless that was just done; `looks`
    /// is kept from one question about it to the next.
    pub(super) fn find(
        &self,
        kid: Option<&str>,
        looks: &mut Option<u64>,
    ) -> Result<Arc<VerifyingKey>, Refusal> {
        let mut state = self.shared.state();
        if let Some(key) = state.keys.find(kid) {
            return Ok(key);
        }
        let was_looked_for = state.succeeded > *looks.get_or_insert(state.begun);
        if was_looked_for || kid.is_none() && !state.keys.is_empty() {
            return Err(UNKNOWN);
        }
        match state.phase {
            Phase::Resting(time) if time > REST_SHORT => {
                // The last look counts, though it was for somebody else.
                let has_failed = state.succeeded < state.begun;
                return Err(if has_failed { Refusal::Keyless } else { UNKNOWN });
            }
            Phase::Looking | Phase::Resting(_) | Phase::Ready => {}
        }
        if state.phase != Phase::Looking {
            state.is_wanted = true;
            self.shared.bell.notify_all();
        }
        Err(Refusal::Later)
    }

    /// Whether a key of this mark is among them.
    pub(super) fn has(&self, mark: Mark) -> bool {
        let keys = Arc::clone(&self.shared.state().keys);
        keys.has(mark)
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        self.shared.state().has_ended = true;
        self.shared.bell.notify_all();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while that holds, at most so long.
    fn wait(&self, most: Duration, holds: impl FnMut(&mut State) -> bool) {
        let waited = self.bell.wait_timeout_while(self.state(), most, holds);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Fetcher {
    fn run(self) {
        let (mut rest, mut was_wanted) = (REST.0, false);
        loop {
            let fetched = self.fetch();
            let failed = fetched.is_err();
            let in_vain = !self.take(fetched) && (failed || was_wanted);
            rest = if in_vain { (rest * 2).min(REST.1) } else { REST.0 };
            self.shared.state().phase = Phase::Resting(rest);
            self.shared.wait(rest, |state| !state.has_ended);
            self.shared.state().phase = Phase::Ready;
            if !failed {
                let refresh = self.refresh.saturating_sub(rest);
                self.shared.wait(refresh, |state| !state.has_ended && !state.is_wanted);
            }
            let mut state = self.shared.state();
            if state.has_ended {
                return;
            }
            was_wanted = std::mem::take(&mut state.is_wanted);
            state.phase = Phase::Looking;
            state.begun += 1;
        }
    }

    /// Keeps what was found; whether it is news.
    fn take(&self, fetched: Result<KeySet, String>) -> bool {
        let mut state = self.shared.state();
        match fetched {
            Ok(keys) => {
                let is_news = !keys.has_same_names(&state.keys);
                if is_news {
                    info!(keys = keys.len(), "keys of tokens were fetched");
                }
                state.keys = Arc::new(keys);
                state.succeeded = state.begun;
                is_news
            }
            Err(error) => {
                let kept = state.keys.len();
                warn!(%error, kept, "keys of tokens cannot be fetched from auth.jwks_url");
                false
            }
        }
    }

    fn fetch(&self) -> Result<KeySet, String> {
        let said = |error: ureq::Error| error.to_string();
        let mut response = self.agent.get(&self.url).call().map_err(said)?;
        let body = response.body_mut().with_config().limit(BYTES_MAX).read_to_vec();
        KeySet::read(&body.map_err(said)?, self.algorithm).map_err(str::to_owned)
    }
}

fn agent(url: &str) -> ureq::Agent {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder().unversioned_rustls_crypto_provider(provider).build();
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(FETCH_MAX))
        .https_only(url.starts_with("https://"))
        .max_redirects(REDIRECTS_MAX)
        .max_idle_connections(0)
        .proxy(None)
        .tls_config(tls);
    config.build().new_agent()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys of which none is there, looked for so often and so long ago.
    fn published(phase: Phase, begun: u64, succeeded: u64) -> Published {
        let (keys, is_wanted, has_ended) = (Arc::default(), false, false);
        let state = State { keys, phase, begun, succeeded, is_wanted, has_ended };
        let shared = Shared { state: Mutex::new(state), bell: Condvar::new() };
        Published { shared: Arc::new(shared) }
    }

    #[track_caller]
    fn check(published: &Published, looks: &mut Option<u64>, expected: Refusal) {
        assert_eq!(published.find(Some("name"), looks).unwrap_err(), expected);
    }

    #[test]
    fn a_name_is_unknown_once_a_look_that_began_later_has_succeeded() {
        let published = published(Phase::Looking, 1, 0);
        let looks = &mut None;
        let then = |phase, begun, succeeded| {
            let mut state = published.shared.state();
            (state.phase, state.begun, state.succeeded) = (phase, begun, succeeded);
        };
        check(&published, looks, Refusal::Later);
        // This one may have begun before the key was there.
        then(Phase::Resting(REST.0), 1, 1);
        check(&published, looks, Refusal::Later);
        assert!(published.shared.state().is_wanted);
        then(Phase::Looking, 2, 1);
        check(&published, looks, Refusal::Later);
        then(Phase::Resting(REST.0), 2, 1);
        check(&published, looks, Refusal::Later);
        then(Phase::Looking, 3, 1);
        check(&published, looks, Refusal::Later);
        then(Phase::Resting(REST.0), 3, 3);
        check(&published, looks, UNKNOWN);
        then(Phase::Looking, 4, 3);
        check(&published, looks, UNKNOWN);
        // Somebody else asks only now.
        check(&published, &mut None, Refusal::Later);
    }

    #[test]
    fn while_it_rests_for_long_the_last_look_counts() {
        let long = Phase::Resting(REST.1);
        for (begun, succeeded, expected) in
            [(7, 7, UNKNOWN), (7, 6, Refusal::Keyless), (3, 0, Refusal::Keyless)]
        {
            let published = published(long, begun, succeeded);
            check(&published, &mut None, expected);
            assert!(!published.shared.state().is_wanted, "it causes no look");
        }
    }
}
