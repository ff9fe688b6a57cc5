//! Tokens: JSON Web Tokens in their compact form (RFC 7519, RFC 7515 §3.1), read and made.
//!
//! Of what a token says of itself nothing is used before its signature was verified but `alg`, to
//! refuse it if that is not the one that counts, and `kid`, to pick among keys of that algorithm.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Number;
use tickwire_feeds::Nanos;

use crate::access::error::Refusal;
use crate::access::grant::Grant;
use crate::access::grant::Written;
use crate::access::key::Mark;
use crate::access::key::SigningKey;
use crate::access::key::VerifyingKey;
use crate::access::pass::Bearer;
use crate::access::pass::Proof;
use crate::config::auth::Algorithm;
use crate::config::auth::Tokens;

/// Longest token, in bytes.
const BYTES_MAX: usize = 8 * 1024;
/// Longest `sub`, in bytes.
const SUBJECT_BYTES_MAX: usize = 256;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A token, taken apart; nothing of it is verified.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Its header.
    pub header: Header,
    signed: &'a str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

/// What a token says of its signature. Keys and places of keys in it are not looked at.
#[derive(Debug, Deserialize)]
pub struct Header {
    /// How it says to be signed.
    pub alg: String,
    /// The name of its key.
    pub kid: Option<String>,
    /// What must be understood (RFC 7515 §4.1.11); we understand nothing of the kind.
    crit: Option<IgnoredAny>,
}

/// What a token says.
#[derive(Debug, Deserialize)]
pub struct Claims {
    exp: Number,
    nbf: Option<Number>,
    iss: Option<String>,
    aud: Option<Audience>,
    sub: Option<String>,
    tickwire: Option<Written>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// What makes a token good besides its signature.
#[derive(Debug)]
pub(super) struct Rules {
    algorithm: Algorithm,
    issuer: Option<String>,
    audience: Option<String>,
    leeway_s: i64,
}

/// Takes a token apart.
///
/// # Errors
/// [`Refusal::Bad`] if it is none.
pub fn inspect(token: &str) -> Result<Seen<'_>, Refusal> {
    if token.len() > BYTES_MAX {
        return Err(Refusal::Bad("a token has 8 KiB at most"));
    }
    let none = Refusal::Bad("that is no token of three parts in base64url");
    let (signed, signature) = token.rsplit_once('.').ok_or(none)?;
    let (header, claims) = signed.split_once('.').ok_or(none)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| none);
    let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
    let header = serde_json::from_slice(&header)
        .map_err(|_| Refusal::Bad("the header of the token cannot be read"))?;
    Ok(Seen { header, signed, claims, signature })
}

/// A token with these claims.
#[must_use]
pub fn sign(claims: &serde_json::Value, key: &SigningKey, kid: Option<&str>) -> Option<String> {
    let mut header = serde_json::json!({ "alg": key.algorithm().word(), "typ": "JWT" });
    if let (Some(kid), Some(header)) = (kid, header.as_object_mut()) {
        header.insert("kid".to_owned(), kid.into());
    }
    let encode = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())?);
    Some(format!("{signed}.{signature}"))
}

impl Seen<'_> {
    /// The mark of the key, if it is its own.
    ///
    /// # Errors
    /// [`Refusal::Bad`] if it is not.
    pub(super) fn verify(&self, key: &VerifyingKey) -> Result<Mark, Refusal> {
        let verified = key.verifies(self.signed.as_bytes(), &self.signature);
        let mark = verified.then(|| key.mark());
        mark.ok_or(Refusal::Bad("the signature of the token is wrong"))
    }

    /// What it says.
    ///
    /// # Errors
    /// [`Refusal::Bad`] if that is none of ours.
    pub(super) fn claims(&self) -> Result<Claims, Refusal> {
        let bad = "the claims of the token cannot be read: exp is needed, and each in its type";
        serde_json::from_slice(&self.claims).map_err(|_| Refusal::Bad(bad))
    }

    /// The claims as they stand there, for people.
    #[must_use]
    pub fn claims_text(&self) -> &[u8] {
        &self.claims
    }
}

impl Rules {
    pub(super) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn of(tokens: &Tokens) -> Self {
        Self {
            algorithm: tokens.algorithm,
            issuer: tokens.issuer.clone(),
            audience: tokens.audience.clone(),
            leeway_s: tokens.leeway_s.into(),
        }
    }

    /// Whether a token says to be signed as ours are.
    pub(super) fn check_header(&self, header: &Header) -> Result<(), Refusal> {
        if header.alg != self.algorithm.word() {
            return Err(Refusal::Bad(
                "the token is not signed with the algorithm that counts here",
            ));
        }
        match header.crit {
            Some(_) => Err(Refusal::Bad("the token has a critical extension")),
            None => Ok(()),
        }
    }

