//! What a process takes: processor time, whole and by its threads, and memory. Read from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;

/// Processor time since a process began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// In its own code.
    pub user: Duration,
    /// In the kernel on its behalf.
    pub system: Duration,
    /// Of its threads that still run, those of one name together.
    pub threads: BTreeMap<String, Duration>,
}

impl Usage {
    /// Of a process; `None` if it is gone, or its system has no `/proc`.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let (user, system) = parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        Some(Self { user, system, threads: threads(pid) })
    }

    /// User and system time together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.user + self.system
    }

    /// What was used since an earlier answer.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let threads = self.threads.iter().map(|(name, time)| {
            let before = earlier.threads.get(name).copied().unwrap_or_default();
            (name.clone(), time.saturating_sub(before))
        });
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
            threads: threads.collect(),
        }
    }
}

/// Bytes of memory that a process holds; `None` if that cannot be told.
#[must_use]
pub fn resident(pid: u32) -> Option<u64> {
    // `status` and `statm` lag behind by what each processor has not summed up yet.
    let exact = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok();
    let exact = exact.and_then(|text| kibibytes(&text, "Rss:"));
    let rough = || kibibytes(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmRSS:");
    exact.or_else(rough).map(|kib| kib.saturating_mul(1_024))
}

fn threads(pid: u32) -> BTreeMap<String, Duration> {
    let mut threads: BTreeMap<String, Duration> = BTreeMap::new();
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return threads };
    for task in tasks.filter_map(Result::ok) {
        let read = |file| fs::read_to_string(task.path().join(file)).ok();
        let precise = read("schedstat").and_then(|text| parse_schedstat(&text));
        let rough = || read("stat").and_then(|text| parse_stat(&text)).map(|(a, b)| a + b);
        if let (Some(name), Some(time)) = (read("comm"), precise.or_else(rough)) {
            *threads.entry(name.trim_end().to_owned()).or_default() += time;
        }
    }
    threads
}

/// User and system time of a `stat` file, see proc_pid_stat(5).
fn parse_stat(text: &str) -> Option<(Duration, Duration)> {
    // The name before it may hold anything, also brackets and blanks.
    let mut fields = text.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let per_second = clock_ticks_per_second().max(1);
    let mut time = || {
        let ticks: u64 = fields.next()?.parse().ok()?;
        Some(Duration::from_millis(ticks.saturating_mul(1_000) / per_second))
    };
    Some((time()?, time()?))
}

/// The first number of a `schedstat` file: nanoseconds on a processor.
fn parse_schedstat(text: &str) -> Option<Duration> {
    text.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_stands_after_a_name_of_any_kind() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 5 0 100 1 2";
        for name in ["tickwire", "a) b (c", ") 1 2 3"] {
            let read = parse_stat(&format!("12 ({name}) {fields}"));
            let per_second = clock_ticks_per_second();
            let of = |ticks: u64| Duration::from_millis(ticks * 1_000 / per_second);
            assert_eq!(read, Some((of(250), of(50))), "{name}");
        }
        for text in ["", "12 (a", "12 (a) S 1", "12 (a) S 1 2 3 4 5 6 7 8 9 10 x 5"] {
            assert_eq!(parse_stat(text), None, "{text}");
        }
    }

    #[test]
    fn memory_is_read_by_its_key() {
        assert_eq!(kibibytes("0-1 rollup\nRss:      1234 kB\nPss: 5 kB\n", "Rss:"), Some(1_234));
        assert_eq!(kibibytes("Rss:\n", "Rss:"), None);
    }

    #[test]
    fn this_process_is_measured() {
        let pid = std::process::id();
        let before = Usage::of(pid).unwrap();
        let mut sum = 0u64;
        while Usage::of(pid).unwrap().since(&before).total() < Duration::from_millis(20) {
            sum = (0..10_000u64).fold(sum, |sum, n| sum.wrapping_mul(31).wrapping_add(n));
        }
        let used = Usage::of(pid).unwrap().since(&before);
        assert!(!used.threads.is_empty(), "{sum}");
        assert!(resident(pid).unwrap() > 100_000);
        assert_eq!(Usage::of(u32::MAX), None);
    }
}
