//! What a load measured, for people and for programs. All numbers are whole, of small units.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::load::latency::Quantiles;

/// What a load measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Connections.
    pub connections: usize,
    /// Streams of each.
    pub streams: usize,
    /// Symbols to choose from.
    pub symbols: usize,
    /// How the connections were made.
    pub opening: Opening,
    /// The measured time, in ms. It begins after the warm-up.
    pub measured_ms: u64,
    /// What came in it.
    pub flow: Flow,
    /// Messages in a second.
    pub messages_per_s: u64,
    /// Bytes of frames in a second.
    pub bytes_per_s: u64,
    /// Mean bytes of a frame.
    pub bytes_per_message: u64,
    /// Mean messages that one read brought, in hundredths.
    pub messages_per_read_hundredths: u64,
    /// One connection in so many was checked message by message.
    pub checked_one_in: u64,
    /// From the server's reading of a tick to the reading of its message.
    pub latency: Quantiles,
    /// What went wrong, warm-up included.
    pub faults: Faults,
    /// Snapshots that took the place of messages, as `slow: conflate` does. Nothing is lost by it.
    pub replaced: u64,
    /// What the server took, if its process is known.
    pub server: Option<Cost>,
    /// Processor time of the generator, in hundredths of a per cent of one processor. Near 10,000
    /// it is the generator that was measured.
    pub generator_cpu: u64,
    /// Of connections that stood still.
    pub recovered: Option<Recovered>,
    /// Of streams that were subscribed again.
    pub churn: Option<Churn>,
}

/// How the connections were made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Opening {
    /// Until the last handshake was done, in ms.
    pub upgraded_ms: u64,
    /// Until the last stream had its first snapshot, in ms.
    pub whole_ms: u64,
}

/// What came in the measured time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// Data messages.
    pub messages: u64,
    /// Of these, checked for their place.
    pub checked: u64,
    /// Bytes of their frames.
    pub bytes: u64,
    /// Reads that brought something.
    pub reads: u64,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// Messages whose predecessor never came.
    pub lost: u64,
    /// Messages that came twice.
    pub doubled: u64,
    /// Messages that belong before others that came.
    pub out_of_order: u64,
    /// Messages of streams that were not asked for.
    pub strange: u64,
    /// Operations that the server refused.
    pub errors: u64,
    /// Connections that ended, other than those that stood still under `slow: close`.
    pub ended: u64,
}

/// What the server took in the measured time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Processor time, user and system, in µs.
    pub cpu_us: u64,
    /// Of it in the kernel, in µs.
    pub system_us: u64,
    /// Processor time for one delivered message, in ns.
    pub cpu_ns_per_message: u64,
    /// In hundredths of a per cent of one processor.
    pub cpu: u64,
    /// By names of threads, in µs; those that did nothing are left out.
    pub threads_us: BTreeMap<String, u64>,
    /// Memory before the first connection, in bytes.
    pub resident_before: u64,
    /// Memory when all were subscribed and warm.
    pub resident_subscribed: u64,
    /// Memory at the end of the measured time.
    pub resident_measured: u64,
    /// What one subscribed connection added, in bytes.
    pub bytes_per_connection: u64,
}

/// Connections that stood still and read again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Recovered {
    /// How many stood still.
    pub stalled: usize,
    /// How many were whole again: they held what the others held 50 to 100 ms before.
    pub whole: usize,
    /// How many the server closed.
    pub closed: usize,
    /// Half of them took no longer, in ms.
    pub p50_ms: u64,
    /// None took longer, in ms.
    pub max_ms: u64,
}

/// Streams that were subscribed again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Churn {
    /// How many.
    pub asked: u64,
    /// Until the new snapshot was there.
    pub answered: Quantiles,
}

impl Flow {
    /// One more message, in a frame of so many bytes.
    #[inline]
    pub(super) fn count(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }
}

impl Faults {
    /// Whether data went missing or came wrong.
    #[must_use]
    pub const fn data(&self) -> bool {
        self.lost + self.doubled + self.out_of_order + self.strange > 0
    }

    /// Whether anything went wrong at all.
    #[must_use]
    pub const fn any(&self) -> bool {
        self.data() || self.errors + self.ended > 0
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.any() {
            return f.write_str("none lost, doubled or out of order");
        }
        let named = [
            (self.lost, "lost"),
            (self.doubled, "doubled"),
            (self.out_of_order, "out of order"),
            (self.strange, "of streams that were not asked for"),
            (self.errors, "operations refused"),
            (self.ended, "connections ended"),
        ];
        let some = named.into_iter().filter(|(count, _)| *count > 0);
        for (index, (count, what)) in some.enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{} {what}", Grouped(count))?;
        }
        Ok(())
    }
}

impl Report {
    /// Works out the rates from what was counted.
    pub(super) fn rate(&mut self, measured: Duration) {
        self.measured_ms = u64::try_from(measured.as_millis()).unwrap_or(u64::MAX);
        let per_second = |count: u64| ratio(count, 1_000, self.measured_ms);
        let Flow { messages, bytes, reads, .. } = self.flow;
        self.messages_per_s = per_second(messages);
        self.bytes_per_s = per_second(bytes);
        self.bytes_per_message = ratio(bytes, 1, messages);
        self.messages_per_read_hundredths = ratio(messages, 100, reads);
    }
}

