//! Parcels: files as they come and go, plain, gzip or zstd.

use std::fmt;
use std::io;
use std::io::BufReader;
use std::io::Cursor;
use std::io::Read;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

const BUFFER_BYTES: usize = 128 * 1024;
/// Of zstd: what its own tool takes by itself.
const ZSTD_LEVEL: i32 = 3;
/// The greatest window of a zstd frame that is unpacked, as a power of two: 128 MiB, which is what
/// its own tool allows.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// How a file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// `.gz`
    Gzip,
    /// `.zst`
    Zstd,
}

impl Packing {
    /// As the ending of a file's name says.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// As the first bytes say.
    fn of_bytes(bytes: &[u8]) -> Self {
        if bytes.starts_with(&GZIP_MAGIC) {
            Self::Gzip
        } else if bytes.starts_with(&ZSTD_MAGIC) {
            Self::Zstd
        } else {
            Self::Plain
        }
    }
}

/// Unpacks what is packed as `packing` says, or as its first bytes say. A file that is cut short
/// is an error where it ends.
///
/// # Errors
/// If its first bytes cannot be read.
pub fn unpack(
    mut from: impl Read + Send + 'static,
    packing: Option<Packing>,
) -> io::Result<Box<dyn Read + Send>> {
    let mut head = Vec::new();
    let packing = match packing {
        Some(packing) => packing,
        None => {
            from.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut head)?;
            Packing::of_bytes(&head)
        }
    };
    let from = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head).chain(from));
    Ok(match packing {
        Packing::Plain => Box::new(from),
        Packing::Gzip => Box::new(MultiGzDecoder::new(from)),
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(from)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            Box::new(decoder)
        }
    })
}

/// What is written into a file, packed on the way.
pub enum Packer<W: Write> {
    /// As it is.
    Plain(W),
    /// As gzip.
    Gzip(GzEncoder<W>),
    /// As zstd.
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

impl<W: Write> Packer<W> {
    /// Begins a parcel. Behind one that was ended another may follow in the same file: they are
    /// unpacked as one.
    ///
    /// # Errors
    /// If zstd has no memory.
    pub fn begin(packing: Packing, to: W) -> io::Result<Self> {
        Ok(match packing {
            Packing::Plain => Self::Plain(to),
            Packing::Gzip => Self::Gzip(GzEncoder::new(to, Compression::default())),
            Packing::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(to, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
        })
    }

    /// Ends the parcel and gives back where it was written to.
    ///
    /// # Errors
    /// If what is left cannot be written.
    pub fn end(self) -> io::Result<W> {
        match self {
            Self::Plain(mut to) => to.flush().map(|()| to),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(to) => to.write(bytes),
            Self::Gzip(to) => to.write(bytes),
            Self::Zstd(to) => to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(to) => to.flush(),
            Self::Gzip(to) => to.flush(),
            Self::Zstd(to) => to.flush(),
        }
    }
}

impl<W: Write> fmt::Debug for Packer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain",
            Self::Gzip(_) => "Gzip",
            Self::Zstd(_) => "Zstd",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Packing; 3] = [Packing::Plain, Packing::Gzip, Packing::Zstd];

    fn packed(packing: Packing, texts: &[&[u8]]) -> Vec<u8> {
        texts.iter().fold(Vec::new(), |out, text| {
            let mut packer = Packer::begin(packing, out).unwrap();
            packer.write_all(text).unwrap();
            packer.end().unwrap()
        })
    }

    fn unpacked(bytes: &[u8], packing: Option<Packing>) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        unpack(Cursor::new(bytes.to_vec()), packing)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn what_was_packed_is_unpacked_also_in_several_parcels() {
        let long = b"some line\n".repeat(50_000);
        for packing in ALL {
            for texts in [&[&b"a"[..], b"bc"][..], &[&long, b"", &long], &[b"xyzuv"]] {
                let bytes = packed(packing, texts);
                assert_eq!(unpacked(&bytes, Some(packing)).unwrap(), texts.concat());
                assert_eq!(unpacked(&bytes, None).unwrap(), texts.concat(), "{packing:?}");
            }
        }
    }

    #[test]
    fn what_is_cut_short_or_something_else_is_an_error() {
        let long = b"some line that is long enough\n".repeat(1_000);
        for packing in [Packing::Gzip, Packing::Zstd] {
            let whole = packed(packing, &[&long]);
            for cut in [5, whole.len() / 2, whole.len() - 1] {
                assert!(unpacked(&whole[..cut], Some(packing)).is_err(), "{packing:?} {cut}");
            }
            assert!(unpacked(b"plain text", Some(packing)).is_err(), "{packing:?}");
        }
    }

    #[test]
    fn the_ending_of_a_name_says_how_it_is_packed() {
        for (name, packing) in
            [("a.csv", ALL[0]), ("a.csv.gz", ALL[1]), ("b/c.zst", ALL[2]), ("gz", ALL[0])]
        {
            assert_eq!(Packing::of(Path::new(name)), packing, "{name}");
        }
    }
}
