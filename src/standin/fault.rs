//! What a stand-in venue does wrong.

use rand::RngExt;
use rand::rngs::StdRng;

/// Something that goes wrong. Frames are those of the script, counted from 0; what happens "one in
/// n" is decided by the script's seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Cuts the connection after one frame in `one_in`, up to `times` times.
    Cut {
        /// How rarely.
        one_in: u32,
        /// How often altogether.
        times: u32,
    },
    /// Cuts the connection before this frame, once.
    CutAtFrame(usize),
    /// Cuts each connection at this age, in ms.
    CutAfterMs(u64),
    /// Falls silent before this frame, once, for as long as that connection lives.
    StallAtFrame(usize),
    /// From this frame on leaves `gap_ms` at least between frames.
    Slow {
        /// The first slow one.
        at_frame: usize,
        /// Least time between frames, in ms.
        gap_ms: u64,
    },
    /// Spoils one frame in so many, so that what is left is no frame or misses something.
    Garble(u32),
    /// Sends one frame in so many twice.
    Duplicate(u32),
    /// Sends one frame in so many after the one that follows it.
    Reorder(u32),
    /// Leaves out one frame in so many.
    Drop(u32),
    /// Acknowledges nothing, on so many connections, and plays nothing either.
    NeverAcknowledge(u64),
    /// Refuses to subscribe this instrument, named as the venue does.
    RefuseSymbol(String),
    /// Turns clients away for so many ms from its start.
    RefuseConnections(u64),
    /// Sends a ping each so many ms; two without a pong cut the connection.
    Ping(u64),
    /// Announces before this frame that it will shut down, once, in the words of binance.
    Shutdown(usize),
}

/// Spoils a text so that it stays text.
pub(super) fn garble(text: &str, random: &mut StdRng) -> String {
    let places: Vec<usize> =
        text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii()).map(|(at, _)| at).collect();
    if places.is_empty() {
        return String::new();
    }
    let at = places.get(random.random_range(0..places.len())).copied().unwrap_or(0);
    let head = text.get(..at).unwrap_or_default();
    if random.random_ratio(1, 2) {
        return head.to_owned();
    }
    let tail = text.get(at + 1..).unwrap_or_default();
    format!("{head}#{tail}")
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_garbled_frame_is_another_one() {
        let mut random = StdRng::seed_from_u64(1);
        let frame = "{\"币\":\"1.50\"}";
        for _ in 0..1_000 {
            let spoilt = garble(frame, &mut random);
            assert_ne!(spoilt, frame);
            assert!(spoilt.len() <= frame.len());
        }
        assert_eq!(garble("", &mut random), "");
    }
}
