//! Keys: each is of one algorithm, and does nothing else.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature;
use ring::signature::EcdsaKeyPair;
use ring::signature::Ed25519KeyPair;
use ring::signature::RsaKeyPair;
use ring::signature::RsaPublicKeyComponents;
use ring::signature::UnparsedPublicKey;
use rustls::pki_types::PrivatePkcs1KeyDer;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::Digest as _;
use sha2::Sha256;

use crate::access::der;
use crate::access::der::PublicKey;
use crate::access::error::Error;
use crate::config::auth::Algorithm;

/// Shortest secret of HS256, in bytes (RFC 7518 §3.2).
const SECRET_BYTES_MIN: usize = 32;
/// Largest file with a key, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// Bytes of an RSA modulus: 2,048 to 8,192 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;
/// What the mark of a secret is a signature of; it has no dot, so it is no part of a token.
const MARKED: &[u8] = b"the mark of this key";

/// What tokens are checked with.
pub enum VerifyingKey {
    /// A secret of HS256.
    Hs256(hmac::Key),
    /// Of RS256.
    Rs256(RsaPublicKeyComponents<Vec<u8>>),
    /// Of ES256.
    Es256(UnparsedPublicKey<Vec<u8>>),
    /// Of EdDSA.
    EdDsa(UnparsedPublicKey<Vec<u8>>),
}

/// By what a key is known again when it was read anew. Of a secret it tells no more than any token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark([u8; 32]);

/// What tokens are signed with.
pub enum SigningKey {
    /// A secret of HS256.
    Hs256(hmac::Key),
    /// Of RS256.
    Rs256(Box<RsaKeyPair>),
    /// Of ES256.
    Es256(EcdsaKeyPair),
    /// Of EdDSA.
    EdDsa(Ed25519KeyPair),
}

impl VerifyingKey {
    /// The key in a file: PEM (`-----BEGIN PUBLIC KEY-----`), or the secret of HS256.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Key`].
    pub fn read(algorithm: Algorithm, path: &Path) -> Result<Self, Error> {
        Self::parse(algorithm, &file(path)?).map_err(of_file(algorithm, path))
    }

    fn parse(algorithm: Algorithm, text: &[u8]) -> Result<Self, &'static str> {
        if algorithm == Algorithm::Hs256 {
            return secret(text).map(Self::Hs256);
        }
        if String::from_utf8_lossy(text).contains("PRIVATE KEY-----") {
            return Err("that is a private key, which this server must not have: \
                        openssl pkey -in PRIVATE.pem -pubout");
        }
        let spki = SubjectPublicKeyInfoDer::from_pem_slice(text)
            .map_err(|_| "expected PEM with -----BEGIN PUBLIC KEY-----")?;
        match (algorithm, der::public_key(&spki).ok_or("that kind of key is not known")?) {
            (Algorithm::Rs256, PublicKey::Rsa { n, e }) => Self::rsa(n, e),
            (Algorithm::Es256, PublicKey::P256(point)) => Self::p256(point),
            (Algorithm::EdDsa, PublicKey::Ed25519(key)) => Self::ed25519(key),
            _ => Err("that is a key of another algorithm"),
        }
    }

    /// A key of RS256.
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, &'static str> {
        let (n, e) = (der::without_zeros(n).to_vec(), der::without_zeros(e).to_vec());
        if !MODULUS_BYTES.contains(&n.len()) {
            return Err("an RSA key must have 2,048 to 8,192 bits");
        }
        Ok(Self::Rs256(RsaPublicKeyComponents { n, e }))
    }

    /// A key of ES256.
    pub(super) fn p256(point: &[u8]) -> Result<Self, &'static str> {
        if point.len() != 65 || point.first() != Some(&4) {
            return Err("expected an uncompressed point of P-256");
        }
        let key = UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point.to_vec());
        Ok(Self::Es256(key))
    }

    /// A key of EdDSA.
    pub(super) fn ed25519(key: &[u8]) -> Result<Self, &'static str> {
        if key.len() != 32 {
            return Err("a key of Ed25519 has 32 bytes");
        }
        Ok(Self::EdDsa(UnparsedPublicKey::new(&signature::ED25519, key.to_vec())))
    }

    /// What it is for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hs256(_) => Algorithm::Hs256,
            Self::Rs256(_) => Algorithm::Rs256,
            Self::Es256(_) => Algorithm::Es256,
            Self::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// By what it is known again.
    pub(super) fn mark(&self) -> Mark {
        let hash = Sha256::new_with_prefix(self.algorithm().word());
        let hash = match self {
            Self::Hs256(key) => hash.chain_update(hmac::sign(key, MARKED)),
            Self::Rs256(RsaPublicKeyComponents { n, e }) => {
                hash.chain_update(n.len().to_be_bytes()).chain_update(n).chain_update(e)
            }
            Self::Es256(key) | Self::EdDsa(key) => hash.chain_update(key),
        };
        Mark(hash.finalize().into())
    }

    /// Whether the message was signed with its other half.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Hs256(key) => hmac::verify(key, message, signature),
            Self::Rs256(key) => {
                key.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Self::Es256(key) | Self::EdDsa(key) => key.verify(message, signature),
        };
        verified.is_ok()
    }
}

