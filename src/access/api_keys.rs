//! API keys: long random words, of which the file holds only the hashes.
//!
//! A key has 256 random bits, so one round of SHA-256 is enough: there is nothing to guess.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::Digest as _;
use sha2::Sha256;

use crate::access::error::Error;
use crate::access::grant::Grant;
use crate::access::grant::Written;
use crate::access::pass::Bearer;
use crate::access::pass::Proof;

/// What each key begins with, so that one that leaked can be recognised.
const PREFIX: &str = "twk_";
/// Random bytes of a key.
const RANDOM_BYTES: usize = 32;
/// Most keys: each is looked at for each request.
const KEYS_MAX: usize = 1_000;
/// Largest file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The keys that are good.
#[derive(Debug, Default)]
pub struct ApiKeys {
    keys: Vec<([u8; 32], Bearer)>,
}

/// A key as the file has it: `[NAME]`, then these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    hash: String,
    #[serde(default)]
    symbols: Vec<String>,
    #[serde(default)]
    channels: Vec<String>,
    #[serde(default)]
    history: bool,
    #[serde(default)]
    operator: bool,
}

/// Whether something that was shown is an API key, good or not.
#[must_use]
pub fn is_one(shown: &str) -> bool {
    shown.starts_with(PREFIX)
}

impl ApiKeys {
    /// Reads a file of keys.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::ApiKeys`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let name = || path.display().to_string();
        let refusal = |source| Error::Read { path: name(), source };
        let mut text = String::new();
        let file = File::open(path).map_err(refusal)?;
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(refusal)?;
        Self::parse(&text).map_err(|reason| Error::ApiKeys { path: name(), reason })
    }

    fn parse(text: &str) -> Result<Self, String> {
        // The words of the parser quote the line, in which somebody may have put a key.
        let lines: BTreeMap<String, Line> = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = text.get(..=at).map_or(0, |before| before.lines().count());
            if let Some((name, first, second)) = twice(text) {
                return format!("key {name} stands in lines {first} and {second}: name each once");
            }
            let line = line.max(1);
            format!("line {line}: expected [NAME], hash, symbols, channels, history and operator")
        })?;
        if lines.len() > KEYS_MAX {
            return Err(format!("more than {KEYS_MAX} keys"));
        }
        let mut keys = Vec::with_capacity(lines.len());
        for (name, line) in lines {
            let hash = line.hash.strip_prefix("sha256:").and_then(decode_hash);
            let hash =
                hash.ok_or_else(|| format!("{name}: hash must be \"sha256:\" and 64 hex"))?;
            let Line { hash: _, symbols, channels, history, operator } = line;
            let grant = Grant::read(&Written { symbols, channels, history, operator });
            let grant = grant.map_err(|reason| format!("{name}: {reason}"))?;
            let subject = format!("key:{name}").into();
            let (grant, proof) = (Arc::new(grant), Proof::ApiKey(hash));
            keys.push((hash, Bearer { subject, grant, proof, expires: None }));
        }
        Ok(Self { keys })
    }

    /// Whose key was shown. All are compared, each to its last byte.
    pub(super) fn find(&self, shown: &str) -> Option<Bearer> {
        self.of_hash(Sha256::digest(shown).into())
    }

    /// Whose key has this hash.
    pub(super) fn of_hash(&self, hash: [u8; 32]) -> Option<Bearer> {
        let differ = |own: &[u8; 32]| own.iter().zip(&hash).fold(0, |sum, (a, b)| sum | (a ^ b));
        let found = self.keys.iter().fold(None, |found, (own, bearer)| {
            if std::hint::black_box(differ(own)) == 0 { Some(bearer) } else { found }
        });
        found.cloned()
    }

    /// A new key, and the hash of it for the file.
    #[must_use]
    pub fn make(random: [u8; RANDOM_BYTES]) -> (String, String) {
        let key = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
        let hash = Sha256::digest(&key);
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        (key, format!("sha256:{hex}"))
    }
}

/// The name that is given to two keys, and the lines that give it.
fn twice(text: &str) -> Option<(&str, usize, usize)> {
    let mut seen = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let bare = line.split('#').next().unwrap_or(line).trim();
        let Some(name) = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
            continue;
        };
        let name = name.trim().trim_matches(['"', '\'']);
        if let Some(first) = seen.insert(name, at + 1) {
            return Some((name, first, at + 1));
        }
    }
    None
}

fn decode_hash(hex: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::grant::Rights;
    use crate::event::Channel;
    use tickwire_feeds::Symbol;

    #[test]
    fn a_name_that_is_given_twice_is_told_with_both_lines() {
        let (_, hash) = ApiKeys::make([7; 32]);
        let key = format!("[desk]\nhash = {hash:?}\n\n");
        let error = ApiKeys::parse(&format!("{key}{key}")).unwrap_err();
        assert!(error.contains("desk stands in lines 1 and 4"), "{error}");
    }

    #[test]
    fn a_key_is_found_by_its_hash_alone() {
        let (key, hash) = ApiKeys::make([7; 32]);
        let (other, other_hash) = ApiKeys::make([8; 32]);
        let text = format!(
            "[alerts]\nhash = {hash:?}\nsymbols = ['sim:*']\nchannels = ['ticker']\n\
             [other]\nhash = {other_hash:?}\n"
        );
        let keys = ApiKeys::parse(&text).unwrap();
        let bearer = keys.find(&key).unwrap();
        assert_eq!((&*bearer.subject, bearer.expires), ("key:alerts", None));
        let rights = Rights::Some(&bearer.grant);
        assert!(rights.allow(Channel::Ticker, &Symbol::parse("sim:A").unwrap()));
        assert!(!rights.allow_history());
        assert_eq!(&*keys.find(&other).unwrap().subject, "key:other");
        for wrong in ["", "twk_", &hash, &key[..key.len() - 1], &format!("{key}A")] {
            assert!(keys.find(wrong).is_none(), "{wrong}");
        }
        assert_eq!(key.len(), 47);
        assert!(is_one(&key) && !is_one("eyJ"));
    }

    #[test]
    fn a_file_that_says_something_else_is_refused_without_its_words() {
        let hash = format!("sha256:{}", "0".repeat(64));
        for text in [
            "key = 'twk_secret'",
            "[a]\nkey = 'twk_secret'",
            "[a]\nhash = 'twk_secret'",
            "[a]\nhash = 'sha256:00'",
            &format!("[a]\nhash = '{hash}'\nsymbols = ['*']"),
            &format!("[a]\nhash = '{hash}'\nhistory = 'twk_secret'"),
            &format!("[a]\nhash = '{hash}'\n[a]\nhash = '{hash}'"),
        ] {
            let error = ApiKeys::parse(text).unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(ApiKeys::parse("").unwrap().keys.is_empty());
    }
}
