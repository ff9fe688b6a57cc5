//! `tickwire import`, `export`, `tape` and `sessions`: files in, files out, and nothing by halves.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::eventually;
use crate::server::Running;
use crate::server::Server;
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

#[test]
fn what_was_imported_is_exported_as_it_was() {
    let desk = Desk::new();
    let text = sample(5_000);
    let file = desk.write("ticks.csv.gz", gzip(text.as_bytes()));
    let epoch = desk.import(&[&file]);
    for name in ["out.csv", "out.csv.gz", "out.csv.zst"] {
        let out = desk.path(name).display().to_string();
        desk.good(&["export", "--epoch", &epoch, "--format", "tape", "--raw", "-o", &out]);
        // What is exported can be imported, and exported again the same.
        let again = desk.import(&[&out]);
        let all = ["export", "--epoch", &again, "--format", "tape", "--raw", "-o", "-"];
        let exported = desk.good(&all);
        let expected = text.replace("x:Y-USD", "Y-USD");
        assert_eq!(columns(&exported, &SHARED), columns(&expected, &SHARED), "{name}");
    }
    let checked = desk.good(&["tape", "check", "--epoch", &epoch]);
    assert!(checked.ends_with("all as it should be"), "{checked}");
}

#[test]
fn every_row_of_the_recorded_tapes_comes_back() {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures/tape");
    let mut rows = 0;
    for name in ["equities_20131008_0930_1030.csv.gz", "crypto_20240808.csv.gz"] {
        let path = captures.join(name);
        let Ok(file) = fs::File::open(&path) else {
            println!("SKIPPED: needs ../shared/captures");
            return;
        };
        let mut text = String::new();
        std::io::Read::read_to_string(&mut MultiGzDecoder::new(file), &mut text).unwrap();
        let desk = Desk::new();
        let epoch = desk.import(&[path.to_str().unwrap()]);
        let all = ["export", "--epoch", &epoch, "--format", "tape", "--raw", "-o", "-"];
        let exported = desk.good(&all);
        let (found, expected) = (columns(&exported, &SHARED), columns(&text, &SHARED));
        assert_eq!(found.len(), expected.len(), "{name}");
        for (line, (found, expected)) in found.iter().zip(&expected).enumerate() {
            // A name is the venue's own, which has no place for what stands before its colon.
            assert_eq!(found, expected, "{name}, row {line}");
        }
        rows += found.len();
    }
    assert_eq!(rows, 537_946);
}

#[test]
fn messages_are_imported_as_they_were_sent() {
    let desk = Desk::new();
    let epoch = desk.import(&[&desk.write("ticks.csv", sample(1_000))]);
    let first = desk.good(&["export", "--epoch", &epoch, "--format", "ndjson", "-o", "-"]);
    assert_eq!(first.lines().count(), 1_000);
    let again = desk.import(&[&desk.write("out.ndjson", &first)]);
    let second = desk.good(&["export", "--epoch", &again, "--format", "ndjson", "-o", "-"]);
    assert_eq!(first, second);

    let ticker =
        ["export", "--epoch", &epoch, "--format", "ndjson", "--channel", "ticker", "-o", "-"];
    let ticker = desk.good(&ticker);
    let mut held = std::collections::HashMap::new();
    for line in ticker.lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        let before = held.insert(message["symbol"].to_string(), message["seq"].clone());
        assert!(before.is_none_or(|before| before == message["prev"]), "{line}");
    }
    let quotes = desk.import(&[&desk.write("ticker.ndjson", &ticker)]);
    let symbols = |epoch: &str| {
        let leaf = desk.good(&["tape", "info", "--json", "--epoch", epoch]);
        let leaf: Value = serde_json::from_str(&leaf).unwrap();
        let feeds = leaf["feeds"].as_array().unwrap().clone();
        let all = feeds.iter().flat_map(|feed| feed["symbols"].as_array().unwrap().clone());
        all.map(|name| name.to_string()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(symbols(&quotes), symbols(&epoch));
}

#[test]
fn stdin_is_read_whatever_it_is_packed_with() {
    let desk = Desk::new();
    for bytes in [sample(20).into_bytes(), gzip(sample(20).as_bytes())] {
        let mut command = desk.command(&["import", "-", "--json"]);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let (code, out, talk) = ended(&child.wait_with_output().unwrap());
        assert_eq!(code, 0, "{talk}");
        let told: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&told["trades"], &told["quotes"]), (&5.into(), &15.into()), "{told}");
    }
}

