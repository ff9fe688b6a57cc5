//! Access: who is let in, and which streams are theirs.
//!
//! A credential, which is a token (JWT, RFC 7519) or an API key, is checked here and becomes a
//! [`Bearer`]: a subject, what it is granted, and until when. The key decides how it is checked;
//! a token's own `alg` is only compared with it. Nothing here reads a clock, and nothing of a
//! credential is ever printed. One part does I/O, on a thread of its own: the look-up of keys that
//! are published at a URL.

mod api_keys;
mod der;
mod error;
mod fetch;
mod grant;
mod jwks;
mod key;
mod pass;
mod shown;
mod token;

use std::path::Path;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::RwLockReadGuard;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tickwire_feeds::Nanos;

use crate::config::auth::Auth;
use crate::config::auth::KeyPlace;
use crate::config::auth::Mode;
use crate::config::auth::Tokens;
use key::Mark;
use pass::Subjects;

pub use api_keys::ApiKeys;
pub use api_keys::is_one as is_api_key;
pub use error::Error;
pub use error::Refusal;
pub use grant::Grant;
pub use grant::Rights;
pub use grant::Written;
pub use jwks::KeySet;
pub use key::SigningKey;
pub use key::VerifyingKey;
pub use pass::Bearer;
pub use pass::Crowded;
pub use pass::Pass;
pub use pass::Proof;
pub use shown::Shown;
pub use token::Claims;
pub use token::Seen;
pub use token::inspect;
pub use token::sign;

/// Between two looks whether keys that are being fetched are there.
pub const KEYS_LOOK: Duration = Duration::from_millis(25);

/// Where credentials are shown.
#[derive(Debug)]
pub struct Gate {
    word: &'static str,
    tokens: Option<Checker>,
    api_keys: RwLock<ApiKeys>,
    /// How often the API keys were read anew.
    edition: AtomicU64,
    subjects: Arc<Subjects>,
    deadline: Duration,
    refused: AtomicU64,
}

/// What tokens are checked with.
#[derive(Debug)]
pub struct Checker {
    keys: Keys,
    rules: token::Rules,
}

/// Files with keys that were read anew.
#[derive(Debug)]
pub struct Renewed {
    key: Option<VerifyingKey>,
    api_keys: ApiKeys,
}

/// Where the keys are.
#[derive(Debug)]
enum Keys {
    One(RwLock<VerifyingKey>),
    Published(fetch::Published),
}

impl Gate {
    /// The gate that the settings describe; `None` if everyone may come in. Keys at a URL are
    /// fetched from now on.
    ///
    /// # Errors
    /// [`Error`], if a file of keys cannot be used.
    pub fn open(auth: &Auth, connections_per_subject: usize) -> Result<Option<Self>, Error> {
        let tokens = match &auth.mode {
            Mode::None => return Ok(None),
            Mode::Jwt(tokens) => Some(Checker::new(tokens)?),
            Mode::Keys => None,
        };
        Ok(Some(Self {
            word: auth.mode.word(),
            tokens,
            api_keys: RwLock::new(read_api_keys(auth)?),
            edition: AtomicU64::new(0),
            subjects: Arc::new(Subjects::new(connections_per_subject)),
            deadline: Duration::from_millis(auth.deadline_ms.into()),
            refused: AtomicU64::new(0),
        }))
    }

    /// Reads the files of keys anew. The way in which tokens are checked stays.
    ///
    /// # Errors
    /// [`Error`], if one of them cannot be used.
    pub fn read(&self, auth: &Auth) -> Result<Renewed, Error> {
        let key = match (&auth.mode, self.tokens.as_ref()) {
            (Mode::Jwt(Tokens { keys: KeyPlace::File(path), .. }), Some(checker)) => {
                checker.read(path)?
            }
            _ => None,
        };
        Ok(Renewed { key, api_keys: read_api_keys(auth)? })
    }

    /// Takes up what was read, for those who come and those who are here by an API key.
    pub fn take(&self, renewed: Renewed) {
        if let (Some(key), Some(Checker { keys: Keys::One(own), .. })) = (renewed.key, &self.tokens)
        {
            *own.write().unwrap_or_else(PoisonError::into_inner) = key;
        }
        *self.api_keys.write().unwrap_or_else(PoisonError::into_inner) = renewed.api_keys;
        self.edition.fetch_add(1, Ordering::Release);
    }

