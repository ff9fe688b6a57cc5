//! `tickwire serve`: its flags, and the words with which it says where it serves.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::config::Config;
use crate::config::Loaded;
use crate::config::Sources;
use crate::config::environment;
use crate::config::error::Error;
use crate::config::feed::FeedFlag;
use crate::config::feed::FeedInput;

/// Flags that lie over all other settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct Serve {
    /// The flags.
    #[command(flatten)]
    pub flags: Flags,
}

/// Flags that lie over all other settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Flags {
    /// File of settings that differ from the defaults
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to serve on; port 0 takes any free one
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Directory of the tape
    #[arg(long, visible_alias = "tape", value_name = "DIR")]
    pub tape_dir: Option<String>,
    /// A feed to run: binance:BTC-USDT,ETH-USDT, kraken, sim:50, file:PATH, replay:TAPE; may be
    /// repeated
    #[arg(long, value_name = "VENUE:SYM,SYM", value_parser = FeedFlag::parse)]
    pub feed: Vec<FeedFlag>,
    /// Run the venues that need no key, with their main pairs
    #[arg(long)]
    pub live: bool,
}

const EXAMPLES: &str = "\
The first SIGINT or SIGTERM asks clients to come back and closes the tape, a second ends at once.

Examples:
  tickwire serve --live
  tickwire serve --listen 127.0.0.1:9000 --feed binance:BTC-USDT,SOL-USDT --feed kraken:ETH-USD";

impl Flags {
    /// Reads the settings that defaults, file, environment and these flags make together.
    ///
    /// # Errors
    /// [`Error`], for the first thing that is wrong.
    pub fn load(&self) -> Result<Loaded, Error> {
        self.load_over(&environment()?)
    }

    fn load_over(&self, env: &[(String, String)]) -> Result<Loaded, Error> {
        let (overrides, feeds) = self.settings();
        let file = self.config.as_deref();
        Config::load(Sources { file, env, overrides: &overrides, feeds: &feeds })
    }

    /// All that is wrong with the settings.
    pub(super) fn errors(&self) -> Vec<Error> {
        let env = match environment() {
            Ok(env) => env,
            Err(error) => return vec![error],
        };
        let (overrides, feeds) = self.settings();
        let file = self.config.as_deref();
        Config::errors(Sources { file, env: &env, overrides: &overrides, feeds: &feeds })
    }

    /// What the flags set.
    fn settings(&self) -> (Vec<(String, String)>, Vec<FeedFlag>) {
        let flags = [("http.listen", &self.listen), ("tape.dir", &self.tape_dir)];
        let overrides = flags
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)))
            .collect();
        let live = if self.live { FeedFlag::live() } else { Vec::new() };
        (overrides, self.feed.iter().cloned().chain(live).collect())
    }
}

/// What `serve` says when it serves: where, what, and what to try.
#[must_use]
pub fn banner(config: &Config, address: SocketAddr, epoch: &str) -> String {
    let here = reachable(address);
    let example = example(config);
    let secure = config.http.tls.is_some();
    let (http, ws) = if secure { ("https", "wss") } else { ("http", "ws") };
    let url = match (&config.http.tls, config.http.public_url.as_str()) {
        (None, _) if address.port() == 8080 => String::new(),
        (None, _) => format!(" --url {ws}://{here}"),
        // A certificate is for a name, which only the operator knows; its authority may be unknown.
        (Some(tls), "") => {
            let (port, ca) = (here.port(), tls.cert.display());
            format!(" --url wss://localhost:{port} --ca {ca}")
        }
        (Some(_), public) => format!(" --url {public}"),
    };
    format!(
        "tickwire {version} listening on {http}://{address}\n\
         \x20 page: {http}://{here}/\n\
         \x20 stream: {ws}://{here}/v1/stream\n\
         \x20 tape: {tape} (epoch {epoch})\n\
         \x20 try: tickwire sub {example}{url}",
        version = env!("CARGO_PKG_VERSION"),
        tape = config.tape.dir.display(),
    )
}

/// Where this machine reaches an address that may stand for all of its own.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        _ => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port()),
    }
}

/// A symbol that will be there.
fn example(config: &Config) -> String {
    let symbols = config.feeds.iter().filter_map(|feed| match &feed.input {
        FeedInput::Sim(_) => Some("sim:BTC-USD".to_owned()),
        FeedInput::Venue(input) => input.symbols.first().map(ToString::to_string),
        FeedInput::File(_) => Some(format!("'{}:*'", feed.name)),
    });
    symbols.take(1).next().unwrap_or_else(|| "'*:*'".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_lie_over_the_environment() {
        let env = [("TICKWIRE__HTTP__LISTEN".to_owned(), "127.0.0.1:1".to_owned())];
        let flags = Flags {
            listen: Some("127.0.0.1:2".to_owned()),
            tape_dir: Some("elsewhere".to_owned()),
            ..Flags::default()
        };
        let config = flags.load_over(&env).unwrap().config;
        assert_eq!(config.http.listen.port(), 2);
        assert_eq!(config.tape.dir, PathBuf::from("elsewhere"));
        assert_eq!(Flags::default().load_over(&env).unwrap().config.http.listen.port(), 1);
    }

    #[test]
    fn live_runs_every_venue_without_a_key() {
        let feed = vec![FeedFlag::parse("binance:SOL-USDT").unwrap()];
        let config = Flags { live: true, feed, ..Flags::default() }.load_over(&[]).unwrap().config;
        let names: Vec<&str> = config.feeds.iter().map(|feed| feed.name.as_str()).collect();
        assert_eq!(names, ["binance", "coinbase", "kraken"]);
        assert_eq!(example(&config), "binance:SOL-USDT");
    }

    #[test]
    fn the_banner_names_what_can_be_copied() {
        let config = Flags::default().load_over(&[]).unwrap().config;
        let text = banner(&config, "127.0.0.1:8080".parse().unwrap(), "k3v9");
        assert!(text.contains("listening on http://127.0.0.1:8080\n"), "{text}");
        assert!(text.contains("data/tape (epoch k3v9)"), "{text}");
        assert!(text.contains("page: http://127.0.0.1:8080/\n"), "{text}");
        assert!(text.ends_with("try: tickwire sub sim:BTC-USD"), "{text}");
        let text = banner(&config, "0.0.0.0:9000".parse().unwrap(), "k3v9");
        assert!(text.ends_with("sub sim:BTC-USD --url ws://127.0.0.1:9000"), "{text}");
        let tls = [("CERT", "c.pem"), ("KEY", "k.pem")]
            .map(|(key, path)| (format!("TICKWIRE__HTTP__TLS__{key}"), path.to_owned()));
        let config = Flags::default().load_over(&tls).unwrap().config;
        let text = banner(&config, "127.0.0.1:8443".parse().unwrap(), "k3v9");
        assert!(text.ends_with("--url wss://localhost:8443 --ca c.pem"), "{text}");
    }
}