    /// Who shows a token whose signature the key of this mark has verified.
    pub(super) fn admit(
        &self,
        claims: &Claims,
        mark: Mark,
        wall: Nanos,
    ) -> Result<Bearer, Refusal> {
        let now_s = wall.0.div_euclid(NANOS_PER_SECOND);
        let seconds = |number| seconds(number).ok_or(Refusal::Bad("exp or nbf is no time"));
        let expires_s = seconds(&claims.exp)?.saturating_add(self.leeway_s);
        if expires_s <= now_s {
            return Err(Refusal::Bad("the token has expired"));
        }
        if let Some(nbf) = &claims.nbf
            && seconds(nbf)?.saturating_sub(self.leeway_s) > now_s
        {
            return Err(Refusal::Bad("the token is not good yet"));
        }
        if self.issuer.is_some() && claims.iss != self.issuer {
            return Err(Refusal::Bad("the token is of another issuer"));
        }
        if let Some(audience) = &self.audience
            && !claims.aud.as_ref().is_some_and(|aud| aud.holds(audience))
        {
            return Err(Refusal::Bad("the token is for another audience"));
        }
        let subject = claims.sub.as_deref().unwrap_or_default();
        if subject.len() > SUBJECT_BYTES_MAX {
            return Err(Refusal::Bad("sub is too long"));
        }
        let grant = claims.tickwire.as_ref().map(Grant::read).transpose().map_err(Refusal::Bad)?;
        Ok(Bearer {
            subject: subject.into(),
            grant: Arc::new(grant.unwrap_or_default()),
            proof: Proof::Token(mark),
            expires: Some(Nanos(expires_s.saturating_mul(NANOS_PER_SECOND))),
        })
    }
}

impl Audience {
    fn holds(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Many(many) => many.iter().any(|of| of == name),
        }
    }
}