    /// How often the API keys were read anew: only then [`Gate::review`] has something to say.
    #[must_use]
    pub fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
    }

    /// What somebody who is here may have from now on; `None` if it was let in with an API key that
    /// is withdrawn.
    #[must_use]
    pub fn review(&self, bearer: &Bearer) -> Option<Bearer> {
        let Proof::ApiKey(hash) = bearer.proof else { return Some(bearer.clone()) };
        let found = self.api_keys().of_hash(hash);
        found.filter(|found| found.subject == bearer.subject)
    }

    /// The same of somebody who was checked before and is let in only now: what it showed must be
    /// good still. Of a token that is its key; its time is looked at by who lets it in.
    #[must_use]
    pub fn confirm(&self, bearer: &Bearer) -> Option<Bearer> {
        let is_known = match bearer.proof {
            Proof::ApiKey(_) => true,
            Proof::Token(mark) => self.tokens.as_ref().is_some_and(|tokens| tokens.knows(mark)),
        };
        if is_known { self.review(bearer) } else { None }
    }

    /// As `welcome` names it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        self.word
    }

    /// How long a connection may stay without showing anything.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Who shows this credential at this time.
    ///
    /// # Errors
    /// [`Refusal::Later`] while its key is being fetched, 5 s at most, and [`Refusal::Keyless`] if
    /// that fails; else [`Refusal::Bad`].
    pub fn check(&self, shown: &mut Shown, now: Instant, wall: Nanos) -> Result<Bearer, Refusal> {
        match self.look_at(shown, wall) {
            Err(Refusal::Later) if now >= shown.until => Err(Refusal::Keyless),
            Err(bad @ Refusal::Bad(_)) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Err(bad)
            }
            checked => checked,
        }
    }

    /// Credentials so far that were not good.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Another `limits.connections_per_subject`, for those who come from now on.
    pub fn limit(&self, connections_per_subject: usize) {
        self.subjects.limit(connections_per_subject);
    }

    /// Counts one connection more of its subject.
    ///
    /// # Errors
    /// [`Crowded`] if it is one too many.
    pub fn enter(&self, bearer: Bearer) -> Result<Pass, Crowded> {
        self.subjects.enter(bearer)
    }

    fn api_keys(&self) -> RwLockReadGuard<'_, ApiKeys> {
        self.api_keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_at(&self, shown: &mut Shown, wall: Nanos) -> Result<Bearer, Refusal> {
        let text = shown.secret.reveal();
        if api_keys::is_one(text) {
            return self.api_keys().find(text).ok_or(Refusal::Bad("no such API key"));
        }
        match &self.tokens {
            Some(tokens) => tokens.check(shown, wall),
            None => Err(Refusal::Bad("this server takes API keys, not tokens")),
        }
    }
}

impl Checker {
    /// Made ready to check.
    ///
    /// # Errors
    /// [`Error`] if the file with the key cannot be used.
    pub fn new(tokens: &Tokens) -> Result<Self, Error> {
        let keys = match &tokens.keys {
            KeyPlace::File(path) => {
                Keys::One(RwLock::new(VerifyingKey::read(tokens.algorithm, path)?))
            }
            KeyPlace::Jwks { url, refresh_s } => {
                let refresh = Duration::from_secs((*refresh_s).into());
                Keys::Published(fetch::Published::start(url, tokens.algorithm, refresh)?)
            }
        };
        Ok(Self { keys, rules: token::Rules::of(tokens) })
    }

    /// Reads the file with the key anew; `None` where keys are published.
    fn read(&self, path: &Path) -> Result<Option<VerifyingKey>, Error> {
        match &self.keys {
            Keys::One(_) => VerifyingKey::read(self.rules.algorithm(), path).map(Some),
            Keys::Published(_) => Ok(None),
        }
    }

    /// Who shows this token at this time.
    ///
    /// # Errors
    /// As [`Gate::check`].
    fn check(&self, shown: &mut Shown, wall: Nanos) -> Result<Bearer, Refusal> {
        let Shown { secret, looks, .. } = shown;
        let seen = inspect(secret.reveal())?;
        self.rules.check_header(&seen.header)?;
        let mark = match &self.keys {
            Keys::One(key) => seen.verify(&key.read().unwrap_or_else(PoisonError::into_inner))?,
            Keys::Published(published) => {
                seen.verify(&*published.find(seen.header.kid.as_deref(), looks)?)?
            }
        };
        self.rules.admit(&seen.claims()?, mark, wall)
    }

    /// Whether the key of this mark is still good.
    fn knows(&self, mark: Mark) -> bool {
        match &self.keys {
            Keys::One(key) => key.read().unwrap_or_else(PoisonError::into_inner).mark() == mark,
            Keys::Published(published) => published.has(mark),
        }
    }
}

fn read_api_keys(auth: &Auth) -> Result<ApiKeys, Error> {
    Ok(auth.api_keys.as_deref().map(ApiKeys::read).transpose()?.unwrap_or_default())
}
