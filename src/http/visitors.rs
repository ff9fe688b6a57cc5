//! Who is connected: counts against the limits of all and of one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::config::limits::Limits;
use crate::config::limits::Loopback;

/// Counts connections of all workers.
#[derive(Debug)]
pub struct Visitors {
    connections: usize,
    per_ip: usize,
    loopback: Loopback,
    present: Mutex<Present>,
}

#[derive(Debug, Default)]
struct Present {
    all: usize,
    /// Of addresses that are counted; those with none are not in it.
    by_ip: HashMap<IpAddr, usize>,
}

/// One connection; it is counted until it is dropped.
#[derive(Debug)]
pub struct Visit {
    visitors: Arc<Visitors>,
    counted: Option<IpAddr>,
}

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// `limits.connections`, which has this value.
    House(usize),
    /// `limits.connections_per_ip`, which has this value.
    Address(usize),
}

impl Visitors {
    /// Nobody yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            connections: limits.connections,
            per_ip: limits.connections_per_ip,
            loopback: limits.loopback,
            present: Mutex::default(),
        }
    }

    /// Counts one more, from an address if that is known.
    ///
    /// # Errors
    /// [`Crowded`] if it is one too many.
    pub fn enter(self: &Arc<Self>, from: Option<IpAddr>) -> Result<Visit, Crowded> {
        let exempt = |ip: &IpAddr| ip.is_loopback() && self.loopback == Loopback::Exempt;
        let counted = from.map(|ip| ip.to_canonical()).filter(|ip| !exempt(ip));
        let mut present = self.present();
        if present.all >= self.connections {
            return Err(Crowded::House(self.connections));
        }
        if let Some(ip) = counted {
            let count = present.by_ip.entry(ip).or_default();
            if *count >= self.per_ip {
                return Err(Crowded::Address(self.per_ip));
            }
            *count += 1;
        }
        present.all += 1;
        drop(present);
        Ok(Visit { visitors: Arc::clone(self), counted })
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut present = self.visitors.present();
        present.all = present.all.saturating_sub(1);
        if let Some(ip) = self.counted
            && let Some(count) = present.by_ip.get_mut(&ip)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                present.by_ip.remove(&ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitors(loopback: Loopback) -> Arc<Visitors> {
        let (connections, per_ip) = (3, 2);
        Arc::new(Visitors { connections, per_ip, loopback, present: Mutex::default() })
    }

    #[test]
    fn an_address_and_the_house_have_room_for_so_many() {
        let visitors = visitors(Loopback::Counted);
        let from = |ip: &str| visitors.enter(Some(ip.parse().unwrap()));
        let first = from("127.0.0.1").unwrap();
        let _second = from("127.0.0.1").unwrap();
        assert_eq!(from("127.0.0.1").unwrap_err(), Crowded::Address(2));
        assert_eq!(from("::ffff:127.0.0.1").unwrap_err(), Crowded::Address(2));
        let _third = from("::1").unwrap();
        assert_eq!(from("::1").unwrap_err(), Crowded::House(3));
        drop(first);
        let _fourth = from("127.0.0.1").unwrap();
    }

    #[test]
    fn this_machine_may_be_exempt() {
        let visitors = visitors(Loopback::Exempt);
        let from = |ip: &str| visitors.enter(Some(ip.parse().unwrap()));
        let _all: Vec<_> = (0..3).map(|_| from("127.0.0.1").unwrap()).collect();
        assert_eq!(from("127.0.0.1").unwrap_err(), Crowded::House(3));
        drop(_all);
        assert!(visitors.present().by_ip.is_empty() && visitors.present().all == 0);
    }
}