impl SigningKey {
    /// The key in a file: PEM (`-----BEGIN PRIVATE KEY-----`, of RSA also
    /// `-----BEGIN RSA PRIVATE KEY-----`), or the secret of HS256.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Key`].
    pub fn read(algorithm: Algorithm, path: &Path) -> Result<Self, Error> {
        Self::parse(algorithm, &file(path)?).map_err(of_file(algorithm, path))
    }

    fn parse(algorithm: Algorithm, text: &[u8]) -> Result<Self, &'static str> {
        let other = "that is a key of another algorithm, or damaged";
        if algorithm == Algorithm::Hs256 {
            return secret(text).map(Self::Hs256);
        }
        if algorithm == Algorithm::Rs256
            && let Ok(key) = PrivatePkcs1KeyDer::from_pem_slice(text)
        {
            let pair = RsaKeyPair::from_der(key.secret_pkcs1_der()).map_err(|_| other)?;
            return Ok(Self::Rs256(Box::new(pair)));
        }
        let key = PrivatePkcs8KeyDer::from_pem_slice(text).map_err(|_| {
            "expected PEM with -----BEGIN PRIVATE KEY----- (openssl pkcs8 -topk8 -nocrypt makes it)"
        })?;
        let key = key.secret_pkcs8_der();
        let fixed = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = match algorithm {
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(key).map(Box::new).map(Self::Rs256),
            Algorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(fixed, key, &SystemRandom::new()).map(Self::Es256)
            }
            Algorithm::EdDsa | Algorithm::Hs256 => {
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(key).map(Self::EdDsa)
            }
        };
        pair.map_err(|_| other)
    }

    /// What it is for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hs256(_) => Algorithm::Hs256,
            Self::Rs256(_) => Algorithm::Rs256,
            Self::Es256(_) => Algorithm::Es256,
            Self::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// The signature of a message; `None` if the system has no randomness.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Hs256(key) => Some(hmac::sign(key, message).as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut out = vec![0; pair.public().modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut out).ok()?;
                Some(out)
            }
            Self::Es256(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Self::EdDsa(pair) => Some(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.algorithm().word())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.algorithm().word())
    }
}

/// The secret in a file, without the end of its last line. A public key is none: everyone has it.
fn secret(text: &[u8]) -> Result<hmac::Key, &'static str> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.windows(11).any(|part| part == b"-----BEGIN ") {
        return Err("that is PEM, and HS256 needs a secret");
    }
    if text.len() < SECRET_BYTES_MIN {
        return Err("a secret needs 32 bytes at least: openssl rand -hex 32");
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, text))
}

fn file(path: &Path) -> Result<Vec<u8>, Error> {
    let refusal = |source| Error::Read { path: path.display().to_string(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(refusal)?;
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(refusal)?;
    Ok(bytes)
}

fn of_file(algorithm: Algorithm, path: &Path) -> impl Fn(&'static str) -> Error {
    move |reason| Error::Key { path: path.display().to_string(), algorithm, reason }
}
