//! `tickwire db`, and history of real recordings, against a real Postgres.

use std::path::Path;
use std::process::Command;
use std::process::Output;

use crate::postgres::Postgres;

fn tickwire(arguments: &[&str], url: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickwire"));
    command.args(arguments).env_remove("RUST_LOG");
    if let Some(url) = url {
        command.env("TICKWIRE__STORE__URL", url);
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_tables_are_made_once_and_their_standing_is_told() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let url = postgres.url();
    let check = |arguments: &[&str], url: Option<&str>, code: i32, told: &str| {
        let output = tickwire(arguments, url);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {out}{err}");
        assert!(out.contains(told) || err.contains(told), "{arguments:?}: {out}{err}");
    };
    check(&["db", "status"], None, 2, "name one with --url or TICKWIRE__STORE__URL");
    check(&["db", "status", "--url", &url], None, 6, "0001  history                   missing");
    check(&["db", "migrate"], Some(&url), 0, "0001  history                   applied");
    check(&["db", "migrate"], Some(&url), 0, "applied");
    check(&["db", "status"], Some(&url), 0, "applied");
    check(&["db", "status", "--url", "mysql://me@h/t"], None, 2, "expected postgres://");
    let nobody = "postgres://me:secret@127.0.0.1:1/t";
    check(&["db", "status"], Some(nobody), 3, "postgres://me:***@127.0.0.1:1/t");
    let shown = tickwire(&["config", "show"], Some(nobody));
    assert!(text(&shown.stdout).contains("postgres://me:***@127.0.0.1:1/t"));
    for output in [shown, tickwire(&["-vv", "db", "status"], Some(nobody))] {
        assert!(!text(&output.stdout).contains("secret"));
        assert!(!text(&output.stderr).contains("secret"), "{}", text(&output.stderr));
    }
}

#[test]
fn the_examples_of_the_page_are_queries() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    assert!(tickwire(&["db", "migrate"], Some(&postgres.url())).status.success());
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/README.md");
    let page = std::fs::read_to_string(page).unwrap();
    let queries: Vec<&str> = page.split("```sql\n").skip(1).collect();
    assert_eq!(queries.len(), 3);
    for query in queries {
        postgres.ask(query.split("```").next().unwrap());
    }
}
