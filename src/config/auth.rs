//! `[auth]`: who is let in, and how tokens are checked.

use std::path::PathBuf;

use crate::config::error::Error;
use crate::config::section::Section;

/// How a token is signed. It belongs to the key: what a token says of itself decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256 and a shared secret.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, keys of 2,048 to 8,192 bits.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa];

    /// As the header of a token names it (RFC 7518 §3.1, RFC 8037 §3.1).
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.word() == text)
    }
}

/// Who is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Auth {
    /// Who needs what.
    pub mode: Mode,
    /// File with API keys; `None`: there are none.
    pub api_keys: Option<PathBuf>,
    /// How long a WebSocket may stay without a token, in ms, 100..=600,000.
    pub deadline_ms: u32,
}

/// Who needs what to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Everyone sees everything.
    None,
    /// A token, or an API key if there are any.
    Jwt(Tokens),
    /// An API key.
    Keys,
}

/// Which tokens are good.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tokens {
    /// The only one that counts.
    pub algorithm: Algorithm,
    /// Where the keys are.
    pub keys: KeyPlace,
    /// `iss` must be this; `None`: any.
    pub issuer: Option<String>,
    /// `aud` must be this or hold it; `None`: any.
    pub audience: Option<String>,
    /// By how much the clock of who makes tokens may differ from ours, in s, 0..=600.
    pub leeway_s: u32,
}

/// Where the keys are that tokens are checked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// One, in a file: a public key as PEM, or the secret of HS256.
    File(PathBuf),
    /// Some, as a JSON Web Key Set at a URL.
    Jwks {
        /// `https://…`, or `http://…` where the way there is trusted.
        url: String,
        /// Longest time between two looks whether they are still the same, in s, 1..=86,400.
        refresh_s: u32,
    },
}

impl Mode {
    /// As the settings and the `welcome` name it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Jwt(_) => "jwt",
            Self::Keys => "keys",
        }
    }
}

impl Auth {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, Error> {
        let word = section.parsed("mode", "\"none\", \"jwt\" or \"keys\"", |text| {
            ["none", "jwt", "keys"].into_iter().find(|word| *word == text)
        })?;
        let api_keys = text(section, "api_keys")?.map(PathBuf::from);
        let tokens = tokens(section, word == "jwt")?;
        let mode = match (word, tokens) {
            ("jwt", Some(tokens)) => Mode::Jwt(tokens),
            ("keys", _) if api_keys.is_none() => {
                return Err(section.refusal("api_keys", "a file, as auth.mode is \"keys\""));
            }
            ("keys", _) => Mode::Keys,
            _ if api_keys.is_some() => {
                let expected = "\"keys\" or \"jwt\", as auth.api_keys is set";
                return Err(section.refusal("mode", expected));
            }
            _ => Mode::None,
        };
        let deadline_ms = section.number("deadline_ms", 100..=600_000)?;
        Ok(Self { mode, api_keys, deadline_ms })
    }
}

/// What makes a token good; it must be whole only where tokens are used.
fn tokens(section: &Section<'_>, are_used: bool) -> Result<Option<Tokens>, Error> {
    let words = Algorithm::ALL.map(Algorithm::word).join(", ");
    let algorithm = section.parsed("algorithm", format!("one of {words}"), |text| match text {
        "" if !are_used => Some(None),
        text => Algorithm::parse(text).map(Some),
    })?;
    let (file, url) = (text(section, "key")?, jwks_url(section)?);
    let refresh_s = section.number("jwks_refresh_s", 1..=86_400)?;
    let keys = match (file, url) {
        (Some(_), Some(_)) => {
            return Err(section.refusal("jwks_url", "nothing, as auth.key is set"));
        }
        (Some(file), None) => Some(KeyPlace::File(file.into())),
        (None, Some(_)) if algorithm == Some(Algorithm::Hs256) => {
            let expected = "nothing, as a secret of HS256 is not for a URL: set auth.key";
            return Err(section.refusal("jwks_url", expected));
        }
        (None, Some(url)) => Some(KeyPlace::Jwks { url, refresh_s }),
        (None, None) if are_used => {
            let expected = "a file (or auth.jwks_url), as auth.mode is \"jwt\"";
            return Err(section.refusal("key", expected));
        }
        (None, None) => None,
    };
    let (issuer, audience) = (text(section, "issuer")?, text(section, "audience")?);
    let leeway_s = section.number("leeway_s", 0..=600)?;
    let whole = algorithm.zip(keys);
    Ok(whole.map(|(algorithm, keys)| Tokens { algorithm, keys, issuer, audience, leeway_s }))
}

fn text(section: &Section<'_>, key: &str) -> Result<Option<String>, Error> {
    section.parsed(key, "text", |text| Some((!text.is_empty()).then(|| text.to_owned())))
}

fn jwks_url(section: &Section<'_>) -> Result<Option<String>, Error> {
    section.parsed("jwks_url", "https://… or http://…, without a user, or nothing", |text| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        match rest {
            Some(rest) if !rest.is_empty() && !rest.contains('@') => Some(Some(text.to_owned())),
            None if text.is_empty() => Some(None),
            _ => None,
        }
    })
}
