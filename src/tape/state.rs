//! The state file: which places of the tape were promised, and how the last life ended.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;

use super::bytes::Reader;
use super::error::Error;
use super::segment::EpochBytes;
use super::segment::VERSION;
use crate::event::Seq;

const MAGIC: [u8; 8] = *b"TICKSTAT";
const SLOT_BYTES: usize = 64;
/// Two slots are written in turn, in two sectors, so that a torn write leaves the other whole.
const SLOT_OFFSETS: [u64; 2] = [0, 4096];

/// What the state file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) epoch: EpochBytes,
    /// No event above it was ever given a place.
    pub(super) ceiling: Seq,
    pub(super) ending: Ending,
}

/// How the last life of the tape ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It has not, or not well.
    Unclean,
    /// Well, with this as its last event.
    Clean(Seq),
}

impl State {
    /// What the state file in a directory says, if there is one that can be read. Nothing is
    /// changed.
    pub(super) fn read(dir: &Path) -> Option<Self> {
        let file = File::open(dir.join("state")).ok()?;
        let slots = SLOT_OFFSETS.into_iter().filter_map(|offset| {
            let mut bytes = [0; SLOT_BYTES];
            file.read_exact_at(&mut bytes, offset).ok()?;
            decode(&bytes).filter(|(_, version, _)| *version <= VERSION)
        });
        slots.max_by_key(|(generation, ..)| *generation).map(|(.., state)| state)
    }
}

/// The state file, open.
#[derive(Debug)]
pub(super) struct StateFile {
    file: File,
    path: PathBuf,
    generation: u64,
}

impl StateFile {
    /// Opens or begins it, and reads the newest slot that is whole.
    pub(super) fn open(dir: &Path) -> Result<(Self, Option<State>), Error> {
        let path = dir.join("state");
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(Error::doing("open", &path))?;
        let mut newest = None;
        for offset in SLOT_OFFSETS {
            let mut bytes = [0; SLOT_BYTES];
            if file.read_exact_at(&mut bytes, offset).is_err() {
                continue;
            }
            if let Some((generation, version, state)) = decode(&bytes) {
                if version > VERSION {
                    return Err(Error::Version { path, version, known: VERSION });
                }
                if newest.is_none_or(|(before, _)| before < generation) {
                    newest = Some((generation, state));
                }
            }
        }
        let generation = newest.map_or(0, |(generation, _)| generation);
        Ok((Self { file, path, generation }, newest.map(|(_, state)| state)))
    }

    /// Writes it, and waits until it is on the disk.
    pub(super) fn write(&mut self, state: &State) -> Result<(), Error> {
        let generation = self.generation + 1;
        let [even, odd] = SLOT_OFFSETS;
        let offset = if generation.is_multiple_of(2) { even } else { odd };
        let written = self.file.write_all_at(&encode(generation, state), offset);
        written.and_then(|()| self.file.sync_all()).map_err(Error::doing("write", &self.path))?;
        self.generation = generation;
        Ok(())
    }
}

fn encode(generation: u64, state: &State) -> Vec<u8> {
    let (is_clean, last) = match state.ending {
        Ending::Unclean => (0_u64, Seq::START),
        Ending::Clean(last) => (1, last),
    };
    let mut out = Vec::with_capacity(SLOT_BYTES);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&0_u32.to_le_bytes());
    out.extend_from_slice(&state.epoch);
    for number in [generation, state.ceiling.0, is_clean, last.0] {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&0_u32.to_le_bytes());
    let checksum = crc32fast::hash(&out);
    out.extend_from_slice(&checksum.to_le_bytes());
    out
}

fn decode(bytes: &[u8]) -> Option<(u64, u32, State)> {
    let (rest, checksum) = bytes.split_last_chunk()?;
    if crc32fast::hash(rest) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let mut reader = Reader::new(rest);
    if reader.array() != Some(MAGIC) {
        return None;
    }
    let version = reader.array().map(u32::from_le_bytes)?;
    reader.take(4)?;
    let epoch = reader.array()?;
    let mut number = || reader.array().map(u64::from_le_bytes);
    let (generation, ceiling, is_clean, last) = (number()?, number()?, number()?, number()?);
    let ending = if is_clean == 0 { Ending::Unclean } else { Ending::Clean(Seq(last)) };
    Some((generation, version, State { epoch, ceiling: Seq(ceiling), ending }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: State =
        State { epoch: *b"abcdefgh", ceiling: Seq(1 << 20), ending: Ending::Clean(Seq(7)) };

    #[test]
    fn the_newest_whole_slot_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, none) = StateFile::open(dir.path()).unwrap();
        assert_eq!(none, None);
        for ceiling in 1..=5 {
            file.write(&State { ceiling: Seq(ceiling), ..STATE }).unwrap();
            let (_, read) = StateFile::open(dir.path()).unwrap();
            assert_eq!(read, Some(State { ceiling: Seq(ceiling), ..STATE }));
        }
        let path = dir.path().join("state");
        for offset in SLOT_OFFSETS {
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[usize::try_from(offset).unwrap() + 30] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            let (_, read) = StateFile::open(dir.path()).unwrap();
            let expected = (offset == 0).then_some(State { ceiling: Seq(5), ..STATE });
            assert_eq!(read, expected);
        }
    }

    #[test]
    fn a_state_of_a_later_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut slot = encode(1, &STATE);
        slot[8] = 3;
        let end = slot.len() - 4;
        let checksum = crc32fast::hash(&slot[..end]).to_le_bytes();
        slot[end..].copy_from_slice(&checksum);
        std::fs::write(dir.path().join("state"), slot).unwrap();
        let error = StateFile::open(dir.path()).unwrap_err();
        assert!(matches!(error, Error::Version { version: 3, .. }), "{error}");
    }
}