#[test]
fn a_bad_file_of_any_kind_is_refused_and_leaves_nothing() {
    let desk = Desk::new();
    let long = [HEADER.as_bytes(), &b"9".repeat(10 << 20), b"\n", TRADE.as_bytes()].concat();
    let packed = gzip(sample(500).as_bytes());
    let row = |row: &str| format!("{HEADER}{TRADE}{row}\n{TRADE}").into_bytes();
    let good = "1723161254087896568,A,T,,,,,";
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty.csv", Vec::new(), "the file is empty"),
        ("blank.csv", b"\n\n".to_vec(), "the file is empty"),
        ("header.csv", HEADER.into(), "there are no prints and no quotes"),
        (
            "wrong.csv",
            b"a,b,c\n1,2,3\n".to_vec(),
            "no column for the time: its columns are a, b, c",
        ),
        ("nul.csv", row("1723161254087896568,A\0,T,,,,,5,6,buy"), "nul.csv:3: it holds bytes"),
        ("utf16.csv", b"\xff\xfet\0i\0".to_vec(), "it holds bytes that no text has"),
        (
            "latin.csv",
            [HEADER.as_bytes(), b"1,\xe9,T,,,,,5,6,\n"].concat(),
            "latin.csv:2: it is not UTF-8",
        ),
        ("short.csv", row("1723161254087896568,A,T,,,,,5"), "short.csv:3: not 10 fields"),
        ("quote.csv", row("1723161254087896568,\"A,T,,,,,5,6,buy"), ":3: a quote is not closed"),
        ("negative.csv", row(&format!("{good}-5,6,buy")), ":3: price \"-5\" is out of range"),
        ("zero.csv", row(&format!("{good}0,6,buy")), ":3: price \"0\" is out of range"),
        ("size.csv", row(&format!("{good}5,-6,buy")), ":3: size \"-6\" is out of range"),
        ("number.csv", row(&format!("{good}5.,6x,buy")), ":3: bad number"),
        ("huge.csv", row(&format!("{good}1e99,6,buy")), ":3: bad number"),
        (
            "symbol.csv",
            row(&good.replace(",A,", ",,").replace(",,,,,", ",,,,,5,6,")),
            ":3: no symbol",
        ),
        (
            "names.csv",
            row(&format!("{},T,,,,,5,6,", ["1,", &"x".repeat(50)].concat())),
            ":3: bad symbol",
        ),
        ("time.csv", row("yesterday,A,T,,,,,5,6,buy"), ":3: bad time \"yesterday\""),
        ("type.csv", row("1723161254087896568,A,Z,,,,,5,6,buy"), ":3: bad type \"Z\""),
        ("long.csv", long, "long.csv:2: the line is too long"),
        ("torn.csv.gz", packed[..packed.len() / 2].to_vec(), "cannot read"),
        ("plain.csv.gz", sample(5).into_bytes(), "cannot read"),
        ("plain.csv.zst", sample(5).into_bytes(), "cannot read"),
        ("bad.ndjson", b"{\"type\":\"trade\"}\nnonsense\n".to_vec(), "bad.ndjson:1: no symbol"),
    ];
    for (name, bytes, said) in cases {
        let file = desk.write(name, bytes);
        let (code, out, talk) = desk.run(&["import", &file]);
        assert_eq!((code, out.as_str()), (1, ""), "{name}: {talk}");
        assert!(talk.contains(said), "{name}: {talk}");
        assert!(talk.len() < 2_000, "{name}: {talk}");
        assert_eq!(desk.imports(), Vec::<String>::new(), "{name}");
    }
    let (code, _, talk) = desk.run(&["import", "no-such-file.csv"]);
    assert_eq!(code, 4, "{talk}");
    let (code, _, talk) = desk.run(&["import", desk.dir.path().to_str().unwrap()]);
    assert_eq!(code, 2, "{talk}");
}

