//! The origin of an imported tape: of which files it was made.

use std::fs;
use std::io;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use serde::Deserialize;
use serde::Serialize;

/// Beside the segments of an imported tape.
const NAME: &str = "origin.json";

/// Of which files an imported tape was made, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The files.
    pub files: Vec<Piece>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Its name, as the user gave it.
    pub name: String,
    /// Its length, packed as it was.
    pub size_bytes: u64,
    /// Its checksum.
    pub crc32: u32,
}

impl Origin {
    /// Of the tape in a directory, if that tells.
    #[must_use]
    pub fn of(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(dir.join(NAME)).ok()?).ok()
    }

    /// Writes it down in the directory of a tape.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        fs::write(dir.join(NAME), serde_json::to_vec(self)?)
    }

    /// Whether it is the same files, whatever they are called.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let of = |piece: &Piece| (piece.size_bytes, piece.crc32);
        self.files.iter().map(of).eq(other.files.iter().map(of))
    }

    /// The imported tape that was made of the same files.
    #[must_use]
    pub fn twin(&self, imports: &Path) -> Option<String> {
        let mut entries = fs::read_dir(imports).ok()?.flatten();
        let twin = entries
            .find(|entry| Self::of(&entry.path()).is_some_and(|origin| origin.is_same(self)))?;
        twin.file_name().into_string().ok()
    }
}

/// What has been read of a file.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    sum: Arc<Mutex<(u64, crc32fast::Hasher)>>,
}

impl Sum {
    /// Bytes so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.sum.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// As a piece of an origin.
    #[must_use]
    pub fn piece(&self, name: &str) -> Piece {
        let sum = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        Piece { name: name.to_owned(), size_bytes: sum.0, crc32: sum.1.clone().finalize() }
    }

    /// Adds what is read.
    pub fn watch<R: Read + Send>(&self, from: R) -> impl Read + Send + use<R> {
        Watched { from, sum: self.clone() }
    }
}

struct Watched<R> {
    from: R,
    sum: Sum,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(bytes)?;
        let mut sum = self.sum.sum.lock().unwrap_or_else(PoisonError::into_inner);
        sum.0 += read as u64;
        sum.1.update(bytes.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_are_known_again_whatever_they_are_called() {
        let imports = tempfile::tempdir().unwrap();
        let origin = |name: &str, text: &[u8]| {
            let sum = Sum::default();
            io::copy(&mut sum.watch(text), &mut io::sink()).unwrap();
            assert_eq!(sum.bytes(), text.len() as u64);
            Origin { files: vec![sum.piece(name)] }
        };
        let (one, other) = (origin("a", b"text"), origin("a", b"tent"));
        assert_eq!(one.twin(imports.path()), None);
        let dir = imports.path().join("abcdefgh");
        fs::create_dir(&dir).unwrap();
        one.write(&dir).unwrap();
        assert_eq!(Origin::of(&dir), Some(one));
        assert_eq!(origin("b", b"text").twin(imports.path()).as_deref(), Some("abcdefgh"));
        assert_eq!(other.twin(imports.path()), None);
    }
}
