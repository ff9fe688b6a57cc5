//! Times as a histogram: three digits of each, from 1 µs to a minute and a half.

use hdrhistogram::Histogram;
use serde::Serialize;

const MICROS_MAX: u64 = 100_000_000;

/// How long things took.
#[derive(Debug)]
pub struct Latency {
    /// In µs. `None` would be a histogram that cannot be made, which its bounds exclude.
    histogram: Option<Histogram<u64>>,
}

/// A summary, in µs; all 0 if nothing was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// How many were measured.
    pub count: u64,
    /// Half of all took no longer.
    pub p50_us: u64,
    /// 99 of 100 took no longer.
    pub p99_us: u64,
    /// 999 of 1,000 took no longer.
    pub p999_us: u64,
    /// None took longer.
    pub max_us: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { histogram: Histogram::new_with_bounds(1, MICROS_MAX, 3).ok() }
    }
}

impl Latency {
    /// Takes note of one. What took less than no time, between clocks that differ, counts as 0.
    #[inline]
    pub fn record(&mut self, nanos: i64) {
        let micros = u64::try_from(nanos / 1_000).unwrap_or(0);
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(micros);
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        if let Some(histogram) = &mut self.histogram {
            histogram.reset();
        }
    }

    /// What was measured.
    #[must_use]
    pub fn quantiles(&self) -> Quantiles {
        let Some(histogram) = &self.histogram else { return Quantiles::default() };
        Quantiles {
            count: histogram.len(),
            p50_us: histogram.value_at_quantile(0.5),
            p99_us: histogram.value_at_quantile(0.99),
            p999_us: histogram.value_at_quantile(0.999),
            max_us: histogram.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantiles(), Quantiles::default());
        (1..=1_000).for_each(|micros| latency.record(micros * 1_000));
        let quantiles = latency.quantiles();
        assert_eq!((quantiles.count, quantiles.p50_us, quantiles.p99_us), (1_000, 500, 990));
        assert_eq!((quantiles.p999_us, quantiles.max_us), (999, 1_000));
        latency.clear();
        assert_eq!(latency.quantiles().count, 0);
    }

    #[test]
    fn what_is_out_of_range_is_counted_at_its_end() {
        let mut latency = Latency::default();
        latency.record(-5_000);
        latency.record(i64::MAX);
        let quantiles = latency.quantiles();
        assert_eq!(quantiles.count, 2);
        assert!(quantiles.max_us >= MICROS_MAX);
    }
}