#[test]
fn bad_rows_can_be_let_pass_and_are_counted() {
    let desk = Desk::new();
    let bad = "x,A,T,,,,,5,6,buy\n".repeat(30);
    let file = desk.write("some.csv", format!("{HEADER}{TRADE}{bad}{TRADE}"));
    let (code, _, talk) = desk.run(&["import", &file]);
    assert_eq!(code, 1, "{talk}");
    assert_eq!(talk.matches("bad time").count(), 20, "{talk}");
    assert!(talk.contains("bad rows; --skip-bad N lets N pass"), "{talk}");
    assert_eq!(desk.run(&["import", &file, "--skip-bad", "29"]).0, 1);
    let (code, _, talk) = desk.run(&["import", &file, "--skip-bad", "30"]);
    assert_eq!(code, 0, "{talk}");
    assert!(talk.contains("some.csv:3: bad time") && talk.contains("and 10 more"), "{talk}");
    assert!(talk.contains("2 trades and 0 quotes"), "{talk}");
}

#[test]
fn times_columns_and_line_ends_of_any_kind_are_read() {
    let desk = Desk::new();
    let body = |times: &[&str]| {
        times.iter().map(|time| format!("{time},A,1.50,2\r\n")).collect::<String>()
    };
    let same = [
        "1723161254024000000",
        "1723161254024000",
        "1723161254024",
        "1723161254.024",
        "2024-08-08T23:54:14.024Z",
        "\"2024-08-08T23:54:14.024Z\"",
        "2024-08-09 01:54:14.024+02:00",
        "2024-08-08 23:54:14.024",
    ];
    let text = format!("\u{feff}Timestamp,Ticker,Px,Qty\r\n{}", body(&same));
    let file = desk.write("times.csv", &text);
    let (_, _, talk) = desk.run(&["import", &file, "--dry-run"]);
    let expected = "from 2024-08-08T23:54:14.024Z to 2024-08-08T23:54:14.024Z";
    assert!(talk.contains(expected) && talk.contains("8 trades"), "{talk}");
    assert!(talk.contains("dry run: nothing was written"), "{talk}");
    assert_eq!(desk.imports(), Vec::<String>::new());

    let file = desk.write("odd.csv", "when;what;paid;much\n5;x;1,5;2\n7;x;2;1e-3\n");
    let mapped = ["--map", "time=when", "--map", "price=#3", "--map", "size=much"];
    let rest = ["--symbol", "nyse:IBM", "--time-unit", "ns", "--skip-bad", "1"];
    let epoch = desk.import(&[&[file.as_str()], &mapped[..], &rest[..]].concat());
    let out = desk.good(&["export", "--epoch", &epoch, "--format", "csv", "-o", "-"]);
    let row = "nyse:IBM,4,1970-01-01T00:00:00.000000007Z,1970-01-01T00:00:00.000000007Z,2,0.001,";
    assert!(out.contains(row), "{out}");
}

#[test]
fn files_come_in_their_order_and_steps_back_are_told() {
    let desk = Desk::new();
    let row = |second: u64| format!("{HEADER}{second},A,T,,,,,{second},1,\n");
    let (late, early) =
        (desk.write("late.csv", row(1_800_000_000)), desk.write("early.csv", row(1_700_000_000)));
    let unit = ["--time-unit", "s", "--venue", "v"];
    let epoch = desk.import(&[&[late.as_str(), &early], &unit[..]].concat());
    let out = desk.good(&["export", "--epoch", &epoch, "--format", "csv", "-o", "-"]);
    let prices: Vec<Vec<String>> = columns(&out, &["symbol", "price"]);
    assert_eq!(prices, [["v:A", "1800000000"], ["v:A", "1700000000"]]);
    let both = format!("{}{}", row(1_800_000_000), row(1_700_000_000).replace(HEADER, ""));
    let both = desk.write("both.csv", both);
    let (_, _, talk) = desk.run(&[&["import", &both][..], &unit[..]].concat());
    assert!(talk.contains("1 rows step back in time"), "{talk}");
    let (_, out, talk) = desk.run(&[&["import", &both][..], &unit[..]].concat());
    assert!(talk.contains("the same files were imported before, as tape"), "{talk}");
    assert_eq!(out.trim().len(), 8, "and are again");
    assert_eq!(desk.imports().len(), 3);
}

