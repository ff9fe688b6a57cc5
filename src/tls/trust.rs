//! Whom the clients of this program trust: the web's authorities, or one that is named.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::crypto::ring;

use crate::tls::Error;
use crate::tls::certificate::read_chain;

/// Whom a client trusts.
#[derive(Debug, Clone)]
pub struct Trust {
    config: Arc<ClientConfig>,
}

impl Trust {
    /// Trusts the authorities of a PEM file and nobody else.
    ///
    /// # Errors
    /// [`Error`], naming the file.
    pub fn only(path: &Path) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        let (taken, _) = roots.add_parsable_certificates(read_chain(path)?);
        if taken == 0 {
            let why = "it cannot be decoded".to_owned();
            return Err(Error::Content { path: path.to_owned(), what: "authority", why });
        }
        Self::of(roots).map_err(|error| {
            let why = error.to_string();
            Error::Content { path: path.to_owned(), what: "authority", why }
        })
    }

    /// How to speak TLS.
    #[must_use]
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    fn of(roots: RootCertStore) -> Result<Self, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions()?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { config: Arc::new(config) })
    }
}
