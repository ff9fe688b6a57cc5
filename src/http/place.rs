//! Places on a tape as requests name them, `epoch:seq`, and waiting until a shard is there.

use std::time::Duration;

use tickwire_feeds::error::quoted;

use crate::clock;
use crate::event::Seq;
use crate::http::failure::Failure;
use crate::http::shop::Shop;
use crate::tape::Resume;
use crate::tape::Tape;

/// How long a place that this shard has not reached is waited for.
const WAIT: Duration = Duration::from_secs(5);
/// Between two looks whether it has been reached.
const LOOK: Duration = Duration::from_millis(5);

/// A place on a named tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Name of the tape.
    pub(super) epoch: String,
    /// The place.
    pub(super) seq: Seq,
}

impl Place {
    /// Reads one; `name` is the parameter's.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, Failure> {
        let read = || {
            let (epoch, seq) = text.rsplit_once(':').filter(|(epoch, _)| !epoch.is_empty())?;
            let is_number = !seq.is_empty() && seq.bytes().all(|byte| byte.is_ascii_digit());
            let seq = seq.parse().ok().filter(|seq| is_number && *seq <= Seq::MAX.0)?;
            Some(Self { epoch: epoch.to_owned(), seq: Seq(seq) })
        };
        let message = || format!("{name} must be epoch:seq, got {:?}", quoted(text));
        read().ok_or_else(|| Failure::bad(message()))
    }

    /// Refuses one that a tape does not have, and so no answer can reach.
    pub(super) fn check(&self, tape: &Tape) -> Result<(), Failure> {
        let Self { epoch, seq } = self;
        if *epoch != tape.epoch() {
            let message = format!("the cursor is of {:?}, not of {}", quoted(epoch), tape.epoch());
            return Err(Failure::conflict("epoch_mismatch", message));
        }
        if tape.resumable(*seq) == Resume::Ahead {
            let message = format!("seq {seq} is not there yet: this tape ends at {}", tape.head());
            return Err(Failure::conflict("ahead", message));
        }
        Ok(())
    }
}

/// Waits until this worker's shard is at least there.
pub(super) async fn reach(shop: &Shop, place: &Place) -> Result<(), Failure> {
    let tape = &shop.house().tape;
    if place.epoch != tape.epoch() || tape.resumable(place.seq) == Resume::Ahead {
        // Nothing of that tape can be older than what stands here.
        return Ok(());
    }
    let deadline = clock::monotonic() + WAIT;
    while shop.shard().borrow().board().seq() < place.seq {
        if clock::monotonic() >= deadline {
            return Err(Failure::unavailable("this server has not reached that cursor yet", 1));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_epoch_and_a_number() {
        let place = |epoch: &str, seq| Place { epoch: epoch.into(), seq: Seq(seq) };
        assert_eq!(Place::parse("from", "k3v9:12").unwrap(), place("k3v9", 12));
        assert_eq!(Place::parse("from", "a:b:0").unwrap(), place("a:b", 0));
        let beyond = format!("k:{}", Seq::MAX.0 + 1);
        let many = "9".repeat(10_000);
        for bad in
            ["", ":", "k3v9", "k3v9:", ":12", "k:-1", "k:+1", "k: 1", "k:1e3", &beyond, &many]
        {
            let failure = Place::parse("from", bad).unwrap_err().to_string();
            assert!(failure.starts_with("from must be epoch:seq, got ") && failure.len() < 200);
        }
    }
}
