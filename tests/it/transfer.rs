//! `tickwire import`, `export`, `tape` and `sessions`: files in, files out, and nothing by halves.

mod exports;
mod imports;
mod sessions;
mod tapes;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::server::tickwire;

const HEADER: &str = "time_ns,symbol,type,bid,bid_size,ask,ask_size,price,size,side\n";
const TRADE: &str = "1723161254087896568,A,T,,,,,61837.63000000,0.02000000,sell\n";

/// A directory for a tape and files.
struct Desk {
    dir: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name).display().to_string()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = tickwire();
        command.args(args).arg("--tape-dir").arg(self.path("tape"));
        command
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        ended(&self.command(args).output().unwrap())
    }

    #[track_caller]
    fn good(&self, args: &[&str]) -> String {
        let (code, out, talk) = self.run(args);
        assert_eq!(code, 0, "{args:?}: {talk}");
        out.trim_end().to_owned()
    }

    /// Imports what must be good; returns the name of the tape.
    #[track_caller]
    fn import(&self, args: &[&str]) -> String {
        self.good(&[&["import"], args].concat())
    }

    fn imports(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("tape").join("imports")).into_iter().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn ended(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

/// Rows of some symbols, quotes and trades.
fn sample(rows: u64) -> String {
    let mut text = HEADER.to_owned();
    for row in 0..rows {
        let at = 1_723_161_254_000_000_000 + row * 7_000_000;
        let symbol = ["BINANCE:BTCUSDT", "A", "x:Y-USD"][usize::try_from(row % 3).unwrap()];
        let (price, size) = (100 + row % 17, row % 5);
        text.push_str(&match row % 4 {
            0 => format!("{at},{symbol},T,,,,,{price}.50,{size}.000,{}\n", ["buy", "sell"][1]),
            1 => format!("{at},{symbol},Q,{price}.10,{size},,,,,\n"),
            2 => format!("{at},{symbol},Q,,,{price}.90,,,,\n"),
            _ => format!("{at},{symbol},Q,{price}.1,{size}.0,{price}.9000,1e1,,,\n"),
        });
    }
    text
}

/// The columns of a table by name, row by row, numbers with an exponent written out.
fn columns(text: &str, names: &[&str]) -> Vec<Vec<String>> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let places: Vec<Option<usize>> =
        names.iter().map(|name| header.iter().position(|column| column == name)).collect();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let cell = |place: &Option<usize>| place.map_or("", |at| cells[at]).replace("1e1", "10");
        places.iter().map(cell).collect()
    };
    lines.map(row).collect()
}

const SHARED: [&str; 10] =
    ["time_ns", "symbol", "type", "bid", "bid_size", "ask", "ask_size", "price", "size", "side"];