#[test]
fn an_interrupted_import_leaves_nothing_behind() {
    let desk = Desk::new();
    let mut command = desk.command(&["import", "-"]);
    let mut child = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::null()));
    let mut stdin = child.stdin();
    let begun = || desk.imports().len() == 1;
    stdin.write_all(sample(100_000).as_bytes()).unwrap();
    eventually("it has begun", begun);
    // Though no more rows come.
    child.signal("INT");
    assert_eq!(child.ended().code(), Some(130));
    assert_eq!(desk.imports(), Vec::<String>::new());
    drop(stdin);
}

#[test]
fn an_import_that_waits_for_its_first_byte_ends_at_a_signal() {
    let desk = Desk::new();
    let mut command = desk.command(&["import", "-"]);
    let mut child = Running::start(command.stdin(Stdio::piped()).stdout(Stdio::null()));
    let _stdin = child.stdin();
    eventually("it has begun", || desk.imports().len() == 1);
    child.signal("TERM");
    assert_eq!(child.ended().code(), Some(143));
    assert_eq!(desk.imports(), Vec::<String>::new());
}

#[test]
fn a_line_without_an_end_is_refused() {
    let desk = Desk::new();
    let begun = tickwire::clock::monotonic();
    for more in [&[][..], &["--skip-bad", "5"]] {
        let (code, out, talk) = desk.run(&[&["import", "/dev/zero"], more].concat());
        assert_eq!((code, out.as_str()), (1, ""), "{talk}");
        assert!(talk.contains("the line is too long"), "{talk}");
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(20));
    assert_eq!(desk.imports(), Vec::<String>::new());
}

#[test]
fn what_an_export_cannot_do_is_said() {
    let desk = Desk::new();
    let epoch = desk.import(&[&desk.write("ticks.csv", sample(3_000))]);
    let dir = desk.dir.path().display().to_string();
    let out = desk.path("out.csv").display().to_string();
    for (more, code, said) in [
        (["--symbols", "sim:NOPE", "-o", &out], 4, "unknown symbol sim:NOPE on tape"),
        (["--symbols", "nowhere:*", "-o", "-"], 4, "unknown symbol nowhere:* on tape"),
        (["--from", "1m", "-o", &dir], 2, "is a directory: name a file in it"),
        (["--from", "-1m", "-o", "/dev/full"], 2, "is no file"),
    ] {
        let begin = ["export", "--epoch", &epoch, "--format", "csv"];
        let (got, _, talk) = desk.run(&[&begin[..], &more].concat());
        assert_eq!(got, code, "{more:?}: {talk}");
        assert!(talk.contains(said) && !talk.contains("--force"), "{more:?}: {talk}");
    }
    assert!(!desk.path("out.csv").exists());
}

#[test]
fn a_proof_of_nothing_is_none() {
    let desk = Desk::new();
    let epoch = desk.import(&[&desk.write("ticks.csv", sample(30))]);
    let verify =
        |from: &str, to: &str| desk.run(&["verify", "--epoch", &epoch, "--from", from, "--to", to]);
    let (code, _, talk) = verify("2013-01-01", "2012-01-01");
    assert_eq!(code, 2, "{talk}");
    assert!(talk.contains("--from must be before --to"), "{talk}");
    let (code, out, talk) = verify("2012-01-01", "2013-01-01");
    assert_eq!(code, 0, "{talk}");
    assert!(out.contains("nothing is proved") && !out.contains("the same"), "{out}");
}

