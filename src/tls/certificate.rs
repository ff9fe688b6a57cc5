//! A certificate with its key, as two PEM files hold it.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::InconsistentKeys;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::CertifiedKey;

use crate::tls::Validity;

/// Largest file read, in bytes; a real one has a hundredth of it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why a certificate cannot be used; each message names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} holds no {what}: {why}")]
    Content {
        /// Which.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Certificate and key are not of one pair.
    #[error("the key in {key} is not that of the first certificate in {cert}")]
    Mismatch {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
}

/// A certificate, those that vouch for it, and the key.
#[derive(Debug, Clone)]
pub struct Certificate {
    pub(super) certified: Arc<CertifiedKey>,
    /// From when to when it is valid.
    pub validity: Validity,
}

impl Certificate {
    /// Reads it. Whether it is valid at present is not looked at.
    ///
    /// # Errors
    /// [`Error`], naming the file.
    pub fn read(cert: &Path, key: &Path) -> Result<Self, Error> {
        let chain = read_chain(cert)?;
        let leaf = chain.first().and_then(|leaf| Validity::of(leaf));
        let validity =
            leaf.ok_or_else(|| content(cert, "X.509 certificate", "it cannot be decoded"))?;
        let read = read_file(key)?;
        let found = PrivateKeyDer::from_pem_slice(&read)
            .map_err(|error| content(key, "private key in PEM", explain(&error)))?;
        let certified = CertifiedKey::from_der(chain, found, &ring::default_provider());
        let certified = certified.map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                Error::Mismatch { cert: cert.to_owned(), key: key.to_owned() }
            }
            rustls::Error::InvalidCertificate(why) => {
                content(cert, "X.509 certificate", format!("{why:?}"))
            }
            error => content(key, "key that can be used", error.to_string()),
        })?;
        Ok(Self { certified: Arc::new(certified), validity })
    }

    /// Whether both are the same certificate.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.certified.cert == other.certified.cert
    }
}

/// All certificates of a PEM file, at least one.
pub(super) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let refused = |why| content(path, "certificate in PEM", why);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read_file(path)?).collect();
    let chain = chain.map_err(|error| refused(explain(&error)))?;
    if chain.is_empty() { Err(refused(explain(&pem::Error::NoItemsFound))) } else { Ok(chain) }
}

/// How a file looked: when it was last written, how long it is, and which one it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look(Option<(SystemTime, u64)>);

impl Look {
    /// At a file as it is now.
    pub(super) fn at(path: &Path) -> Self {
        let metadata = std::fs::metadata(path).ok();
        Self(metadata.and_then(|found| Some((found.modified().ok()?, found.len()))))
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let refused = |source| Error::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(refused)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(refused)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(refused(io::Error::other("larger than 1 MiB")));
    }
    Ok(bytes)
}

fn content(path: &Path, what: &'static str, why: impl Into<String>) -> Error {
    Error::Content { path: path.to_owned(), what, why: why.into() }
}

fn explain(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "no such section in it".to_owned(),
        // The others would quote what they found, and that may be a key.
        pem::Error::MissingSectionEnd { .. } => "a section has no end".to_owned(),
        _ => "its PEM is malformed".to_owned(),
    }
}
