//! Imports: of files of any kind, good and bad, whole or not at all.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use super::Desk;
use super::HEADER;
use super::TRADE;
use super::columns;
use super::ended;
use super::gzip;
use super::sample;
use crate::harness::eventually;
use crate::server::Running;

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