#[test]
fn an_export_that_was_cut_off_is_gone_on_with() {
    let desk = Desk::new();
    let epoch = desk.import(&[&desk.write("ticks.csv", sample(3_000))]);
    let export = |more: &[&str]| {
        let out = desk.path("out.csv.gz").display().to_string();
        let args = ["export", "--epoch", &epoch, "--format", "tape", "-o", &out];
        desk.run(&[&args[..], more].concat())
    };
    assert_eq!(export(&["--resume"]).0, 0, "there is nothing to go on with");
    let whole = fs::read(desk.path("out.csv.gz")).unwrap();
    let (code, _, talk) = export(&[]);
    assert!(code == 2 && talk.contains("--force"), "{talk}");
    assert_eq!(export(&["--force"]).0, 0);
    assert_eq!(fs::read(desk.path("out.csv.gz")).unwrap(), whole);
    let text = desk.good(&["export", "--epoch", &epoch, "--format", "tape", "-o", "-"]);
    let half = desk.good(&[
        "export",
        "--epoch",
        &epoch,
        "--format",
        "tape",
        "--symbols",
        "x:*",
        "-o",
        "-",
    ]);
    assert_eq!(half.lines().count(), 1 + text.lines().filter(|row| row.contains("x:Y")).count());
}

#[test]
fn an_interrupted_export_goes_on_to_the_same_file() {
    let desk = Desk::new();
    let epoch = desk.import(&[&desk.write("ticks.csv", sample(300_000))]);
    let out = desk.path("out.ndjson.gz");
    let args = ["export", "--epoch", &epoch, "--format", "ndjson", "-o", out.to_str().unwrap()];
    let mut export = Running::start(&mut desk.command(&args));
    let partial = desk.path("out.ndjson.gz.partial");
    eventually("it writes", || fs::metadata(&partial).is_ok_and(|file| file.len() > 100_000));
    export.signal("INT");
    assert_eq!(export.ended().code(), Some(130));
    assert!(!out.exists());
    let kept = fs::metadata(&partial).unwrap().len();
    desk.good(&[&args[..], &["--resume"]].concat());
    let mut text = String::new();
    let packed = fs::File::open(&out).unwrap();
    assert!(packed.metadata().unwrap().len() > kept);
    std::io::Read::read_to_string(&mut MultiGzDecoder::new(packed), &mut text).unwrap();
    let all = desk.good(&["export", "--epoch", &epoch, "--format", "ndjson", "-o", "-"]);
    assert!(text.trim_end() == all, "{} and {} bytes", text.len(), all.len());
    let left = fs::read_dir(desk.dir.path()).unwrap().count();
    assert_eq!(left, 3, "the tape, what was imported, what was exported");
}

#[test]
fn a_living_tape_is_exported_checked_and_copied() {
    let server = Server::start();
    let mut sub = server.command(["sub", "sim:*", "--channel", "trades", "--count", "2000"]);
    let sent = ended(&sub.output().unwrap()).1;
    let run = |args: &[&str]| {
        let (code, out, talk) =
            ended(&tickwire().args(args).arg("--tape-dir").arg(server.tape()).output().unwrap());
        assert_eq!(code, 0, "{args:?}: {talk}");
        out
    };
    let exported = run(&["export", "--channel", "trades", "--format", "ndjson", "-o", "-"]);
    let exported: std::collections::HashSet<&str> = exported.lines().collect();
    let trades: Vec<&str> = sent.lines().filter(|line| line.contains("\"trade\"")).collect();
    assert!(trades.len() > 1_900, "{}", trades.len());
    for trade in trades {
        assert!(exported.contains(trade), "{trade}");
    }
    let checked = run(&["tape", "check"]);
    assert!(checked.contains("all as it should be"), "{checked}");
    let desk = Desk::new();
    let copy = desk.path("copy").display().to_string();
    run(&["tape", "copy", &copy]);
    let leaf = |dir: &str| {
        let output = tickwire().args(["tape", "info", "--json", "--tape-dir", dir]).output();
        serde_json::from_str::<Value>(&ended(&output.unwrap()).1).unwrap()
    };
    let (copied, living) = (leaf(&copy), leaf(server.tape().to_str().unwrap()));
    assert_eq!(copied["epoch"], living["epoch"]);
    assert!(copied["head"].as_u64().unwrap() <= living["head"].as_u64().unwrap());
    let checked = ended(&tickwire().args(["tape", "check", "--tape-dir", &copy]).output().unwrap());
    assert_eq!(checked.0, 0, "{checked:?}");
    let again = tickwire().args(["tape", "copy", &copy, "--tape-dir"]).arg(server.tape()).output();
    assert_eq!(ended(&again.unwrap()).0, 2, "it is there already");
}

