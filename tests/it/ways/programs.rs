//! Programs that people have: curl.

use std::process::Command;

use serde_json::Value;

use crate::client::Chains;
use crate::harness::Server;

/// What curl prints within some seconds; `None` if it is not there.
fn curl(server: &Server, args: &[&str], path: &str) -> Option<String> {
    let url = format!("http://{}{path}", server.address);
    let output = Command::new("curl").args(["--silent", "--globoff"]).args(args).arg(url).output();
    let Ok(output) = output else {
        println!("SKIPPED: needs curl");
        assert_ne!(std::env::var("REQUIRE").as_deref(), Ok("all"), "needs curl");
        return None;
    };
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn curl_reads_lines_events_and_pages() {
    let server = Server::shared();
    let query = "channel=ticker&symbols=sim:*";
    let args = ["--no-buffer", "--max-time", "2"];
    let Some(lines) = curl(&server, &args, &format!("/v1/ndjson?{query}")) else { return };
    let mut chains = Chains::default();
    let whole = lines.rsplit_once('\n').unwrap().0;
    whole.lines().for_each(|line| chains.see_text(line));
    assert!(chains.linked > 200 && chains.snapshots == 20, "{}", chains.linked);
    let events = curl(&server, &args, &format!("/v1/sse?{query}")).unwrap();
    let mut chains = Chains::default();
    let whole = events.rsplit_once("\n\n").unwrap().0;
    whole
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .for_each(|data| chains.see_text(data));
    assert!(chains.linked > 200 && chains.snapshots == 20, "{}", chains.linked);
    let page = curl(&server, &["--compressed"], &format!("/v1/poll?{query}")).unwrap();
    let page: Value = serde_json::from_str(&page).unwrap();
    let query = format!("{query}&cursor={}", page["cursor"].as_str().unwrap());
    let page = curl(&server, &["--compressed", "--http1.0"], &format!("/v1/poll?{query}")).unwrap();
    let page: Value = serde_json::from_str(&page).unwrap();
    assert_eq!(page["resumed"], true);
    let old = curl(
        &server,
        &["--no-buffer", "--max-time", "1", "--http1.0"],
        &format!("/v1/ndjson?{query}"),
    );
    assert!(old.unwrap().starts_with(r#"{"type":"subscribed""#));
}
