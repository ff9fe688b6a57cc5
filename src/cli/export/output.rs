//! Where an export goes: a file that is there whole or not at all, and can be gone on with.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;

use crate::cli::failure::Failure;
use crate::event::Seq;
use crate::parcel::Packer;
use crate::parcel::Packing;

/// Bytes of a parcel before they are packed: what an export that was cut off writes again.
const PARCEL_BYTES: u64 = 16 << 20;

/// Where an export goes.
#[derive(Debug)]
pub(super) enum Output {
    /// To whoever reads stdout.
    Stdout,
    /// Into a file.
    File(Box<Partial>),
}

/// A file that gets its name when it is whole. Beside it stands how far it is: it is a row of
/// parcels, and with the end of each it could be gone on with.
#[derive(Debug)]
pub(super) struct Partial {
    path: PathBuf,
    /// What is exported, so that nothing else is gone on with.
    query: Value,
    packing: Packing,
    /// `None` between two parcels only.
    packer: Option<Packer<File>>,
    /// In this parcel, before they are packed.
    bytes: u64,
}

/// Where an export that was cut off had got to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reached {
    /// Everything up to here is written.
    pub(super) seq: Seq,
    /// So many rows.
    pub(super) rows: u64,
}

/// What becomes of a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Existing {
    Stays,
    IsReplaced,
}

impl Output {
    /// Begins a file.
    ///
    /// # Errors
    /// [`Failure::Usage`] if it is there already; those of the file system.
    pub(super) fn begin(path: &Path, query: Value, existing: Existing) -> Result<Self, Failure> {
        if path.is_dir() {
            let path = path.display();
            return Err(Failure::Usage(format!("{path} is a directory: name a file in it")));
        }
        if path.exists() && !path.is_file() {
            let path = path.display();
            return Err(Failure::Usage(format!("{path} is no file; -o - writes to stdout")));
        }
        if existing == Existing::Stays && path.exists() {
            let path = path.display();
            return Err(Failure::Usage(format!("{path} is there already; --force replaces it")));
        }
        let partial = beside(path, "partial");
        let file = File::create(&partial).map_err(at("create", &partial))?;
        remove(&beside(path, "partial.json"))?;
        Partial::new(path, query, file).map(|partial| Self::File(Box::new(partial)))
    }

    /// Goes on with a file; `None` if there is nothing of it.
    ///
    /// # Errors
    /// [`Failure::Usage`] if it is of another query; those of the file system.
    pub(super) fn resume(path: &Path, query: &Value) -> Result<Option<(Self, Reached)>, Failure> {
        let (partial, beside) = (beside(path, "partial"), beside(path, "partial.json"));
        let Ok(text) = fs::read(&beside) else { return Ok(None) };
        let damaged = || Failure::General(format!("{} is damaged", beside.display()));
        let state: Value = serde_json::from_slice(&text).map_err(|_| damaged())?;
        if state.get("query") != Some(query) {
            return Err(Failure::Usage(format!(
                "{} was begun with other flags: {}",
                partial.display(),
                state.get("query").unwrap_or(&Value::Null)
            )));
        }
        let number = |key: &str| state.get(key).and_then(Value::as_u64).ok_or_else(damaged);
        let (seq, rows, bytes) = (number("seq")?, number("rows")?, number("bytes")?);
        let mut options = File::options();
        let opened = options.read(true).write(true).open(&partial);
        let mut file = opened.map_err(at("open", &partial))?;
        if file.metadata().map_err(at("look at", &partial))?.len() < bytes {
            return Err(Failure::General(format!("{} is too short", partial.display())));
        }
        let cut = file.set_len(bytes).and_then(|()| file.seek(SeekFrom::End(0)));
        cut.map_err(at("cut", &partial))?;
        let partial = Partial::new(path, query.clone(), file)?;
        Ok(Some((Self::File(Box::new(partial)), Reached { seq: Seq(seq), rows })))
    }

    /// Writes rows, all up to a place.
    ///
    /// # Errors
    /// Those of the output.
    pub(super) fn write(&mut self, bytes: &[u8], reached: Reached) -> Result<(), Failure> {
        match self {
            Self::Stdout => Ok(io::stdout().lock().write_all(bytes)?),
            Self::File(partial) => {
                let packer = partial.packer.as_mut().ok_or_else(broken)?;
                packer.write_all(bytes).map_err(at("write", &partial.path))?;
                partial.bytes += bytes.len() as u64;
                if partial.bytes < PARCEL_BYTES { Ok(()) } else { partial.keep(reached) }
            }
        }
    }