/// `count * times / by`, 0 if `by` is.
pub(super) fn ratio(count: u64, times: u64, by: u64) -> u64 {
    let product = u128::from(count) * u128::from(times);
    let ratio = product.checked_div(u128::from(by)).unwrap_or(0);
    u64::try_from(ratio).unwrap_or(u64::MAX)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_work(f)?;
        self.write_server(f)?;
        if let Some(recovered) = self.recovered {
            let Recovered { stalled, whole, closed, p50_ms, max_ms } = recovered;
            row(f, "stood still", format_args!("{stalled}, whole again {whole}, closed {closed}"))?;
            row(f, "whole after", format_args!("p50 {p50_ms} ms · max {max_ms} ms"))?;
        }
        if let Some(churn) = self.churn {
            let (asked, answered) = (Grouped(churn.asked), Times(churn.answered));
            row(f, "subscribed again", format_args!("{asked} times, snapshot after {answered}"))?;
        }
        write!(f, "{:<18} {}", "checked", self.faults)?;
        match self.checked_one_in {
            0 | 1 => Ok(()),
            many => write!(f, " (one connection in {many}; of the others frames were counted)"),
        }
    }
}

impl Report {
    fn write_work(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (connections, streams) =
            (Grouped(self.connections as u64), Grouped(self.streams as u64));
        let symbols = Grouped(self.symbols as u64);
        row(f, "work", format_args!("{connections} connections × {streams} of {symbols} symbols"))?;
        let Opening { upgraded_ms, whole_ms } = self.opening;
        row(f, "opened", format_args!("in {upgraded_ms} ms, first snapshots in {whole_ms} ms"))?;
        let (rate, bytes) = (Grouped(self.messages_per_s), Hundredths(self.bytes_per_s / 10_000));
        let (mean, seconds) = (self.bytes_per_message, Hundredths(self.measured_ms / 10));
        row(
            f,
            "delivered",
            format_args!("{rate} messages/s · {bytes} MB/s · {mean} B each, over {seconds} s"),
        )?;
        row(
            f,
            "a read",
            format_args!("{} messages", Hundredths(self.messages_per_read_hundredths)),
        )?;
        row(f, "latency", format_args!("{}", Times(self.latency)))?;
        if self.replaced > 0 {
            row(f, "conflated", format_args!("{} snapshots in place of messages", self.replaced))?;
        }
        Ok(())
    }

    fn write_server(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = Hundredths(self.generator_cpu);
        let Some(server) = &self.server else {
            return row(f, "generator", format_args!("{own} % of a processor"));
        };
        let (each, whole) = (Hundredths(server.cpu_ns_per_message / 10), Hundredths(server.cpu));
        row(
            f,
            "server's CPU",
            format_args!("{each} µs a message · {whole} % of a processor (generator {own} %)"),
        )?;
        let mut threads: Vec<_> = server.threads_us.iter().collect();
        threads.sort_unstable_by_key(|(_, us)| std::cmp::Reverse(**us));
        let shown = threads.into_iter().take(6).map(|(name, us)| {
            let each = ratio(*us, 100, self.flow.messages);
            format!("{name} {}", Hundredths(each))
        });
        row(f, "  by thread, µs", format_args!("{}", shown.collect::<Vec<_>>().join(" · ")))?;
        let mib = |bytes: u64| Hundredths(ratio(bytes, 100, 1 << 20));
        let kib = Hundredths(ratio(server.bytes_per_connection, 100, 1 << 10));
        row(
            f,
            "server's memory",
            format_args!(
                "{} MiB before · {} subscribed · {} at the end · {kib} KiB a connection",
                mib(server.resident_before),
                mib(server.resident_subscribed),
                mib(server.resident_measured),
            ),
        )
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, what: fmt::Arguments<'_>) -> fmt::Result {
    writeln!(f, "{name:<18} {what}")
}

/// A number of hundredths, as `3.71`.
#[derive(Debug, Clone, Copy)]
pub struct Hundredths(pub u64);

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{:02}", self.0 / 100, self.0 % 100))
    }
}

/// A number as `1,234,567`.
#[derive(Debug, Clone, Copy)]
pub struct Grouped(pub u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        f.pad(&text)
    }
}

/// Quantiles in words.
struct Times(Quantiles);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.count == 0 {
            return f.write_str("not measured");
        }
        let ms = |us: u64| Hundredths(us / 10);
        let Quantiles { p50_us, p99_us, p999_us, max_us, .. } = self.0;
        let (p50, p99, p999, max) = (ms(p50_us), ms(p99_us), ms(p999_us), ms(max_us));
        write!(f, "p50 {p50} · p99 {p99} · p99.9 {p999} · max {max} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_measured_time() {
        let flow = Flow { messages: 1_000, checked: 1_000, bytes: 230_000, reads: 400 };
        let mut report = Report { flow, ..Report::default() };
        report.rate(Duration::from_millis(500));
        assert_eq!((report.messages_per_s, report.bytes_per_s), (2_000, 460_000));
        assert_eq!((report.bytes_per_message, report.messages_per_read_hundredths), (230, 250));
        Report::default().rate(Duration::ZERO);
    }

    #[test]
    fn the_text_names_what_went_wrong() {
        let mut report = Report::default();
        assert!(report.to_string().ends_with("none lost, doubled or out of order"));
        report.faults = Faults { lost: 1_234, doubled: 1, ..Faults::default() };
        report.checked_one_in = 10;
        let text = report.to_string();
        assert!(text.contains("1,234 lost, 1 doubled (one connection in 10;"), "{text}");
        assert!(report.faults.data() && report.faults.any());
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(Grouped(0).to_string(), "0");
        assert_eq!(Grouped(1_234_567).to_string(), "1,234,567");
        assert_eq!(Hundredths(371).to_string(), "3.71");
        assert_eq!(format!("{:>6}", Hundredths(5)), "  0.05");
    }
}
