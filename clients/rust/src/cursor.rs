//! A place on a tape.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Serialize;

/// A place on a tape: everything up to it was seen. Written `EPOCH:SEQ`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursor {
    /// The name of the tape.
    pub epoch: String,
    /// The place, 0 to 2^53.
    pub seq: u64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.seq)
    }
}

impl FromStr for Cursor {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.rsplit_once(':').filter(|(epoch, _)| !epoch.is_empty());
        let cursor = parts.and_then(|(epoch, seq)| {
            Some(Self { epoch: epoch.to_owned(), seq: seq.parse().ok()? })
        });
        cursor.ok_or_else(|| crate::Error::Usage(format!("no cursor EPOCH:SEQ: {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let cursor: Cursor = "k3v9:184475".parse().unwrap();
        assert_eq!((cursor.epoch.as_str(), cursor.seq), ("k3v9", 184_475));
        assert_eq!(cursor.to_string(), "k3v9:184475");
        for bad in ["", ":", ":7", "k3v9", "k3v9:", "k3v9:-1", "k3v9:x"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
