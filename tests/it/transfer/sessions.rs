//! Sessions: listed, shown, removed.

use serde_json::Value;

use super::Desk;
use super::ended;
use super::sample;
use crate::harness::eventually;
use crate::server::Server;
use crate::server::tickwire;

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
