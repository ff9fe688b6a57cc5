//! The roster: which clients are connected, shown to those who watch over the service.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use serde_json::Value;
use serde_json::json;
use tickwire_feeds::Nanos;

use crate::hub::gauge::Gauge;

/// Clients that one answer names.
const SHOWN_MAX: usize = 500;

/// A client's number: no other one of this process has it.
pub(super) type Number = NonZeroU64;

/// Clients that are connected, by number.
#[derive(Debug, Default)]
pub(super) struct Roster {
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    taken: BTreeMap<Number, Seat>,
    last: u64,
}

/// One client.
#[derive(Debug)]
pub(super) struct Seat {
    /// Where it connects from, as far as that is known.
    pub(super) remote: Option<IpAddr>,
    /// The path by which it came in.
    pub(super) way: &'static str,
    /// Since when.
    pub(super) since: Nanos,
    /// How it does; a replay has none.
    pub(super) gauge: Option<Arc<Gauge>>,
}

impl Roster {
    /// One client more.
    pub(super) fn enter(&self, seat: Seat) -> Number {
        let mut seats = self.seats();
        seats.last += 1;
        let number = Number::new(seats.last).unwrap_or(Number::MIN);
        seats.taken.insert(number, seat);
        number
    }

    /// It is gone.
    pub(super) fn leave(&self, number: Number) {
        self.seats().taken.remove(&number);
    }

    /// Lets a client go, and tells who it was; `None` if there is none of this number that can be.
    pub(super) fn dismiss(&self, number: Number) -> Option<(Option<IpAddr>, &'static str)> {
        let seats = self.seats();
        let seat = seats.taken.get(&number)?;
        seat.gauge.as_ref()?.dismiss();
        Some((seat.remote, seat.way))
    }

    /// Those who were first, and how many there are besides.
    pub(super) fn to_json(&self) -> Value {
        let seats = self.seats();
        let rows: Vec<Value> = seats
            .taken
            .iter()
            .take(SHOWN_MAX)
            .map(|(number, seat)| seat.to_json(*number))
            .collect();
        json!({ "clients": rows, "left_off": seats.taken.len().saturating_sub(SHOWN_MAX) })
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    fn to_json(&self, number: Number) -> Value {
        let gauge = self.gauge.as_deref();
        json!({
            "id": number,
            "way": self.way,
            "remote": self.remote.map(|ip| ip.to_string()),
            "since": self.since.to_string(),
            "streams": gauge.map(|gauge| gauge.streams.get()),
            "waiting_bytes": gauge.map(|gauge| gauge.waiting_bytes.get()),
            "skipped": gauge.map(|gauge| gauge.skipped.get()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat() -> Seat {
        let since = Nanos::parse_rfc3339("2026-11-21T03:30:00Z").unwrap();
        Seat { remote: None, way: "/v1/stream", since, gauge: Some(Arc::default()) }
    }

    #[test]
    fn who_left_is_not_shown_and_many_are_counted() {
        let roster = Roster::default();
        let first = roster.enter(seat());
        for _ in 0..SHOWN_MAX + 1 {
            roster.enter(seat());
        }
        roster.leave(first);
        let shown = roster.to_json();
        assert_eq!(shown["clients"].as_array().unwrap().len(), SHOWN_MAX);
        assert_eq!((&shown["clients"][0]["id"], &shown["left_off"]), (&2.into(), &1.into()));
        assert_eq!(shown["clients"][0]["streams"], 0);
    }
}
