//! The keeper of the server's certificate: new connections get the newest one that could be used.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::ClientHello;
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use tickwire_feeds::Nanos;
use tracing::error;
use tracing::info;
use tracing::warn;

use crate::tls::Certificate;
use crate::tls::Error;
use crate::tls::Validity;
use crate::tls::certificate::Look;

/// A certificate that ends sooner is warned of: whoever renews it does so a month before.
const SOON_S: i64 = 14 * 86_400;

/// Keeps the certificate of this server.
#[derive(Debug)]
pub struct Keeper {
    held: Mutex<Held>,
    /// Certificates taken up in place of another.
    pub taken: AtomicU64,
    /// Times that the files held nothing to take up.
    pub refused: AtomicU64,
    /// Handshakes that came to nothing.
    pub broken: AtomicU64,
}

#[derive(Debug)]
struct Held {
    cert: PathBuf,
    key: PathBuf,
    certificate: Certificate,
    looks: (Look, Look),
}

impl Keeper {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// [`Error`], naming the file.
    pub fn open(cert: PathBuf, key: PathBuf, now: Nanos) -> Result<Arc<Self>, Error> {
        let looks = (Look::at(&cert), Look::at(&key));
        let certificate = Certificate::read(&cert, &key)?;
        warn_of(certificate.validity, &cert, now);
        let held = Mutex::new(Held { cert, key, certificate, looks });
        let (taken, refused, broken) = (0.into(), 0.into(), 0.into());
        Ok(Arc::new(Self { held, taken, refused, broken }))
    }

    /// How to speak TLS with it: 1.3 and 1.2, and the protocols of HTTP over it.
    ///
    /// # Errors
    /// Never in practice: the library knows its own versions.
    pub fn config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions()?;
        let resolver = Arc::clone(self);
        let mut config = config.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// From when to when the certificate is valid.
    #[must_use]
    pub fn validity(&self) -> Validity {
        self.held().certificate.validity
    }

    /// Reads the files again if they look different from before. If they hold nothing to use, the
    /// certificate stays as it is, and the log says why.
    pub fn look(&self, now: Nanos) {
        let held = self.held();
        let (cert, key) = (held.cert.clone(), held.key.clone());
        let is_same = held.looks == (Look::at(&cert), Look::at(&key));
        drop(held);
        if !is_same && let Err(error) = self.read(&cert, &key, now) {
            error!(%error, "the certificate stays as it was");
        }
    }

    /// Takes up what is in these files.
    ///
    /// # Errors
    /// [`Error`]: the certificate stays as it is then.
    pub fn read(&self, cert: &Path, key: &Path, now: Nanos) -> Result<(), Error> {
        let looks = (Look::at(cert), Look::at(key));
        let read = Certificate::read(cert, key);
        let mut held = self.held();
        let certificate = match read {
            Ok(certificate) => certificate,
            Err(error) => {
                if (&*held.cert, &*held.key) == (cert, key) {
                    held.looks = looks;
                }
                self.refused.fetch_add(1, Ordering::Relaxed);
                return Err(error);
            }
        };
        if !certificate.is(&held.certificate) {
            info!(cert = %cert.display(), "a new certificate for new connections");
            warn_of(certificate.validity, cert, now);
            self.taken.fetch_add(1, Ordering::Relaxed);
        }
        *held = Held { cert: cert.to_owned(), key: key.to_owned(), certificate, looks };
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for Keeper {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.held().certificate.certified))
    }
}

fn warn_of(validity: Validity, cert: &Path, now: Nanos) {
    let (now, cert) = (now.0 / 1_000_000_000, cert.display());
    if validity.until < now {
        warn!(%cert, "the certificate has expired: clients will refuse it");
    } else if now < validity.from {
        warn!(%cert, "the certificate is not valid yet: clients will refuse it");
    } else if validity.until - now < SOON_S {
        warn!(%cert, "the certificate ends in {} days", (validity.until - now) / 86_400);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::CertificateParams;
    use rcgen::KeyPair;

    use super::*;

    const NOW: Nanos = Nanos(1_800_000_000_000_000_000);

    fn write(dir: &Path, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
        fs::write(dir.join("c.pem"), cert.pem()).unwrap();
        fs::write(dir.join("k.pem"), key.serialize_pem()).unwrap();
        (cert.pem(), key.serialize_pem())
    }

    fn open(dir: &Path) -> Result<Arc<Keeper>, Error> {
        Keeper::open(dir.join("c.pem"), dir.join("k.pem"), NOW)
    }

    fn counts(keeper: &Keeper) -> (u64, u64) {
        (keeper.taken.load(Ordering::Relaxed), keeper.refused.load(Ordering::Relaxed))
    }

    #[test]
    fn a_new_pair_is_taken_up_and_a_bad_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "one.example");
        let keeper = open(dir.path()).unwrap();
        keeper.look(NOW);
        keeper.read(&dir.path().join("c.pem"), &dir.path().join("k.pem"), NOW).unwrap();
        assert_eq!(counts(&keeper), (0, 0), "nothing is new");
        let first = keeper.held().certificate.clone();

        fs::write(dir.path().join("k.pem"), "garbage").unwrap();
        keeper.look(NOW);
        assert_eq!(counts(&keeper), (0, 1));
        keeper.look(NOW);
        assert_eq!(counts(&keeper), (0, 1), "the same garbage is told once");
        assert!(keeper.held().certificate.is(&first));

        write(dir.path(), "two.example.org");
        keeper.look(NOW);
        assert_eq!(counts(&keeper), (1, 1));
        assert!(!keeper.held().certificate.is(&first));

        fs::remove_file(dir.path().join("c.pem")).unwrap();
        keeper.look(NOW);
        assert_eq!(counts(&keeper), (1, 2));
    }

    #[track_caller]
    fn refused(cert: &str, key: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("c.pem"), cert).unwrap();
        fs::write(dir.path().join("k.pem"), key).unwrap();
        let error = open(dir.path()).expect_err("it cannot be used").to_string();
        error.replace(&format!("{}/", dir.path().display()), "")
    }

    #[test]
    fn what_is_wrong_is_said_with_the_name_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let error = open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("cannot read") && error.contains("c.pem"), "{error}");
        let (cert, key) = write(dir.path(), "one.example");
        let (_, other) = write(dir.path(), "one.example");
        let mismatch = "the key in k.pem is not that of the first certificate in c.pem";
        assert_eq!(refused(&cert, &other), mismatch);
        let none = "c.pem holds no certificate in PEM: no such section in it";
        assert_eq!(refused("", &key), none);
        assert_eq!(refused(&key, &key), none);
        let none = "k.pem holds no private key in PEM: no such section in it";
        assert_eq!(refused(&cert, &cert), none);
        let half = cert.lines().take(3).collect::<Vec<_>>().join("\n");
        assert!(refused(&half, &key).starts_with("c.pem holds no certificate in PEM: "));
        let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let undecodable = "c.pem holds no X.509 certificate: it cannot be decoded";
        assert_eq!(refused(junk, &key), undecodable);
        let junk = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert!(refused(&cert, junk).starts_with("k.pem holds no key that can be used: "));
    }
}
