//! What a load consists of: which connection subscribes to what, and what happens when.

use std::io;
use std::net::SocketAddr;
use std::net::ToSocketAddrs as _;
use std::time::Duration;

use serde_json::json;
use tickwire_feeds::Error;
use tickwire_feeds::Feed as _;
use tickwire_feeds::Nanos;
use tickwire_feeds::Tick;
use tickwire_feeds::feed::Output;
use tickwire_feeds::sim;
use tickwire_feeds::sim::Sim;

use crate::wire::Secret;

/// Symbols in one operation: below any `limits.message_bytes` even if each is of the longest.
const SYMBOLS_PER_OP: usize = 500;

/// A load.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the server listens.
    pub server: SocketAddr,
    /// What it is called in the `Host` header.
    pub host: String,
    /// The path of the stream.
    pub path: String,
    /// What each connection shows, if anything.
    pub token: Option<Secret>,
    /// The symbols to choose from, each once, at least one.
    pub symbols: Vec<String>,
    /// How many connections, at least one.
    pub connections: usize,
    /// Symbols of each, 1 to the number of symbols.
    pub streams: usize,
    /// The channel, as the protocol has it.
    pub channel: String,
    /// Time between two snapshots, in ms; 0 for every change.
    pub conflate_ms: u64,
    /// What happens when a client's buffer is full, as the protocol has it; `None`: the default.
    pub slow: Option<String>,
    /// Connections that read nothing for a while, from the end of the warm-up on.
    pub stalled: usize,
    /// For how long.
    pub stall_for: Duration,
    /// Streams that are subscribed again, in a second, over all connections.
    pub churn_per_s: u64,
    /// Handshakes under way at a time, at least one.
    pub opening: usize,
    /// Time between the first snapshots and the measured time.
    pub warm_up: Duration,
    /// The measured time.
    pub measure: Duration,
    /// How long to wait for one more connection to become whole before giving up.
    pub patience: Duration,
    /// The server's process, if it runs here.
    pub pid: Option<u32>,
}

impl Plan {
    /// A load of nothing unusual on a server: every connection all of `symbols`.
    #[must_use]
    pub fn new(server: SocketAddr, symbols: Vec<String>) -> Self {
        Self {
            server,
            host: server.to_string(),
            path: "/v1/stream".to_owned(),
            token: None,
            streams: symbols.len(),
            symbols,
            connections: 1,
            channel: "ticker".to_owned(),
            conflate_ms: 0,
            slow: None,
            stalled: 0,
            stall_for: Duration::ZERO,
            churn_per_s: 0,
            opening: 256,
            warm_up: Duration::from_secs(1),
            measure: Duration::from_secs(5),
            patience: Duration::from_secs(30),
            pid: None,
        }
    }

    /// The place in the list of a connection's first symbol. Its others follow, round the list's
    /// end, so that no symbol has two listeners more than another.
    #[must_use]
    pub fn first(&self, connection: usize) -> usize {
        connection.wrapping_mul(self.streams) % self.symbols.len().max(1)
    }

    /// The symbols of a connection.
    pub fn symbols_of(&self, connection: usize) -> impl Iterator<Item = &str> {
        let all = self.symbols.iter().cycle().skip(self.first(connection)).take(self.streams);
        all.map(String::as_str)
    }

    /// The operations by which a connection subscribes to all of its streams.
    #[must_use]
    pub fn subscribe(&self, connection: usize) -> Vec<String> {
        let symbols: Vec<&str> = self.symbols_of(connection).collect();
        symbols.chunks(SYMBOLS_PER_OP).map(|symbols| self.operation(symbols)).collect()
    }

    /// The operation that subscribes to some symbols.
    #[must_use]
    pub fn operation(&self, symbols: &[&str]) -> String {
        let mut op = json!({ "op": "subscribe", "channel": self.channel, "symbols": symbols });
        if let Some(op) = op.as_object_mut() {
            if self.conflate_ms > 0 {
                op.insert("conflate_ms".to_owned(), self.conflate_ms.into());
            }
            if let Some(slow) = &self.slow {
                op.insert("slow".to_owned(), slow.as_str().into());
            }
        }
        op.to_string()
    }
}

/// Where a server is, from `HOST:PORT`.
///
/// # Errors
/// What the system says about the name.
pub fn resolve(host_and_port: &str) -> io::Result<SocketAddr> {
    let found = host_and_port.to_socket_addrs()?.next();
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no address of that name"))
}

/// The names of the simulator's first symbols.
///
/// # Errors
/// As [`Sim::new`], for more symbols than it has.
pub fn sim_symbols(count: u32) -> Result<Vec<String>, Error> {
    let mut sim = Sim::new(sim::Settings { symbols: count, ..sim::Settings::default() })?;
    let mut out = Output::default();
    sim.on_open(Nanos(0), &mut out);
    let names = out.ticks.into_iter().filter_map(|tick| match tick {
        Tick::Listed(listing) => Some(listing.symbol.as_str().to_owned()),
        _ => None,
    });
    Ok(names.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use crate::wire::op;

    fn plan(symbols: usize, connections: usize, streams: usize) -> Plan {
        let names = (0..symbols).map(|n| format!("sim:S{n}")).collect();
        let server = SocketAddr::from(([127, 0, 0, 1], 1));
        Plan { connections, streams, ..Plan::new(server, names) }
    }

    #[test]
    fn listeners_are_spread_evenly() {
        for (symbols, connections, streams) in
            [(1, 100, 1), (1_000, 200, 50), (7, 5, 3), (10, 1, 10), (100, 3, 99)]
        {
            let plan = plan(symbols, connections, streams);
            let mut listeners: BTreeMap<&str, usize> = BTreeMap::new();
            for connection in 0..connections {
                let own: Vec<&str> = plan.symbols_of(connection).collect();
                let each: std::collections::BTreeSet<&&str> = own.iter().collect();
                assert_eq!((own.len(), each.len()), (streams, streams));
                own.into_iter().for_each(|name| *listeners.entry(name).or_default() += 1);
            }
            let most = listeners.values().max().unwrap();
            let least =
                if listeners.len() < symbols { 0 } else { *listeners.values().min().unwrap() };
            assert!(most - least <= 1, "{symbols} {connections} {streams}: {listeners:?}");
        }
    }

    #[test]
    fn operations_are_those_of_the_protocol_and_of_bounded_size() {
        let mut plan = plan(1_200, 1, 1_200);
        plan.conflate_ms = 250;
        plan.slow = Some("conflate".to_owned());
        let ops = plan.subscribe(0);
        assert_eq!(ops.len(), 3);
        for text in ops {
            let op = op::parse(text.as_bytes());
            assert!(op.1.is_ok(), "{text}: {op:?}");
        }
    }

    #[test]
    fn the_simulators_symbols_are_named_as_it_names_them() {
        let names = sim_symbols(21).unwrap();
        assert_eq!((names.len(), names[0].as_str()), (21, "sim:BTC-USD"));
        assert_eq!(names[20], "sim:S00021-USD");
        assert!(sim_symbols(0).is_err());
    }
}
