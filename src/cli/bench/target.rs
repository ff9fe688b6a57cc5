//! What is measured: a server that was named, or one of our own.

use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::ServerName;
use serde::Serialize;

use crate::cli::bench::Bench;
use crate::cli::bench::own::Own;
use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::cli::rest::Rest;
use crate::load::cores::Cores;
use crate::load::plan;
use crate::load::plan::Tls;
use crate::wire::Secret;

/// How long a server may take to name its symbols.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server to measure.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// For the `Host` header.
    pub(super) host: String,
    pub(super) tls: Option<Tls>,
    pub(super) path: String,
    /// What is shown there.
    pub(super) token: Option<Secret>,
    pub(super) symbols: Vec<String>,
    pub(super) pid: Option<u32>,
    pub(super) clocks: Clocks,
    /// Kept as long as it is measured.
    _own: Option<Own>,
}

/// Whether latency is the difference of two readings of one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Clocks {
    /// The server runs on this machine.
    OneMachine,
    /// It may run on another: latency holds the difference of the clocks.
    MaybeTwo,
}

impl Target {
    /// The server that the flags name, or one that is started as they say.
    /// `home` are the processors that this program was given.
    pub(super) fn of(bench: &Bench, ticks: u64, home: &Cores) -> Result<Self, Failure> {
        match &bench.url {
            Some(endpoint) => Self::named(bench, &bench.credential.endpoint(Some(endpoint))?),
            None => Self::started(bench, ticks, home),
        }
    }

    fn named(bench: &Bench, endpoint: &Endpoint) -> Result<Self, Failure> {
        let (host, tls) = (endpoint.host.clone(), tls_of(endpoint)?);
        let unreachable =
            |error| Failure::Connection(format!("cannot reach {}: {error}", endpoint.url));
        let address = plan::resolve(&host).map_err(unreachable)?;
        if let Some(cores) = &bench.cpu {
            pin(cores)?;
        }
        let path = endpoint.url.splitn(4, '/').nth(3).unwrap_or_default();
        let clocks = if address.ip().is_loopback() { Clocks::OneMachine } else { Clocks::MaybeTwo };
        let symbols = Rest::new(endpoint, PATIENCE)?.symbols()?;
        if symbols.is_empty() {
            return Err(Failure::NotFound(format!("{host} has no symbols")));
        }
        Ok(Self {
            address,
            path: format!("/{path}"),
            token: endpoint.token.clone(),
            host,
            tls,
            symbols,
            pid: bench.pid,
            clocks,
            _own: None,
        })
    }

    fn started(bench: &Bench, ticks: u64, home: &Cores) -> Result<Self, Failure> {
        let split = if bench.no_pin { None } else { home.split() };
        let (servers, ours) = split.unzip();
        let servers = bench.server_cpus.clone().or(servers);
        let program = std::env::current_exe()
            .map_err(|error| Failure::General(format!("cannot find this program: {error}")))?;
        let settings = settings(bench, ticks);
        let own = Own::start(&program, &settings, servers.as_ref()).map_err(Failure::General)?;
        if let Some(cores) = bench.cpu.as_ref().or(ours.as_ref()) {
            pin(cores)?;
        }
        let symbols = plan::sim_symbols(u32::try_from(bench.symbols).unwrap_or(u32::MAX))
            .map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(Self {
            address: own.address(),
            host: own.address().to_string(),
            tls: None,
            path: "/v1/stream".to_owned(),
            token: None,
            symbols,
            pid: Some(own.pid()),
            clocks: Clocks::OneMachine,
            _own: Some(own),
        })
    }
}

fn pin(cores: &Cores) -> Result<(), Failure> {
    cores.pin().map_err(|error| Failure::Usage(format!("cannot run on these processors: {error}")))
}

/// Settings of the server that is started; those that were named lie over the others.
fn settings(bench: &Bench, ticks: u64) -> Vec<(String, String)> {
    let connections = bench.connections.saturating_add(1_000).clamp(20_000, 1_000_000);
    let usual = [
        ("http.workers", bench.workers),
        ("feeds.sim.symbols", bench.symbols),
        ("feeds.sim.ticks_per_s", ticks),
        ("limits.symbols", bench.streams.max(10_000)),
        ("limits.connections", connections),
        // A load subscribes as quickly as it can.
        ("limits.ops_per_s", 100_000),
    ];
    let usual = usual.into_iter().map(|(key, value)| (key.to_owned(), value.to_string()));
    usual.chain(bench.set.iter().cloned()).collect()
}

/// How TLS is spoken with a server, if its URL says so.
fn tls_of(endpoint: &Endpoint) -> Result<Option<Tls>, Failure> {
    if !endpoint.is_secure() {
        return Ok(None);
    }
    let trust = endpoint.trust()?;
    let trust = trust.ok_or_else(|| Failure::Usage("wss:// needs --ca FILE".to_owned()))?;
    let name = endpoint.host.rsplit_once(':').map_or(endpoint.host.as_str(), |(name, _)| name);
    let name = name.trim_matches(['[', ']']).to_owned();
    let name = ServerName::try_from(name).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Some(Tls { trust, name }))
}
