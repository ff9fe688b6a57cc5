//! A set of keys as it is published (JSON Web Key Set, RFC 7517).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::access::key::Mark;
use crate::access::key::VerifyingKey;
use crate::config::auth::Algorithm;

/// Most keys that are looked at.
const KEYS_MAX: usize = 64;

/// The keys of one algorithm, each with its name.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<(Option<Box<str>>, Arc<VerifyingKey>)>,
}

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<Box<str>>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a set. Keys of other algorithms, of other uses and those that make no sense are passed
    /// over: the set has other readers too.
    ///
    /// # Errors
    /// What is wrong with the set as a whole, such as that no key of it counts.
    pub fn read(text: &[u8], algorithm: Algorithm) -> Result<Self, &'static str> {
        let published: Published =
            serde_json::from_slice(text).map_err(|_| "that is no JSON Web Key Set")?;
        let readable = published.keys.into_iter().take(KEYS_MAX);
        let readable = readable.filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        let keys: Vec<_> = readable
            .filter_map(|jwk| {
                let key = jwk.key(algorithm)?;
                Some((jwk.kid, Arc::new(key)))
            })
            .collect();
        if keys.is_empty() { Err("no key there is of auth.algorithm") } else { Ok(Self { keys }) }
    }

    /// The key of this name; of a token without one, the only key that there is.
    #[must_use]
    pub fn find(&self, kid: Option<&str>) -> Option<Arc<VerifyingKey>> {
        let mut found = match kid {
            Some(kid) => self.keys.iter().filter(|(of, _)| of.as_deref() == Some(kid)).collect(),
            None => self.keys.iter().collect::<Vec<_>>(),
        };
        // Two of a name: nobody can say which is meant.
        let (_, key) = found.pop().filter(|_| found.is_empty())?;
        Some(Arc::clone(key))
    }

    /// Whether one of them has this mark.
    pub(super) fn has(&self, mark: Mark) -> bool {
        self.keys.iter().any(|(_, key)| key.mark() == mark)
    }

    /// Whether another set has keys of the same names.
    pub(super) fn has_same_names(&self, other: &Self) -> bool {
        self.keys.iter().map(|(kid, _)| kid).eq(other.keys.iter().map(|(kid, _)| kid))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Jwk {
    fn key(&self, algorithm: Algorithm) -> Option<VerifyingKey> {
        let is_for = |alg: &String| match algorithm {
            // RFC 9864 gives it a name of its own.
            Algorithm::EdDsa => alg == "EdDSA" || alg == "Ed25519",
            _ => alg == algorithm.word(),
        };
        let verifies = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
        if !self.alg.as_ref().is_none_or(is_for)
            || self.r#use.as_ref().is_some_and(|word| word != "sig")
            || !self.key_ops.as_ref().is_none_or(verifies)
        {
            return None;
        }
        let decode = |part: &Option<String>| URL_SAFE_NO_PAD.decode(part.as_ref()?).ok();
        match (algorithm, self.kty.as_str(), self.crv.as_deref()) {
            (Algorithm::Rs256, "RSA", _) => {
                VerifyingKey::rsa(&decode(&self.n)?, &decode(&self.e)?).ok()
            }
            (Algorithm::Es256, "EC", Some("P-256")) => {
                let point = [&[4], &decode(&self.x)?[..], &decode(&self.y)?[..]].concat();
                VerifyingKey::p256(&point).ok()
            }
            (Algorithm::EdDsa, "OKP", Some("Ed25519")) => {
                VerifyingKey::ed25519(&decode(&self.x)?).ok()
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn read(keys: &Value, algorithm: Algorithm) -> Result<KeySet, &'static str> {
        KeySet::read(json!({ "keys": keys }).to_string().as_bytes(), algorithm)
    }

    #[test]
    fn a_name_picks_the_key_and_only_keys_of_the_algorithm_count() {
        let okp = |kid: &str| json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": X });
        let mut encrypts = okp("enc");
        encrypts["use"] = "enc".into();
        let mut other = okp("alg");
        other["alg"] = "ES256".into();
        let mut signs = okp("ops");
        signs["key_ops"] = json!(["sign"]);
        let secret = json!({ "kty": "oct", "kid": "oct", "k": X });
        let short = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "short", "x": "AAAA" });
        let keys = json!([7, encrypts, other, signs, secret, short, okp("a"), okp("b")]);
        let set = read(&keys, Algorithm::EdDsa).unwrap();
        assert_eq!(set.len(), 2);
        assert!(set.find(Some("a")).is_some() && set.find(Some("b")).is_some());
        for kid in [Some("enc"), Some("alg"), Some("ops"), Some("oct"), Some("short"), Some("")] {
            assert!(set.find(kid).is_none(), "{kid:?}");
        }
        assert!(set.find(None).is_none(), "two keys, and no name");
        assert!(read(&json!([okp("a")]), Algorithm::EdDsa).unwrap().find(None).is_some());
        assert!(
            read(&json!([okp("a"), okp("a")]), Algorithm::EdDsa).unwrap().find(Some("a")).is_none()
        );
        for algorithm in [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256] {
            assert!(read(&keys, algorithm).is_err(), "{algorithm:?}");
        }
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]}", "<html>"] {
            assert!(KeySet::read(text.as_bytes(), Algorithm::EdDsa).is_err(), "{text}");
        }
    }
}