    /// Makes it so that it can be gone on with.
    ///
    /// # Errors
    /// Those of the output.
    pub(super) fn keep(&mut self, reached: Reached) -> Result<(), Failure> {
        match self {
            Self::Stdout => Ok(()),
            Self::File(partial) => partial.keep(reached),
        }
    }

    /// Ends it: now it has its name.
    ///
    /// # Errors
    /// Those of the output.
    pub(super) fn end(self) -> Result<(), Failure> {
        match self {
            Self::Stdout => Ok(io::stdout().lock().flush()?),
            Self::File(partial) => partial.end(),
        }
    }
}

impl Partial {
    fn new(path: &Path, query: Value, file: File) -> Result<Self, Failure> {
        let packing = Packing::of(path);
        let packer = Some(Packer::begin(packing, file).map_err(at("begin", path))?);
        Ok(Self { path: path.to_owned(), query, packing, packer, bytes: 0 })
    }

    /// Ends this parcel, writes down how far it is, and begins the next.
    fn keep(&mut self, Reached { seq, rows }: Reached) -> Result<(), Failure> {
        let packer = self.packer.take().ok_or_else(broken)?;
        let mut file = packer.end().map_err(at("write", &self.path))?;
        file.sync_data().map_err(at("sync", &self.path))?;
        let bytes = file.stream_position().map_err(at("look at", &self.path))?;
        let state = json!({ "query": self.query, "seq": seq.0, "rows": rows, "bytes": bytes });
        let (new, beside) = (beside(&self.path, "partial.new"), beside(&self.path, "partial.json"));
        let written =
            fs::write(&new, format!("{state}\n")).and_then(|()| fs::rename(&new, &beside));
        written.map_err(at("write", &beside))?;
        self.packer = Some(Packer::begin(self.packing, file).map_err(at("write", &self.path))?);
        self.bytes = 0;
        Ok(())
    }

    fn end(mut self) -> Result<(), Failure> {
        let packer = self.packer.take().ok_or_else(broken)?;
        let file = packer.end().map_err(at("write", &self.path))?;
        file.sync_all().map_err(at("sync", &self.path))?;
        fs::rename(beside(&self.path, "partial"), &self.path).map_err(at("make", &self.path))?;
        remove(&beside(&self.path, "partial.json"))
    }
}

/// `a/b.csv.partial` of `a/b.csv`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at("remove", path)(error)),
        _ => Ok(()),
    }
}

fn broken() -> Failure {
    Failure::General("the output is broken".to_owned())
}

fn at(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.display().to_string();
    move |error| Failure::General(format!("cannot {doing} {path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parcel::unpack;
    use std::io::Read as _;

    fn text(path: &Path) -> String {
        let mut text = String::new();
        let from = File::open(path).unwrap();
        unpack(from, Some(Packing::of(path))).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    fn reached(seq: u64) -> Reached {
        Reached { seq: Seq(seq), rows: seq }
    }

    #[test]
    fn a_file_is_there_whole_or_can_be_gone_on_with() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.csv", "a.csv.gz", "a.csv.zst"] {
            let path = dir.path().join(name);
            let query = json!({ "symbols": ["a:*"] });
            assert!(Output::resume(&path, &query).unwrap().is_none());
            let mut output = Output::begin(&path, query.clone(), Existing::Stays).unwrap();
            output.write(b"one\n", reached(1)).unwrap();
            output.keep(reached(1)).unwrap();
            output.write(b"torn", reached(2)).unwrap();
            drop(output);
            assert!(!path.exists());

            let other = Output::resume(&path, &json!({ "symbols": ["b:*"] })).unwrap_err();
            assert_eq!(other.code(), 2, "{other}");
            let (mut output, from) = Output::resume(&path, &query).unwrap().unwrap();
            assert_eq!(from, reached(1));
            output.write(b"two\n", reached(2)).unwrap();
            output.end().unwrap();
            assert_eq!(text(&path), "one\ntwo\n");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
            let error = Output::begin(&path, query.clone(), Existing::Stays).unwrap_err();
            assert_eq!(error.code(), 2, "{error}");
            Output::begin(&path, query, Existing::IsReplaced).unwrap().end().unwrap();
            assert_eq!(text(&path), "");
            fs::remove_file(&path).unwrap();
        }
    }
}
