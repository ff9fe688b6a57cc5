//! What Prometheus and Grafana are given in `config/`: every figure and every query in it is real.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::client::get;
use crate::harness::Server;
use crate::harness::eventually;
use crate::http::metric;
use crate::postgres::Postgres;

/// Told only where TLS is spoken, or tokens are asked for; other tests read them there.
const ELSEWHERE: [&str; 2] = ["tickwire_tls_certificate_until", "tickwire_access_refused_total"];

fn config(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}

fn dashboard(name: &str) -> Value {
    let text = fs::read_to_string(config("grafana/dashboards").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What a field of all panels' queries says.
fn queries(dashboard: &Value, field: &str) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.filter_map(|target| target[field].as_str()).map(str::to_owned).collect()
}

fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("tickwire_")).map(str::to_owned).collect()
}

#[test]
fn every_figure_of_a_dashboard_or_an_alert_is_told() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let server = Server::start(&[("store.url", &postgres.url())]);
    let told = || metrics_in(&get(server.address, "/metrics").body);
    eventually("the store was reached", || told().contains("tickwire_store_behind"));
    let told = told();
    let asked = queries(&dashboard("service.json"), "expr").join(" ")
        + &fs::read_to_string(config("prometheus/alerts.yml")).unwrap();
    let asked = metrics_in(&asked);
    assert!(asked.len() > 20, "{asked:?}");
    let unknown: Vec<&String> = asked
        .iter()
        .filter(|name| !told.contains(*name) && !ELSEWHERE.contains(&name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_history_of_a_symbol_is_drawn_for_who_may_only_read() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let server = Server::start(&[
        ("store.url", &postgres.url()),
        ("store.batch_ms", "50"),
        ("feeds.sim.ticks_per_s", "5000"),
        ("feeds.sim.symbols", "2"),
    ]);
    eventually("history is recorded", || metric(&server, "tickwire_store_events_total") > 5_000);
    let reader = fs::read_to_string(config("postgres/reader.sh")).unwrap();
    let made = postgres.sh(&reader, &[("POSTGRES_DB", "postgres"), ("READER_PASSWORD", "it's")]);
    assert_eq!(made, Ok(String::new()));
    let as_reader = |sql: &str| {
        let begin = "SET default_transaction_read_only = on; SET ROLE grafana;";
        postgres.psql(&format!("{begin} {sql}"))
    };
    let market = dashboard("market.json");
    let symbols = as_reader(market["templating"]["list"][0]["query"].as_str().unwrap()).unwrap();
    assert!(symbols.lines().any(|symbol| symbol == "sim:BTC-USD"), "{symbols}");
    let queries = queries(&market, "rawSql");
    assert_eq!(queries.len(), 5);
    for sql in queries {
        let sql = sql
            .replace("${symbol:sqlstring}", "'sim:BTC-USD'")
            .replace("$__unixEpochNanoFrom()", "0")
            .replace("$__unixEpochNanoTo()", "9223372036854775807");
        assert!(!sql.contains('$'), "{sql}");
        let rows = as_reader(&sql).unwrap();
        // A bar of a minute takes one to be closed.
        assert!(rows.lines().count() > 10 || sql.contains("FROM bars"), "{sql}: {rows}");
    }
    for sql in ["DELETE FROM events", "DROP TABLE events", "CREATE TABLE x (y int)"] {
        assert!(as_reader(sql).is_err(), "{sql}");
        assert!(postgres.psql(&format!("SET ROLE grafana; {sql}")).is_err(), "{sql}");
    }
}

#[test]
fn alerts_fire_when_they_should() {
    let Ok(checked) = Command::new("promtool")
        .args(["test", "rules"])
        .arg(config("prometheus/alerts.test.yml"))
        .output()
    else {
        assert_ne!(std::env::var("REQUIRE").as_deref(), Ok("all"), "needs promtool");
        println!("SKIPPED: needs promtool (Debian's package prometheus)");
        return;
    };
    assert!(checked.status.success(), "{checked:?}");
    let mut check = Command::new("promtool");
    let checked = check.args(["check", "config"]).arg(config("prometheus/prometheus.yml")).output();
    assert!(checked.unwrap().status.success());
}

#[test]
fn what_the_compose_file_mounts_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let compose = fs::read_to_string(root.join("docker-compose.yml")).unwrap();
    let mounts: Vec<&str> = compose
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- ./")?.split(':').next())
        .collect();
    assert_eq!(mounts.len(), 4, "{mounts:?}");
    for mount in mounts {
        assert!(root.join(mount).exists(), "{mount}");
    }
}
