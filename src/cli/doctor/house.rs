//! What is on this machine: the address, the tape's disk, files and limits.

use std::fs::File;
use std::fs::TryLockError;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use rustix::fs::Access;
use rustix::fs::access;
use rustix::fs::statvfs;

use crate::access::Gate;
use crate::cli::doctor::finding::Finding;
use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::cli::rest::Rest;
use crate::clock;
use crate::config::Config;
use crate::config::auth::Mode;
use crate::descriptors;
use crate::tls::Certificate;

/// What is looked at, in this order.
pub(super) const LOOKS: [fn(&Config) -> Finding; 5] = [address, tls, access_rules, tape, files];

/// Longest time for whoever has the address to say who it is.
const ASK_MAX: Duration = Duration::from_secs(2);
/// What to make of an address that is in use.
const OURS: &str = "fine if that is this server, else choose another with http.listen or --listen";
/// A certificate is to be renewed this long before its end, in seconds.
const RENEWAL_S: i64 = 14 * 86_400;

pub(super) fn settings(config: &Config) -> Finding {
    let names: Vec<&str> = config.feeds.iter().map(|feed| feed.name.as_str()).collect();
    Finding::ok("settings", format!("feeds: {}", names.join(", ")))
}

fn address(config: &Config) -> Finding {
    let (of, listen) = ("address", config.http.listen);
    match TcpListener::bind(listen) {
        Ok(_) => Finding::ok(of, format!("{listen} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let scheme = if config.http.tls.is_some() { "https" } else { "http" };
            let there = Endpoint::parse(&format!("{scheme}://{listen}")).ok();
            let rest = there.and_then(|endpoint| Rest::new(&endpoint, ASK_MAX).ok());
            let healthy = rest.map(|rest| rest.get("/healthz"));
            // Then it speaks TLS, under a certificate that this program does not know.
            let is_doubted = matches!(&healthy, Some(Err(Failure::Connection(said)))
                if said.contains("certificate"));
            let healthy = healthy.and_then(Result::ok);
            let version = healthy.and_then(|answer| Some(answer.body.get("version")?.to_string()));
            match version {
                Some(version) => {
                    let version = version.trim_matches('"').to_owned();
                    Finding::fair(of, format!("tickwire {version} serves at {listen}"), OURS)
                }
                None if is_doubted => {
                    Finding::fair(of, format!("some program serves TLS at {listen}"), OURS)
                }
                None => Finding::bad(
                    of,
                    format!("another program has {listen}"),
                    "end it, or choose another with http.listen or --listen",
                ),
            }
        }
        Err(error) => {
            Finding::bad(of, format!("{listen}: {error}"), "choose another with http.listen")
        }
    }
}

fn tls(config: &Config) -> Finding {
    let of = "tls";
    let Some(files) = &config.http.tls else {
        return Finding::ok(of, "not spoken: http.tls.cert is not set");
    };
    let certificate = match Certificate::read(&files.cert, &files.key) {
        Ok(certificate) => certificate,
        Err(error) => {
            return Finding::bad(of, error.to_string(), "see http.tls.cert and http.tls.key");
        }
    };
    let now = clock::now().0 / 1_000_000_000;
    let (from, until) = (certificate.validity.from, certificate.validity.until);
    let days = (until - now) / 86_400;
    match () {
        () if now < from => {
            Finding::bad(of, "the certificate is not valid yet", "look at this machine's clock")
        }
        () if now > until => Finding::bad(of, "the certificate has expired", "renew it"),
        () if now + RENEWAL_S > until => {
            Finding::fair(of, format!("the certificate expires in {days} days"), "renew it")
        }
        () => Finding::ok(of, format!("the certificate is valid for {days} days")),
    }
}

fn access_rules(config: &Config) -> Finding {
    let (of, auth) = ("access", &config.auth);
    match Gate::open(auth, config.limits.connections_per_subject) {
        Err(error) => Finding::bad(of, error.to_string(), "see the settings of auth"),
        Ok(Some(_)) => Finding::ok(of, format!("auth.mode is {}", auth.mode.word())),
        Ok(None) if config.http.listen.ip().is_loopback() || auth.mode != Mode::None => {
            Finding::ok(of, "open to everyone on this machine")
        }
        Ok(None) => Finding::fair(
            of,
            format!("open to everyone who reaches {}", config.http.listen),
            "set auth.mode, or let a proxy guard it",
        ),
    }
}

fn tape(config: &Config) -> Finding {
    let (of, dir) = ("tape", config.tape.dir.as_path());
    let there = existing(dir);
    if !there.is_dir() {
        let found = format!("{}: that is no directory", there.display());
        return Finding::bad(of, found, "choose another with tape.dir or --tape-dir");
    }
    if let Err(error) = access(there, Access::WRITE_OK | Access::EXEC_OK) {
        let found = format!("{}: {error}", there.display());
        return Finding::bad(of, found, "choose another with tape.dir or --tape-dir");
    }
    let free = match statvfs(there) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
        Err(error) => return Finding::bad(of, format!("{}: {error}", there.display()), ""),
    };
    let writer = if is_locked(dir) { "a running service writes it; " } else { "" };
    let (most, held) = (config.tape.retention_bytes.bytes(), held(dir));
    let found =
        format!("{}: {writer}{} MiB held, {} MiB free", dir.display(), held >> 20, free >> 20);
    if held.saturating_add(free) < most {
        let fix = format!(
            "tape.retention_bytes is {} MiB: lower it, or the tape will stop on a full disk",
            most >> 20
        );
        return Finding::fair(of, found, &fix);
    }
    Finding::ok(of, found)
}

fn files(config: &Config) -> Finding {
    let needed = config.limits.connections;
    match descriptors::raise(needed) {
        Ok(()) => Finding::ok("files", format!("{needed} connections may be open")),
        Err(advice) => Finding::fair("files", advice, "or lower limits.connections"),
    }
}

/// The nearest directory that is there.
fn existing(path: &Path) -> &Path {
    let named = path.ancestors().filter(|path| !path.as_os_str().is_empty());
    named.into_iter().find(|path| path.exists()).unwrap_or(Path::new("."))
}

fn is_locked(dir: &Path) -> bool {
    let lock = File::open(dir.join("lock"));
    lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Bytes of the files in a directory.
fn held(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let sizes = entries.filter_map(|entry| entry.ok()?.metadata().ok());
    sizes.filter(std::fs::Metadata::is_file).map(|metadata| metadata.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_to_be_made_is_judged_by_where_it_will_be() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(existing(&dir.path().join("a/b")), dir.path());
        assert_eq!(existing(Path::new("no/such/thing")), Path::new("."));
    }

    #[test]
    fn a_tape_that_is_written_is_seen_to_be() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_locked(dir.path()));
        let lock = File::create(dir.path().join("lock")).unwrap();
        assert!(!is_locked(dir.path()));
        lock.lock().unwrap();
        assert!(is_locked(dir.path()));
        std::fs::write(dir.path().join("x"), [0; 1000]).unwrap();
        assert_eq!(held(dir.path()), 1000);
    }
}
