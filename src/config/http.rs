//! `[http]`: the address the service answers at, and who may ask from a browser.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::error::Error;
use crate::config::network::Network;
use crate::config::section::Section;

/// How the service listens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Http {
    /// Address and port; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// The files with which TLS is spoken; `None`: it is not.
    pub tls: Option<Tls>,
    /// Worker threads, each with a shard of the hub, 0..=256; 0 for one a core.
    pub workers: usize,
    /// Browser origins that may connect, as `https://host[:port]`, besides the service's own.
    pub allowed_origins: Vec<String>,
    /// The URL under which browsers reach the service, behind a proxy; empty: as in `listen`.
    pub public_url: String,
    /// The proxies that are believed when they say whom they speak for.
    pub trusted_proxies: Vec<Network>,
    /// The header in which they say it.
    pub forwarded: Forwarded,
    /// Shortest time between two writes to the clients of a worker, in ms, 0..=1,000.
    pub flush_ms_min: u32,
    /// Longest time that a message waits to be written with others, in ms, 0..=1,000, at least
    /// `flush_ms_min`.
    pub flush_ms_max: u32,
    /// Longest time for a request's head to arrive, in ms, 100..=600,000.
    pub head_timeout_ms: u32,
    /// Time from the first signal, in which `/readyz` says no, until clients are told, in ms,
    /// 0..=600,000.
    pub drain_ms: u32,
    /// Time over which clients are asked to come back after a shutdown, in ms, 0..=600,000.
    pub reconnect_spread_ms: u32,
    /// Longest time that a shutdown may take before connections are cut, in ms, 100..=600,000.
    pub shutdown_ms: u32,
}

/// A header in which a proxy says whom it speaks for. Only one is read: what a proxy does not write
/// itself it may pass on as a client wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarded {
    /// `X-Forwarded-For`, what most write.
    For,
    /// `Forwarded` (RFC 7239).
    Standard,
}

/// `[http.tls]`: a certificate, and when its files are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tls {
    /// PEM file with the certificate, those that vouch for it after it.
    pub cert: PathBuf,
    /// PEM file with its key.
    pub key: PathBuf,
    /// Time between two looks whether the files have changed, in ms, 100..=86,400,000.
    pub check_ms: u32,
}

impl Http {
    pub(crate) fn read(section: &Section<'_>) -> Result<Self, Error> {
        let allowed_origins = section.list("allowed_origins")?;
        if !allowed_origins.iter().all(|origin| is_origin(origin)) {
            let expected = "origins like \"https://example.org\", without a path or pattern";
            return Err(section.refusal("allowed_origins", expected));
        }
        let flush_ms_min = section.number("flush_ms_min", 0..=1_000)?;
        Ok(Self {
            listen: section.parsed(
                "listen",
                "an address and port like \"127.0.0.1:8080\"",
                |text| text.parse().ok(),
            )?,
            tls: Tls::read(section)?,
            workers: section.number("workers", 0..=256)?,
            allowed_origins,
            public_url: section.parsed("public_url", "a URL or nothing", |text| {
                (text.is_empty() || rest_of_web_url(text).is_some()).then(|| text.to_owned())
            })?,
            trusted_proxies: proxies(section)?,
            forwarded: section.parsed(
                "forwarded",
                "\"x-forwarded-for\" or \"forwarded\"",
                |text| match text {
                    "x-forwarded-for" => Some(Forwarded::For),
                    "forwarded" => Some(Forwarded::Standard),
                    _ => None,
                },
            )?,
            flush_ms_min,
            flush_ms_max: section.number("flush_ms_max", flush_ms_min..=1_000)?,
            head_timeout_ms: section.number("head_timeout_ms", 100..=600_000)?,
            drain_ms: section.number("drain_ms", 0..=600_000)?,
            reconnect_spread_ms: section.number("reconnect_spread_ms", 0..=600_000)?,
            shutdown_ms: section.number("shutdown_ms", 100..=600_000)?,
        })
    }
}

impl Tls {
    fn read(section: &Section<'_>) -> Result<Option<Self>, Error> {
        let path = |key| section.parsed(key, "a path", |text| Some(PathBuf::from(text)));
        let (cert, key) = (path("tls.cert")?, path("tls.key")?);
        let check_ms = section.number("tls.check_ms", 100..=86_400_000)?;
        match (cert.as_os_str().is_empty(), key.as_os_str().is_empty()) {
            (true, true) => Ok(None),
            (false, false) => Ok(Some(Self { cert, key, check_ms })),
            (true, false) => Err(section.refusal("tls.cert", "a path, as http.tls.key has one")),
            (false, true) => Err(section.refusal("tls.key", "a path, as http.tls.cert has one")),
        }
    }
}

fn proxies(section: &Section<'_>) -> Result<Vec<Network>, Error> {
    let texts = section.list("trusted_proxies")?;
    let networks: Option<Vec<_>> = texts.iter().map(|text| Network::parse(text)).collect();
    let expected = "addresses and networks like \"127.0.0.1\" or \"10.0.0.0/8\"";
    networks.ok_or_else(|| section.refusal("trusted_proxies", expected))
}

fn is_origin(text: &str) -> bool {
    let in_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    rest_of_web_url(text).is_some_and(|host| host.bytes().all(in_host))
}

fn rest_of_web_url(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    (!rest.is_empty()).then_some(rest)
}
