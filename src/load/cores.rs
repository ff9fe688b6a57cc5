//! Which processors this thread, and what it starts from then on, may run on.

use std::str::FromStr;

use rustix::thread::CpuSet;
use rustix::thread::sched_getaffinity;
use rustix::thread::sched_setaffinity;

/// A list of processors, as `0-2,5`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cores(Vec<usize>);

impl Cores {
    /// Those that this thread may run on now; none if that cannot be told.
    #[must_use]
    pub fn here() -> Self {
        let Ok(set) = sched_getaffinity(None) else { return Self(Vec::new()) };
        Self((0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
    }

    /// All but the last for a server, and the last for its load; `None` if there are not two.
    #[must_use]
    pub fn split(&self) -> Option<(Self, Self)> {
        match self.0.split_last() {
            Some((last, others)) if !others.is_empty() => {
                Some((Self(others.to_vec()), Self(vec![*last])))
            }
            _ => None,
        }
    }

    /// The first of them alone.
    #[must_use]
    pub fn first(&self) -> Self {
        Self(self.0.iter().copied().take(1).collect())
    }

    /// Puts this thread there.
    ///
    /// # Errors
    /// What the system says, as for processors that are not there.
    pub fn pin(&self) -> std::io::Result<()> {
        let mut set = CpuSet::new();
        self.0.iter().for_each(|cpu| set.set(*cpu));
        Ok(sched_setaffinity(None, &set)?)
    }
}

impl FromStr for Cores {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut cores = Vec::new();
        for part in text.split(',') {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            match (from.trim().parse::<usize>(), to.trim().parse::<usize>()) {
                (Ok(from), Ok(to)) if from <= to && to < CpuSet::MAX_CPU => cores.extend(from..=to),
                _ => return Err("expected processors like 0, 0-2 or 0,3".to_owned()),
            }
        }
        Ok(Self(cores))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_split() {
        let cores: Cores = "0-2, 5".parse().unwrap();
        assert_eq!(cores, Cores(vec![0, 1, 2, 5]));
        assert_eq!(cores.split(), Some((Cores(vec![0, 1, 2]), Cores(vec![5]))));
        assert_eq!(cores.first(), Cores(vec![0]));
        assert_eq!(Cores(vec![3]).split(), None);
        for text in ["", "a", "2-1", "1,", "0-99999999"] {
            assert!(text.parse::<Cores>().is_err(), "{text}");
        }
    }

    #[test]
    fn this_thread_can_be_pinned_to_where_it_is() {
        let here = Cores::here();
        here.pin().unwrap();
        assert_eq!(Cores::here(), here);
    }
}
