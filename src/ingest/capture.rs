//! Recorded frames in files: one a line, plain or gzip, with times of receipt beside them.
//!
//! `NAME.ndjson[.gz]` holds the frames, `NAME.recv_ns[.gz]`, if there is one, the time of each in
//! ns since 1970, one integer a line.

use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use flate2::bufread::MultiGzDecoder;
use tickwire_feeds::Nanos;

/// Longest line of a file of times, in bytes.
const TIME_BYTES_MAX: usize = 32;

/// A recording, read from its beginning to its end in bounded memory.
pub(crate) struct Capture {
    frames: Lines,
    times: Option<Lines>,
    scratch: Vec<u8>,
}

/// The lines of a file.
pub(crate) struct Lines {
    file: Box<dyn BufRead + Send>,
    bytes_max: usize,
}

impl Capture {
    /// Opens a recording, and the file of times beside it, if there is one.
    ///
    /// # Errors
    /// If a file cannot be opened.
    pub(crate) fn open(path: &Path, frame_bytes_max: usize) -> io::Result<Self> {
        let frames = Lines::open(path, frame_bytes_max)?;
        let times = times_of(path).map(|path| Lines::open(&path, TIME_BYTES_MAX)).transpose()?;
        Ok(Self { frames, times, scratch: Vec::new() })
    }

    /// Puts the next frame in the place of `frame`; gives its time, if known, or `None` at the
    /// end.
    ///
    /// # Errors
    /// If a file cannot be read on, is not the gzip that it should be, or holds no times.
    pub(crate) fn next(&mut self, frame: &mut Vec<u8>) -> io::Result<Option<Option<Nanos>>> {
        if !self.frames.next(frame)? {
            return Ok(None);
        }
        let Some(times) = &mut self.times else { return Ok(Some(None)) };
        if !times.next(&mut self.scratch)? {
            return Err(invalid("there are fewer times than frames"));
        }
        let text = str::from_utf8(&self.scratch).unwrap_or_default().trim();
        let time = text.parse().map_err(|_| invalid("a time is no number"))?;
        Ok(Some(Some(Nanos(time))))
    }
}

impl Lines {
    /// Opens a file; one that ends in `.gz` is unpacked as it is read.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) fn open(path: &Path, bytes_max: usize) -> io::Result<Self> {
        let file = BufReader::with_capacity(64 * 1024, File::open(path)?);
        let packed = path.extension().is_some_and(|extension| extension == "gz");
        let file: Box<dyn BufRead + Send> = if packed {
            Box::new(BufReader::with_capacity(64 * 1024, MultiGzDecoder::new(file)))
        } else {
            Box::new(file)
        };
        Ok(Self { file, bytes_max })
    }

    /// Puts the next line in the place of `line`, without its end; `false` if there is none. Of a
    /// line that is too long one byte more than allowed is kept, for whoever refuses it.
    ///
    /// # Errors
    /// If the file cannot be read on, or is not the gzip that it should be.
    pub(crate) fn next(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        line.clear();
        // Room for the end of the line besides.
        let limit = self.bytes_max.saturating_add(2) as u64;
        self.file.by_ref().take(limit).read_until(b'\n', line)?;
        if line.is_empty() {
            return Ok(false);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        } else if line.len() as u64 == limit {
            line.truncate(self.bytes_max.saturating_add(1));
            self.file.skip_until(b'\n')?;
        }
        Ok(true)
    }
}

/// `NAME.recv_ns.gz` or `NAME.recv_ns` of `NAME.ndjson.gz` or `NAME.ndjson`, if there is one.
fn times_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let stem = name.strip_suffix(".gz").unwrap_or(name).strip_suffix(".ndjson")?;
    let beside = ["recv_ns.gz", "recv_ns"].map(|end| path.with_file_name(format!("{stem}.{end}")));
    beside.into_iter().find(|path| path.is_file())
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn write(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text).unwrap();
        gzip.finish().unwrap()
    }

    fn read(capture: &mut Capture) -> io::Result<Vec<(String, Option<i64>)>> {
        let (mut all, mut frame) = (Vec::new(), Vec::new());
        while let Some(time) = capture.next(&mut frame)? {
            all.push((String::from_utf8(frame.clone()).unwrap(), time.map(|time| time.0)));
        }
        Ok(all)
    }

    #[test]
    fn lines_come_one_by_one_plain_and_packed() {
        let text = b"a\r\n\nlast";
        let expected = [("a", None), ("", None), ("last", None)].map(|(a, b)| (a.to_owned(), b));
        let (_folder, path) = write("x.ndjson", text);
        assert_eq!(read(&mut Capture::open(&path, 10).unwrap()).unwrap(), expected);
        let (_folder, path) = write("x.ndjson.gz", &packed(text));
        assert_eq!(read(&mut Capture::open(&path, 10).unwrap()).unwrap(), expected);
    }

    #[test]
    fn times_stand_beside_the_frames() {
        let (folder, path) = write("x.ndjson.gz", &packed(b"a\nb\n"));
        std::fs::write(folder.path().join("x.recv_ns"), "5\n-6\n").unwrap();
        let frames = read(&mut Capture::open(&path, 10).unwrap()).unwrap();
        assert_eq!(frames, [("a".to_owned(), Some(5)), ("b".to_owned(), Some(-6))]);
        std::fs::write(folder.path().join("x.recv_ns"), "5\n").unwrap();
        assert!(read(&mut Capture::open(&path, 10).unwrap()).is_err());
        std::fs::write(folder.path().join("x.recv_ns"), "5\nsix\n").unwrap();
        assert!(read(&mut Capture::open(&path, 10).unwrap()).is_err());
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let text = [vec![b'x'; 1 << 20], b"\nshort\n".to_vec()].concat();
        let (_folder, path) = write("x.ndjson", &text);
        let frames = read(&mut Capture::open(&path, 10).unwrap()).unwrap();
        assert_eq!(frames.iter().map(|(text, _)| text.len()).collect::<Vec<_>>(), [11, 5]);
    }

    #[test]
    fn a_line_of_just_the_allowed_length_is_whole() {
        for end in ["\n", "\r\n", ""] {
            let (_folder, path) = write("x.ndjson", format!("0123456789{end}").as_bytes());
            let frames = read(&mut Capture::open(&path, 10).unwrap()).unwrap();
            assert_eq!(frames, [("0123456789".to_owned(), None)], "{end:?}");
        }
    }

    #[test]
    fn what_is_no_gzip_or_is_cut_off_is_an_error() {
        let whole = packed(&b"some line that is long enough\n".repeat(1_000));
        for bytes in [&b"plain text"[..], &whole[..whole.len() / 2], &[]] {
            let (_folder, path) = write("x.ndjson.gz", bytes);
            assert!(read(&mut Capture::open(&path, 100).unwrap()).is_err());
        }
        assert!(Capture::open(Path::new("no such file.ndjson"), 10).is_err());
    }
}
