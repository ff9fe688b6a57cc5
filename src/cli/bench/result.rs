//! What `bench` says when it is done, and whether that is good.

use std::fmt;

use serde::Serialize;

use crate::cli::bench::target::Clocks;
use crate::cli::failure::Failure;
use crate::load::ramp::Step;
use crate::load::report::Grouped;
use crate::load::report::Hundredths;
use crate::load::report::Report;

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    #[serde(flatten)]
    pub(super) report: Report,
    pub(super) clocks: Clocks,
    /// Offered by the server that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ticks_per_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ramp: Option<Vec<Step>>,
}

impl Outcome {
    /// One object in one line.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| format!("{{\"error\":\"{error}\"}}"))
    }

    /// The failure that the exit code tells of.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let faults = self.report.faults;
        if self.ramp.is_some() {
            return match self.ticks_per_s {
                Some(_) => Ok(()),
                None => Err(Failure::General("the server kept up with no rate".to_owned())),
            };
        }
        if faults.data() {
            return Err(Failure::Missing(faults.to_string()));
        }
        if faults.any() {
            return Err(Failure::Connection(faults.to_string()));
        }
        match self.report.recovered {
            Some(recovered) if recovered.whole + recovered.closed < recovered.stalled => {
                let left = recovered.stalled - recovered.whole - recovered.closed;
                Err(Failure::Missing(format!("{left} connections did not become whole again")))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in self.ramp.iter().flatten() {
            writeln!(
                f,
                "{:>12} ticks/s {:>14} messages/s {:>9} MB/s  p99 {:>8} ms  {}",
                Grouped(step.ticks_per_s),
                Grouped(step.messages_per_s),
                Hundredths(step.bytes_per_s / 10_000),
                Hundredths(step.p99_us / 10),
                if step.kept_up { "kept up" } else { "too much" },
            )?;
        }
        if self.ramp.is_some() {
            writeln!(f)?;
        }
        if let Some(ticks) = self.ticks_per_s {
            writeln!(f, "{:<18} {}", "ticks offered/s", Grouped(ticks))?;
        }
        write!(f, "{}", self.report)?;
        if self.clocks == Clocks::MaybeTwo {
            write!(f, "\nlatency is the difference of two machines' clocks")?;
        }
        Ok(())
    }
}
