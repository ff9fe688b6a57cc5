//! What must be reached: the store, and the venues.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite;

use crate::cli::doctor::finding::Finding;
use crate::clock;
use crate::config::Config;
use crate::config::feed::Decode;
use crate::config::feed::FeedConfig;
use crate::config::feed::FeedInput;
use crate::config::feed::FileInput;
use crate::history;
use crate::store;
use crate::store::Error;
use crate::store::Settings;
use crate::store::schema;
use crate::store::schema::Standing;

/// Longest time for a venue to answer.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Between two clocks that are set well.
const SKEW_MS: u64 = 2_000;

/// The database; `None` if there is to be none.
pub(super) async fn store(config: &Config) -> Option<Finding> {
    let (of, settings) = ("store", Settings::of(&config.store)?);
    let url = settings.url.to_string();
    let steps = match schema::status(&settings).await {
        Ok(steps) => steps,
        Err(error) => {
            return Some(Finding::bad(of, format!("{url}: {error}"), "see store.url"));
        }
    };
    Some(match schema::check(&steps) {
        Ok(()) => skew(&settings).await,
        Err(Error::Behind { .. }) => {
            let missing = steps.iter().filter(|step| step.standing == Standing::Pending).count();
            Finding::ok(of, format!("{url}: `serve` will apply {missing} migrations"))
        }
        Err(error) => Finding::bad(of, format!("{url}: {error}"), "run the version that made it"),
    })
}

async fn skew(settings: &Settings) -> Finding {
    let (of, url) = ("store", settings.url.to_string());
    match store::time(settings).await {
        Ok(there) => {
            let apart_ms = clock::now().0.abs_diff(there.0) / 1_000_000;
            if apart_ms > SKEW_MS {
                let found = format!("{url}: its clock is {apart_ms} ms from this one");
                return Finding::fair(of, found, "let NTP set both");
            }
            Finding::ok(of, format!("{url}: migrated, clocks agree"))
        }
        Err(error) => Finding::bad(of, format!("{url}: {error}"), "see store.url"),
    }
}

/// A feed's source.
pub(super) async fn feed(feed: &FeedConfig, config: &Config) -> Finding {
    let of = format!("feed {}", feed.name);
    match &feed.input {
        FeedInput::Sim(sim) => Finding::ok(&of, format!("{} made-up symbols", sim.symbols)),
        FeedInput::File(input) => recording(&of, input, &config.tape.dir),
        FeedInput::Venue(input) => {
            let begun = clock::monotonic();
            match tokio::time::timeout(CONNECT_MAX, connect_async(&input.url)).await {
                Ok(Ok(_)) => Finding::ok(&of, reached(&input.url, begun)),
                Ok(Err(error)) => Finding::bad(&of, format!("{}: {error}", input.url), fix(&error)),
                Err(_) => {
                    let found = format!("{}: no answer within 5 s", input.url);
                    Finding::bad(&of, found, "look at the network and its firewall")
                }
            }
        }
    }
}

fn reached(url: &str, begun: Instant) -> String {
    let took = clock::monotonic().duration_since(begun);
    format!("{url} answers in {} ms", took.as_millis())
}

fn recording(of: &str, input: &FileInput, tape_dir: &Path) -> Finding {
    let path = input.path.as_path();
    let is_imported = matches!(input.decode, Decode::Tape { .. })
        && history::imports(tape_dir).join(path).is_dir();
    match std::fs::metadata(path) {
        Err(error) if !is_imported => {
            Finding::bad(of, format!("{}: {error}", path.display()), "see the feed's path")
        }
        _ => Finding::ok(of, format!("{} is there", path.display())),
    }
}

const fn fix(error: &tungstenite::Error) -> &'static str {
    match error {
        tungstenite::Error::Io(_) => "look at DNS, the network and its firewall",
        tungstenite::Error::Tls(_) => "look at this machine's clock, and for a proxy in between",
        tungstenite::Error::Http(_) => "the venue refuses: see its status page and the feed's url",
        _ => "see the feed's url",
    }
}
