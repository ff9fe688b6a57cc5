//! Who is connected: counts against the limits of all and of one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::config::limits::Limits;
use crate::config::limits::Loopback;

/// Sockets of one address besides those of its connections: handshakes and heads that are not there
/// yet, requests, and refusals on their way.
const SOCKETS_BESIDES: usize = 256;

/// Counts connections of all workers.
#[derive(Debug)]
pub struct Visitors {
    present: Mutex<Present>,
}

#[derive(Debug)]
struct Present {
    all: usize,
    most: usize,
    connections: Room,
    replays: Room,
    sockets: Room,
}

/// How many of each address are here, and may be.
#[derive(Debug)]
struct Room {
    most: usize,
    loopback: Loopback,
    /// Of addresses that are counted; those with none are not in it.
    by_ip: HashMap<IpAddr, usize>,
}

/// One connection, replay or socket; it is counted until it is dropped.
#[derive(Debug)]
pub struct Visit {
    visitors: Arc<Visitors>,
    counted: Option<IpAddr>,
    aim: Aim,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aim {
    Connection,
    Replay,
    Socket,
}

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crowded {
    /// `limits.connections`, which has this value.
    House(usize),
    /// `limits.connections_per_ip`, which has this value.
    Address(usize),
    /// `limits.replays_per_ip`, which has this value.
    Replays(usize),
}

/// As what an address is counted: of IPv6 by its network, as anyone has 2^64 addresses of that.
#[must_use]
pub(super) fn counted_as(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)))
        }
        ip => ip,
    }
}

impl Visitors {
    /// Nobody yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let room = || Room { most: 0, loopback: Loopback::Exempt, by_ip: HashMap::new() };
        let (connections, replays, sockets) = (room(), room(), room());
        let present = Present { all: 0, most: 0, connections, replays, sockets };
        let visitors = Self { present: Mutex::new(present) };
        visitors.limit(limits);
        visitors
    }

    /// New limits for those who come from now on.
    pub fn limit(&self, limits: &Limits) {
        let mut present = self.present();
        present.most = limits.connections;
        present.connections.most = limits.connections_per_ip;
        present.connections.loopback = limits.loopback;
        present.replays.most = limits.replays_per_ip;
        present.replays.loopback = limits.loopback_replays;
        present.sockets.most = limits.connections_per_ip.saturating_add(SOCKETS_BESIDES);
        present.sockets.loopback = limits.loopback;
    }

    /// Counts one connection more, from an address if that is known.
    ///
    /// # Errors
    /// [`Crowded`] if it is one too many.
    pub fn enter(self: &Arc<Self>, from: Option<IpAddr>) -> Result<Visit, Crowded> {
        let mut present = self.present();
        if present.all >= present.most {
            return Err(Crowded::House(present.most));
        }
        let counted = present.connections.enter(from).map_err(Crowded::Address)?;
        present.all += 1;
        drop(present);
        Ok(Visit { visitors: Arc::clone(self), counted, aim: Aim::Connection })
    }

    /// Counts one replay more, besides its connection.
    ///
    /// # Errors
    /// [`Crowded`] if it is one too many.
    pub fn enter_replay(self: &Arc<Self>, from: Option<IpAddr>) -> Result<Visit, Crowded> {
        let counted = self.present().replays.enter(from).map_err(Crowded::Replays)?;
        Ok(Visit { visitors: Arc::clone(self), counted, aim: Aim::Replay })
    }

    /// Counts one socket more, whatever will be said on it; `None` if it is one too many.
    pub(super) fn enter_socket(self: &Arc<Self>, from: Option<IpAddr>) -> Option<Visit> {
        let counted = self.present().sockets.enter(from).ok()?;
        Some(Visit { visitors: Arc::clone(self), counted, aim: Aim::Socket })
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// As what it was counted, if it was; else how many may be here.
    fn enter(&mut self, from: Option<IpAddr>) -> Result<Option<IpAddr>, usize> {
        let exempt = |ip: &IpAddr| ip.is_loopback() && self.loopback == Loopback::Exempt;
        let Some(ip) = from.map(counted_as).filter(|ip| !exempt(ip)) else { return Ok(None) };
        let count = self.by_ip.get(&ip).copied().unwrap_or_default();
        if count >= self.most {
            return Err(self.most);
        }
        self.by_ip.insert(ip, count + 1);
        Ok(Some(ip))
    }

    fn leave(&mut self, ip: IpAddr) {
        if let Some(count) = self.by_ip.get_mut(&ip) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_ip.remove(&ip);
            }
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut present = self.visitors.present();
        if self.aim == Aim::Connection {
            present.all = present.all.saturating_sub(1);
        }
        if let Some(ip) = self.counted {
            match self.aim {
                Aim::Connection => present.connections.leave(ip),
                Aim::Replay => present.replays.leave(ip),
                Aim::Socket => present.sockets.leave(ip),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitors(loopback: Loopback) -> Arc<Visitors> {
        let room = |most| Room { most, loopback, by_ip: HashMap::new() };
        let (connections, replays, sockets) = (room(2), room(1), room(2));
        let present = Present { all: 0, most: 3, connections, replays, sockets };
        Arc::new(Visitors { present: Mutex::new(present) })
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
        let all: Vec<_> = (0..3).map(|_| from("127.0.0.1").unwrap()).collect();
        assert_eq!(from("127.0.0.1").unwrap_err(), Crowded::House(3));
        drop(all);
        assert!(visitors.present().connections.by_ip.is_empty() && visitors.present().all == 0);
    }

    #[test]
    fn neighbours_in_a_network_of_ipv6_are_one() {
        let visitors = visitors(Loopback::Exempt);
        let from = |ip: &str| visitors.enter(Some(ip.parse().unwrap()));
        let (_first, _second) = (from("2001:db8::1").unwrap(), from("2001:db8::2:0:0:0").unwrap());
        assert_eq!(from("2001:db8::ffff:ffff:ffff:ffff").unwrap_err(), Crowded::Address(2));
        let _third = from("2001:db8:0:1::1").unwrap();
    }

    #[test]
    fn replays_are_counted_by_themselves() {
        let visitors = visitors(Loopback::Counted);
        let from = || visitors.enter_replay(Some("10.0.0.1".parse().unwrap()));
        let first = from().unwrap();
        assert_eq!(from().unwrap_err(), Crowded::Replays(1));
        assert_eq!(visitors.present().all, 0);
        drop(first);
        let _second = from().unwrap();
    }

    #[test]
    fn sockets_are_counted_whatever_is_said_on_them() {
        let visitors = visitors(Loopback::Exempt);
        let from = |ip: &str| visitors.enter_socket(Some(ip.parse().unwrap()));
        let two = [from("10.0.0.1").unwrap(), from("10.0.0.1").unwrap()];
        assert!(from("10.0.0.1").is_none());
        let _other = from("10.0.0.2").unwrap();
        let _local: Vec<_> = (0..9).map(|_| from("127.0.0.1").unwrap()).collect();
        assert_eq!(visitors.present().all, 0);
        drop(two);
        assert!(from("10.0.0.1").is_some());
    }
}
