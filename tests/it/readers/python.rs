//! The client for Python as a reader, and the packages that it needs.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;

use crate::clients::lacks;
use crate::clients::script;
use crate::clients::succeeds;
use crate::clients::within;
use crate::readers::Reader;
use crate::readers::program;
use crate::readers::program::Stops;

/// Longest time for packages to be fetched.
const FETCH_MAX: Duration = Duration::from_secs(120);

/// A reader in a process of its own.
pub(crate) fn make(wanted: &Value) -> Option<Reader> {
    let mut command = python(&["websockets", "msgpack"])?;
    command.arg(script("py_reader.py")).arg(wanted.to_string());
    Some(program::start(command, Stops::Taking))
}

/// Where the client's sources are.
pub(crate) fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python")
}

/// A Python with the client and these packages, which are installed once; `None` if that is not
/// possible here.
pub(crate) fn python(packages: &[&str]) -> Option<Command> {
    let named = format!("python3 with the packages {}", packages.join(" "));
    let sees = |python: &Path| {
        packages.iter().all(|package| {
            let import = package.replace('-', "_");
            succeeds(Command::new(python).args(["-c", &format!("import {import}")]))
        })
    };
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let home = target.join("python-client");
    let python = home.join("bin/python");
    // Tests run at the same time, in processes of their own.
    let lock = std::fs::File::create(target.join("python-client.lock")).unwrap();
    lock.lock().unwrap();
    if !sees(&python) {
        let (mut venv, mut install) = (Command::new("python3"), Command::new(&python));
        venv.args(["-m", "venv"]).arg(&home);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        install.args(packages);
        let is_there = run(venv) && run(install);
        if lacks(&named, is_there && sees(&python)) {
            return None;
        }
    }
    drop(lock);
    let mut command = Command::new(python);
    command.env("PYTHONPATH", self::home().join("src")).env("PYTHONDONTWRITEBYTECODE", "1");
    Some(command)
}

/// Whether a program does its work in time.
fn run(command: Command) -> bool {
    if !succeeds(Command::new(command.get_program()).arg("--version")) {
        return false;
    }
    let Output { status, stderr, .. } = within(FETCH_MAX, command);
    if !status.success() {
        println!("{}", String::from_utf8_lossy(&stderr));
    }
    status.success()
}
