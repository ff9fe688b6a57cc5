//! Tapes, living and damaged: copied, checked and proved.

use std::fs;

use serde_json::Value;

use super::Desk;
use super::ended;
use super::sample;
use crate::server::Server;
use crate::server::tickwire;

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