/// Whole seconds since 1970 of a `NumericDate`, which may have a fraction.
fn seconds(number: &Number) -> Option<i64> {
    number.as_i64().or_else(|| number.to_string().split('.').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ring::hmac;
    use serde_json::Value;
    use serde_json::json;

    const NOW: Nanos = Nanos(1_000 * NANOS_PER_SECOND);

    fn rules() -> Rules {
        Rules { algorithm: Algorithm::Hs256, issuer: None, audience: None, leeway_s: 0 }
    }

    fn key(secret: &[u8]) -> (VerifyingKey, SigningKey) {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        (VerifyingKey::Hs256(key.clone()), SigningKey::Hs256(key))
    }

    fn admitted(rules: &Rules, claims: &Value) -> Result<Bearer, Refusal> {
        let (verifying, signing) = key(b"secret");
        let token = sign(claims, &signing, None).unwrap();
        let seen = inspect(&token)?;
        rules.check_header(&seen.header)?;
        let mark = seen.verify(&verifying)?;
        rules.admit(&seen.claims()?, mark, NOW)
    }

    #[track_caller]
    fn refused(rules: &Rules, claims: &Value, word: &str) {
        let refusal = admitted(rules, claims).unwrap_err().to_string();
        assert!(refusal.contains(word), "{claims}: {refusal}");
    }

    /// A token of HMAC whose parts are as given, and rightly signed.
    fn token_of(header: &str, claims: &str) -> String {
        let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let signature = key(b"secret").1.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", encode(&signature))
    }

    #[test]
    fn a_token_is_good_from_nbf_until_exp() {
        assert!(admitted(&rules(), &json!({ "exp": 1_001 })).is_ok());
        assert!(admitted(&rules(), &json!({ "exp": 1_001.5, "nbf": 1_000.0 })).is_ok());
        assert!(admitted(&rules(), &json!({ "exp": 99_999_999_999_i64 })).is_ok());
        refused(&rules(), &json!({ "exp": 1_000 }), "expired");
        refused(&rules(), &json!({ "exp": -5 }), "expired");
        refused(&rules(), &json!({ "exp": 2_000, "nbf": 1_001 }), "not good yet");
        let lenient = Rules { leeway_s: 5, ..rules() };
        assert!(admitted(&lenient, &json!({ "exp": 996, "nbf": 1_005 })).is_ok());
        refused(&lenient, &json!({ "exp": 995 }), "expired");
        refused(&lenient, &json!({ "exp": 2_000, "nbf": 1_006 }), "not good yet");
    }

    #[test]
    fn claims_of_another_type_are_refused_and_not_passed_over() {
        for claims in [
            json!({}),
            json!([]),
            json!({ "exp": null }),
            json!({ "exp": "2000" }),
            json!({ "exp": 1e300 }),
            json!({ "exp": 2_000, "nbf": "9999" }),
            json!({ "exp": 2_000, "nbf": 1e300 }),
            json!({ "exp": 2_000, "sub": 7 }),
            json!({ "exp": 2_000, "sub": "x".repeat(257) }),
            json!({ "exp": 2_000, "tickwire": "all" }),
            json!({ "exp": 2_000, "tickwire": { "symbols": "*:*" } }),
            json!({ "exp": 2_000, "tickwire": { "symbols": ["*"] } }),
            json!({ "exp": 2_000, "tickwire": { "history": "yes" } }),
        ] {
            assert!(admitted(&rules(), &claims).is_err(), "{claims}");
        }
    }

    #[test]
    fn issuer_and_audience_count_where_they_are_set() {
        let strict = Rules {
            issuer: Some("https://id.example".to_owned()),
            audience: Some("ticks".to_owned()),
            ..rules()
        };
        let iss = "https://id.example";
        assert!(admitted(&strict, &json!({ "exp": 2_000, "iss": iss, "aud": "ticks" })).is_ok());
        let many = json!({ "exp": 2_000, "iss": iss, "aud": ["a", "ticks"] });
        assert!(admitted(&strict, &many).is_ok());
        refused(&strict, &json!({ "exp": 2_000, "aud": "ticks" }), "issuer");
        refused(&strict, &json!({ "exp": 2_000, "iss": "x", "aud": "ticks" }), "issuer");
        refused(&strict, &json!({ "exp": 2_000, "iss": iss }), "audience");
        refused(&strict, &json!({ "exp": 2_000, "iss": iss, "aud": ["a"] }), "audience");
    }

    #[test]
    fn a_header_does_not_choose_how_it_is_checked() {
        let claims = r#"{"exp":2000}"#;
        let check = |header: &str, claims: &str| {
            let token = token_of(header, claims);
            let seen = inspect(&token)?;
            rules().check_header(&seen.header)?;
            let mark = seen.verify(&key(b"secret").0)?;
            rules().admit(&seen.claims()?, mark, NOW)
        };
        assert!(check(r#"{"alg":"HS256"}"#, claims).is_ok());
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"None"}"#,
            r#"{"alg":"hs256"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"HS512"}"#,
            r#"{"alg":""}"#,
            r#"{"alg":null}"#,
            "{}",
            "[]",
            "",
            r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
            r#"{"alg":"none","alg":"HS256"}"#,
            r#"{"alg":"HS256","alg":"none"}"#,
        ] {
            assert!(check(header, claims).is_err(), "{header}");
        }
        assert!(check(r#"{"alg":"HS256"}"#, r#"{"exp":1,"exp":2000}"#).is_err());
    }

    #[test]
    fn any_change_to_a_token_makes_it_bad() {
        let token = token_of(r#"{"alg":"HS256"}"#, r#"{"exp":2000,"sub":"me"}"#);
        let verifying = key(b"secret").0;
        let is_good = |token: &str| inspect(token).and_then(|seen| seen.verify(&verifying)).is_ok();
        assert!(is_good(&token));
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert!(!is_good(&String::from_utf8(other).unwrap()), "byte {at}");
        }
        let unsigned = token.rsplit_once('.').unwrap().0;
        for other in
            ["", ".", "..", "...", "a.b", unsigned, &format!("{unsigned}."), &format!("{token}=")]
        {
            assert!(!is_good(other), "{other}");
        }
        assert!(inspect(&format!("{token}{}", "A".repeat(BYTES_MAX))).is_err());
        assert!(inspect(&token).unwrap().verify(&key(b"another").0).is_err());
    }

    #[test]
    fn the_example_of_rfc_7515_is_verified() {
        let secret = URL_SAFE_NO_PAD
            .decode(
                "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z\
                 9CAow",
            )
            .unwrap();
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                     eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc1\
                     9yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let seen = inspect(token).unwrap();
        seen.verify(&key(&secret).0).unwrap();
        assert_eq!(seconds(&seen.claims().unwrap().exp), Some(1_300_819_380));
    }

    #[test]
    fn the_examples_of_elliptic_curves_are_verified() {
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let x = decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
        let y = decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
        let key = VerifyingKey::p256(&[&[4], &x[..], &y[..]].concat()).unwrap();
        // RFC 7515, appendix A.3.
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6\
                     Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4Gawx\
                     aepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        inspect(token).unwrap().verify(&key).unwrap();
        // RFC 8037, appendix A.4.
        let key = decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        let key = VerifyingKey::ed25519(&key).unwrap();
        let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLW\
                     G1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        inspect(token).unwrap().verify(&key).unwrap();
    }

    proptest! {
        #[test]
        fn any_text_is_a_token_or_none(text in ".{0,200}") {
            let _any = inspect(&text).map(|seen| seen.claims().is_ok());
        }
    }
}
