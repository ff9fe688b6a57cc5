//! Export: events of a tape as rows of files.

mod layout;
mod names;
mod walk;

pub use layout::Content;
pub use layout::Format;
pub use names::Naming;
pub use walk::Range;
pub use walk::Selection;
pub use walk::Walk;