#[test]
fn damage_is_found_and_told_with_its_place() {
    let desk = Desk::new();
    let epoch = desk.import(&[&desk.write("ticks.csv", sample(3_000))]);
    let segment = desk.path("tape").join("imports").join(&epoch).join("0000000000000001.tape");
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let (code, out, talk) = desk.run(&["tape", "check", "--epoch", &epoch]);
    assert_eq!(code, 6, "{out}{talk}");
    assert!(out.contains("damage: ") && out.contains("0000000000000001.tape at byte"), "{out}");
    assert!(talk.contains("the tape is damaged in"), "{talk}");
    for verb in
        [&["tape", "info"][..], &["tape", "check"], &["export", "--format", "csv", "-o", "-"]]
    {
        let (code, _, talk) = desk.run(&[verb, &["--epoch", "abcdefgh"]].concat());
        assert_eq!(code, 4, "{talk}");
    }
}

#[test]
fn sessions_are_listed_shown_and_removed() {
    let desk = Desk::new();
    let epoch = desk.import(&[&desk.write("ticks.csv", sample(1_000)), "--venue", "nyse"]);
    let listed = desk.good(&["sessions", "ls", "--json"]);
    let rows: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let brief = |row: &Value| {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        (text("feed"), text("day"), row["trades"].as_u64(), row["quotes"].as_u64())
    };
    let day = || "2024-08-08".to_owned();
    let expected = [
        ("nyse".to_owned(), day(), Some(167), Some(500)),
        ("x".to_owned(), day(), Some(83), Some(250)),
    ];
    assert_eq!(rows.iter().map(brief).collect::<Vec<_>>(), expected);
    assert_eq!(desk.good(&["sessions", "ls"]).lines().count(), 3);
    let shown = desk.good(&["sessions", "show", &epoch]);
    assert!(shown.contains("ticks.csv, ") && shown.contains("nyse"), "{shown}");
    let shown: Value =
        serde_json::from_str(&desk.good(&["sessions", "show", &epoch, "--json"])).unwrap();
    assert_eq!(shown["sessions"].as_array().unwrap().len(), 2);

    assert_eq!(desk.run(&["sessions", "show", "abcdefgh"]).0, 4);
    assert_eq!(desk.run(&["sessions", "rm", "abcdefgh", "--yes"]).0, 4);
    let (code, _, talk) = desk.run(&["sessions", "rm", &epoch]);
    assert!(code == 2 && talk.contains("--yes"), "{talk}");
    let (code, _, talk) = desk.run(&["sessions", "rm", &epoch, "--dry-run"]);
    assert!(code == 0 && talk.contains("would remove"), "{talk}");
    assert_eq!(desk.imports(), [epoch.as_str()]);
    desk.good(&["sessions", "rm", &epoch, "--yes"]);
    assert_eq!(desk.imports(), Vec::<String>::new());

    let server = Server::start();
    let live = |args: &[&str]| {
        ended(&tickwire().args(args).arg("--tape-dir").arg(server.tape()).output().unwrap())
    };
    let mut listed = String::new();
    eventually("its first events are there", || {
        listed = live(&["sessions", "ls", "--json"]).1;
        !listed.is_empty()
    });
    let row: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!(row["feed"], "sim");
    let (code, _, talk) = live(&["sessions", "rm", row["epoch"].as_str().unwrap(), "--yes"]);
    assert_eq!(code, 2, "{talk}");
}
