//! Questions to a server's HTTP interface.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use ureq::tls::Certificate;
use ureq::tls::PemItem;
use ureq::tls::RootCerts;
use ureq::tls::TlsConfig;
use ureq::tls::parse_pem;

use crate::cli::endpoint;
use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;

/// Most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// A server that can be asked.
#[derive(Debug)]
pub(super) struct Rest {
    agent: ureq::Agent,
    /// Scheme and authority.
    base: String,
    patience: Duration,
    credential: Option<String>,
}

/// What it answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Null, if it is no JSON.
    pub(super) body: Value,
}

impl Rest {
    /// The server of an endpoint; each answer may take so long.
    ///
    /// # Errors
    /// [`Failure::Usage`] if the file of its authority cannot be used.
    pub(super) fn new(endpoint: &Endpoint, patience: Duration) -> Result<Self, Failure> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = TlsConfig::builder().unversioned_rustls_crypto_provider(provider);
        if let (true, Some(path)) = (endpoint.is_secure(), &endpoint.ca) {
            let said = |why: String| Failure::Usage(format!("--ca: {}: {why}", path.display()));
            let pem = std::fs::read(path).map_err(|error| said(error.to_string()))?;
            let trusted: Vec<Certificate<'static>> = parse_pem(&pem)
                .filter_map(|item| match item {
                    Ok(PemItem::Certificate(certificate)) => Some(certificate),
                    _ => None,
                })
                .collect();
            if trusted.is_empty() {
                return Err(said("no certificate in PEM".to_owned()));
            }
            tls = tls.root_certs(RootCerts::new_with_certs(&trusted));
        }
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(patience))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .tls_config(tls.build());
        let credential = endpoint.token.as_ref().map(|token| format!("Bearer {}", token.reveal()));
        Ok(Self { agent: config.build().new_agent(), base: endpoint.base(), patience, credential })
    }

    /// `GET` of a path with its query.
    ///
    /// # Errors
    /// [`Failure::Connection`] if there is no answer.
    pub(super) fn get(&self, path: &str) -> Result<Answer, Failure> {
        let url = format!("{}{path}", self.base);
        let mut request = self.agent.get(&url);
        if let Some(credential) = &self.credential {
            request = request.header("Authorization", credential);
        }
        let unanswered = |error| self.unanswered(&url, &error);
        let mut answer = request.call().map_err(unanswered)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = serde_json::from_slice(&body.map_err(unanswered)?).unwrap_or_default();
        Ok(Answer { status, body })
    }

    fn unanswered(&self, url: &str, error: &ureq::Error) -> Failure {
        let is_refused = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        Failure::Connection(match error {
            ureq::Error::Timeout(_) => {
                format!("{url}: no answer within {}", told(self.patience))
            }
            ureq::Error::Io(error) if is_refused(error) => {
                format!("nobody listens at {}", self.base)
            }
            error => {
                let said = error.to_string();
                format!("{url}: {said}{}", endpoint::tls_advice(&said))
            }
        })
    }

    /// The symbols that the server lists for whom asks.
    ///
    /// # Errors
    /// [`Failure::Connection`], [`Failure::Access`].
    pub(super) fn symbols(&self) -> Result<Vec<String>, Failure> {
        let answer = self.get("/v1/symbols")?;
        let refused = format!("{}/v1/symbols: {}", self.base, answer.said());
        match (answer.status, answer.body.get("symbols").and_then(Value::as_array)) {
            (200, Some(rows)) => {
                let names = rows.iter().filter_map(|row| row.get("symbol")?.as_str());
                Ok(names.map(str::to_owned).collect())
            }
            (401 | 403, _) => Err(Failure::Access(refused)),
            _ => Err(Failure::Connection(refused)),
        }
    }
}

fn told(span: Duration) -> String {
    match span.subsec_millis() {
        0 => format!("{} s", span.as_secs()),
        _ => format!("{} ms", span.as_millis()),
    }
}

impl Answer {
    /// What a refusal says.
    pub(super) fn said(&self) -> String {
        let said = self.body.pointer("/error/message").and_then(Value::as_str);
        said.map_or_else(|| format!("status {}", self.status), str::to_owned)
    }
}
