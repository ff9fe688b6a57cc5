//! Exports: what was imported comes back, also in two goes.

use std::fs;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::Desk;
use super::SHARED;
use super::columns;
use super::gzip;
use super::sample;
use crate::harness::eventually;
use crate::server::Running;

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
