//! The turnstile: how many requests an address may make in a second.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use crate::config::limits::Limits;
use crate::config::limits::Loopback;
use crate::http::visitors::counted_as;

/// What may come at once: a second's worth.
const BURST: Duration = Duration::from_secs(1);
/// Addresses that are remembered; those beyond them pass. Each is forgotten within [`BURST`].
const ADDRESSES_MAX: usize = if cfg!(test) { 8 } else { 65_536 };

/// Lets requests of all workers pass, or not.
#[derive(Debug)]
pub struct Turnstile {
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    /// Between two requests that come at a steady pace.
    interval: Duration,
    loopback: Loopback,
    /// By address, when it will have made up for all of its requests.
    even_at: HashMap<IpAddr, Instant>,
}

impl Turnstile {
    /// Nobody has come yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let (interval, loopback) = (Duration::ZERO, Loopback::Exempt);
        let held = Held { interval, loopback, even_at: HashMap::new() };
        let turnstile = Self { held: Mutex::new(held) };
        turnstile.limit(limits);
        turnstile
    }

    /// New limits from now on.
    pub fn limit(&self, limits: &Limits) {
        let mut held = self.held();
        held.interval = Duration::from_secs(1) / limits.requests_per_s.max(1);
        held.loopback = limits.loopback_requests;
    }

    /// One more request of an address.
    ///
    /// # Errors
    /// How long the address has to wait, if that is one too many.
    pub fn pass(&self, ip: IpAddr, now: Instant) -> Result<(), Duration> {
        let ip = counted_as(ip);
        let mut held = self.held();
        if ip.is_loopback() && held.loopback == Loopback::Exempt {
            return Ok(());
        }
        let even_at = held.even_at.get(&ip).copied().unwrap_or(now).max(now);
        let after = even_at + held.interval;
        let wait = after.saturating_duration_since(now + BURST);
        if !wait.is_zero() {
            return Err(wait);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn turnstile(per_second: u32, loopback: Loopback) -> Turnstile {
        let interval = Duration::from_secs(1) / per_second;
        Turnstile { held: Mutex::new(Held { interval, loopback, even_at: HashMap::new() }) }
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
