//! The client for JavaScript as a reader, run by Node.

use std::process::Command;

use serde_json::Value;

use crate::clients_js::home;
use crate::readers::Reader;
use crate::readers::program;
use crate::readers::program::Stops;

/// A reader in a process of its own. It takes no commands but `stop`, `go` and `close`.
pub(crate) fn make(wanted: &Value) -> Option<Reader> {
    let mut command = Command::new("node");
    command.arg(home()?.join("test/stage/reader.js")).arg(wanted.to_string());
    Some(program::start(command, Stops::Whole))
}
