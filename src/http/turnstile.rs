//! A turnstile: how often an address may do something in a second.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use crate::config::limits::Loopback;
use crate::http::visitors::counted_as;

/// Addresses that are remembered; those beyond them pass. Each is forgotten within a burst's time.
const ADDRESSES_MAX: usize = if cfg!(test) { 8 } else { 65_536 };

/// Lets clients of all workers pass, or not.
#[derive(Debug)]
pub struct Turnstile {
    held: Mutex<Held>,
}

/// How often.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Times in a second, at least 1.
    pub per_s: u32,
    /// What this time's worth is may come at once.
    pub burst: Duration,
    /// Whether this machine is counted.
    pub loopback: Loopback,
}

#[derive(Debug)]
struct Held {
    pace: Pace,
    /// By address, when it will have made up for all that it did.
    even_at: HashMap<IpAddr, Instant>,
}

impl Turnstile {
    /// Nobody has come yet.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        Self { held: Mutex::new(Held { pace, even_at: HashMap::new() }) }
    }

    /// Another pace from now on.
    pub fn set_pace(&self, pace: Pace) {
        self.held().pace = pace;
    }

    /// Whether an address would pass.
    pub fn is_open(&self, ip: IpAddr, now: Instant) -> bool {
        self.held().judge(counted_as(ip), now).is_ok()
    }

    /// An address comes once more.
    ///
    /// # Errors
    /// How long the address has to wait, if that is one too many.
    pub fn pass(&self, ip: IpAddr, now: Instant) -> Result<(), Duration> {
        let ip = counted_as(ip);
        let mut held = self.held();
        let Some(after) = held.judge(ip, now)? else { return Ok(()) };
        if held.even_at.len() >= ADDRESSES_MAX && !held.even_at.contains_key(&ip) {
            held.even_at.retain(|_, even_at| *even_at > now);
        }
        if held.even_at.len() < ADDRESSES_MAX || held.even_at.contains_key(&ip) {
            held.even_at.insert(ip, after);
        }
        Ok(())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// When an address will have made up for coming now, if it is counted; else how long it has to
    /// wait.
    fn judge(&self, ip: IpAddr, now: Instant) -> Result<Option<Instant>, Duration> {
        if ip.is_loopback() && self.pace.loopback == Loopback::Exempt {
            return Ok(None);
        }
        let even_at = self.even_at.get(&ip).copied().unwrap_or(now).max(now);
        let after = even_at + Duration::from_secs(1) / self.pace.per_s.max(1);
        let wait = after.saturating_duration_since(now + self.pace.burst);
        if wait.is_zero() { Ok(Some(after)) } else { Err(wait) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turnstile(per_s: u32, loopback: Loopback) -> Turnstile {
        Turnstile::new(Pace { per_s, burst: Duration::from_secs(1), loopback })
    }

    #[test]
    fn a_burst_of_one_second_passes_then_a_steady_rate() {
        let turnstile = turnstile(50, Loopback::Exempt);
        let start = crate::clock::monotonic();
        let at = |ip: &str, ms: u64| {
            turnstile.pass(ip.parse().unwrap(), start + Duration::from_millis(ms))
        };
        assert!((0..50).all(|_| at("10.0.0.1", 0).is_ok()));
        assert_eq!(at("10.0.0.1", 0), Err(Duration::from_millis(20)));
        assert!(!turnstile.is_open("10.0.0.1".parse().unwrap(), start));
        assert_eq!(at("10.0.0.1", 20), Ok(()));
        assert!(at("10.0.0.1", 21).is_err());
        assert_eq!(at("10.0.0.2", 21), Ok(()), "another address");
        assert!((0..200).all(|_| at("127.0.0.1", 0).is_ok()), "exempt");
        assert!((0..50).all(|_| at("10.0.0.1", 2_000).is_ok()));
        assert!(at("10.0.0.1", 2_000).is_err());
    }

    #[test]
    fn this_machine_may_be_counted() {
        let turnstile = turnstile(1, Loopback::Counted);
        let (ip, now) = ("::1".parse().unwrap(), crate::clock::monotonic());
        assert!(turnstile.pass(ip, now).is_ok() && turnstile.pass(ip, now).is_err());
    }

    #[test]
    fn not_more_than_so_many_addresses_are_remembered() {
        let turnstile = turnstile(1, Loopback::Exempt);
        let start = crate::clock::monotonic();
        let at = |last: u8, s: u64| {
            turnstile.pass(IpAddr::from([10, 0, 0, last]), start + Duration::from_secs(s))
        };
        assert!((0..200).all(|last| at(last, 0).is_ok()));
        assert_eq!(turnstile.held().even_at.len(), ADDRESSES_MAX);
        assert!(at(0, 0).is_err());
        assert!(at(200, 2).is_ok());
        assert_eq!(turnstile.held().even_at.len(), 1);
    }
}
