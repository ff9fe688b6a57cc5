//! The container: what `Dockerfile` and `docker-compose.yml` say holds for the program as it is.
//! There is no engine here, so what they would run is run without one.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::Server;
use crate::harness::eventually;
use crate::server::tickwire;

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// Settings that a file names, as `KEY=VALUE` or `KEY: VALUE`.
fn settings(name: &str) -> Vec<(String, String)> {
    let settings = file(name);
    let settings = settings.lines().filter_map(|line| {
        let setting = line.trim_start().trim_start_matches("ENV ").strip_prefix("TICKWIRE__")?;
        let (key, value) = setting.split_once(['=', ':'])?;
        Some((format!("TICKWIRE__{key}"), value.trim().to_owned()))
    });
    settings.collect()
}

#[test]
fn the_settings_of_the_container_are_settings_of_the_program() {
    let (image, compose) = (settings("Dockerfile"), settings("docker-compose.yml"));
    assert_eq!((image.len(), compose.len()), (2, 1));
    let dir = tempfile::tempdir().unwrap();
    let mut check = tickwire();
    check.args(["config", "check", "--tape-dir"]).arg(dir.path()).envs(image).envs(compose);
    let told = check.output().unwrap();
    assert!(told.status.success(), "{told:?}");
}

#[test]
fn the_health_check_of_the_container_tells_a_server_that_is_ready() {
    let dockerfile = file("Dockerfile");
    let check = dockerfile.split_once("HEALTHCHECK").unwrap().1;
    let check = check.split_once("CMD ").unwrap().1.lines().next().unwrap();
    let check: Vec<String> = serde_json::from_str(check).unwrap();
    let server = Server::start(&[]);
    let port = server.address.port().to_string();
    let is_healthy = || {
        let words = check.iter().map(|word| word.replace("8080", &port));
        let words: Vec<String> = words.collect();
        Command::new(&words[0]).args(&words[1..]).output().unwrap().status.success()
    };
    eventually("it is healthy", is_healthy);
    drop(server);
    assert!(!is_healthy());
}
