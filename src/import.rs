//! Import: ticks out of files, onto a tape of their own.
//!
//! A file is a table (CSV, a header and a row a line) or messages of ours (NDJSON). Each row has a
//! time, which becomes `recv` of its event, a symbol, and a print or a best bid and ask. Nothing of
//! what is read is trusted: a row that is not whole is refused with its line number.
//!
//! # Bounds
//! A line has [`LINE_BYTES_MAX`] bytes at most; a few blocks of lines are read ahead. So memory
//! follows the number of symbols, not the length of a file.

mod columns;
mod lines;
mod message;
mod moment;
mod names;
mod origin;
mod report;
mod row;
mod source;
mod table;
mod writer;

use std::io;

use crate::tape;

pub use columns::Field;
pub use columns::Mapping;
pub use lines::LINE_BYTES_MAX;
pub use moment::Unit;
pub use names::Names;
pub use origin::Origin;
pub use origin::Sum;
pub use report::Bad;
pub use report::Report;
pub use row::Row;
pub use row::What;
pub use source::Next;
pub use source::Source;
pub use table::Reading;
pub use writer::Imported;
pub use writer::Writer;

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read on.
    #[error("cannot read {name}: {source}")]
    Read {
        /// Which.
        name: String,
        /// What the system, or the packing, said.
        source: io::Error,
    },
    /// The first line of a table does not say what is needed.
    #[error("{name}: {what}")]
    Header {
        /// Of which file.
        name: String,
        /// What is missing, and what to do.
        what: String,
    },
    /// The directory of imports could not be written.
    #[error("cannot {context}: {source}")]
    Write {
        /// What was being done.
        context: String,
        /// What the system said.
        source: io::Error,
    },
    /// The tape could not be written.
    #[error(transparent)]
    Tape(#[from] tape::Error),
}
