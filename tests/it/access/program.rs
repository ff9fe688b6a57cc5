//! The program's own side: `tickwire token`, clients that show one, and what nobody gets to read.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use super::Issuer;
use crate::client::get_as;
use crate::server::Server;
use crate::server::tickwire;

/// Runs the program; its code, stdout and stderr.
#[track_caller]
fn run(args: &[&str], env: &[(&str, &str)], input: &str) -> (i32, String, String) {
    let mut command = tickwire();
    command.args(args).envs(env.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap_or_default();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn env(secret: &str) -> [(&str, &str); 3] {
    [
        ("TICKWIRE__AUTH__MODE", "jwt"),
        ("TICKWIRE__AUTH__ALGORITHM", "HS256"),
        ("TICKWIRE__AUTH__KEY", secret),
    ]
}

#[test]
fn a_token_that_the_program_made_is_good() {
    let issuer = Issuer::new();
    let secret = issuer.dir.path().join("secret").to_str().unwrap().to_owned();
    let new = ["token", "new", "--sub", "me", "--symbols", "sim:*", "--channels", "ticker"];
    let (code, token, said) = run(&new, &env(&secret), "");
    assert_eq!(code, 0, "{said}");
    let (code, told, said) = run(&["token", "inspect", "-"], &env(&secret), &token);
    assert_eq!(code, 0, "{said}");
    for word in [
        "signed with: HS256",
        "grants: ticker of sim:*, live, and nothing past",
        "good until: 2",
        "good here: yes",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
    assert!(!told.contains(token.trim()), "the token itself is not told");

    let server = issuer.server(&[]);
    let answer = get_as(server.address, "/v1/symbols", token.trim());
    assert_eq!(answer.status, 200);
    let url = format!("http://{}", server.address);
    let snap = |more: &[&str], env: &[(&str, &str)]| {
        let args = ["snap", "sim:BTC-USD", "--url", &url];
        run(&[&args[..], more].concat(), env, "")
    };
    let (code, _, said) = snap(&[], &[]);
    assert_eq!(code, 5, "without a token");
    assert!(said.contains("set TICKWIRE_TOKEN or --token-file"), "{said}");
    assert_eq!(snap(&["--token", "bad"], &[]).0, 5);
    let file = issuer.dir.path().join("token");
    std::fs::write(&file, &token).unwrap();
    for (more, env) in [
        (vec!["--token", token.trim()], vec![]),
        (vec!["--token-file", file.to_str().unwrap()], vec![]),
        (vec![], vec![("TICKWIRE_TOKEN", token.trim())]),
    ] {
        let (code, told, said) = snap(&more, &env);
        assert_eq!(code, 0, "{more:?}: {said}");
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["symbol"], "sim:BTC-USD");
    }
    let (code, _, _) = snap(&["--channel", "trades"], &[("TICKWIRE_TOKEN", token.trim())]);
    assert_eq!(code, 5, "what is not granted");
}

#[test]
fn a_token_that_is_not_good_is_told_why() {
    let issuer = Issuer::new();
    let secret = issuer.dir.path().join("secret").to_str().unwrap().to_owned();
    let old = issuer.token(&serde_json::json!({ "exp": 1_000 }));
    let (code, told, said) = run(&["token", "inspect", &old], &env(&secret), "");
    assert_eq!(code, 5);
    assert!(told.contains("good here: no") && told.contains("grants: nothing"), "{told}");
    assert!(said.contains("expired"), "{said}");
    let (code, told, _) = run(&["token", "inspect", &old], &[], "");
    assert_eq!(code, 0);
    assert!(told.contains("not checked"), "{told}");
    let (code, told, said) = run(&["token", "inspect", "garbage"], &[], "");
    assert_eq!((code, told.as_str()), (5, ""), "{said}");
    assert!(said.contains("that is no token"), "{said}");
    let (code, _, said) = run(&["token", "new", "--sub", "me", "--key", &secret], &[], "");
    assert!(code == 0 && said.contains("grants nothing: --symbols and --channels"), "{said}");
    assert_eq!(run(&["token", "inspect", "x"], &env(&secret), "").0, 5);
    assert_eq!(run(&["token", "new"], &[], "").0, 2, "no key");
    assert_eq!(run(&["token", "new", "--key", &secret, "--symbols", "*"], &[], "").0, 2);
}

#[test]
fn an_api_key_that_the_program_made_is_good() {
    let args = ["token", "key", "--name", "alerts", "--symbols", "sim:*", "--channels", "ticker"];
    let (code, lines, said) = run(&args, &[], "");
    assert_eq!(code, 0, "{said}");
    let key = said.lines().last().unwrap();
    assert!(key.starts_with("twk_") && !lines.contains(key), "{lines} {said}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.toml");
    std::fs::write(&file, lines).unwrap();
    let keys = file.to_str().unwrap();
    let env = [("TICKWIRE__AUTH__MODE", "keys"), ("TICKWIRE__AUTH__API_KEYS", keys)];
    let (code, told, said) = run(&["token", "inspect", key], &env, "");
    assert_eq!(code, 0, "{said}");
    assert!(told.contains("subject: key:alerts"), "{told}");
}

#[test]
fn no_token_gets_into_the_log() {
    let issuer = Issuer::new();
    let secret = issuer.dir.path().join("secret").to_str().unwrap().to_owned();
    let settings = env(&secret).into_iter().chain([("RUST_LOG", "trace")]);
    let mut server = Server::with(settings);
    let address = server.address.parse().unwrap();
    let (good, bad) = (issuer.all(), issuer.token(&serde_json::json!({ "exp": 1 })));
    let mut shown = Vec::new();
    for token in [&good, &bad] {
        get_as(address, "/v1/symbols", token);
        drop(crate::client::Client::connect_as(address, "/v1/stream", token));
        let mut client = crate::client::Client::connect(address);
        client.send(&serde_json::json!({ "op": "auth", "id": 1, "token": token }).to_string());
        client.during(std::time::Duration::from_millis(300));
        shown.extend(token.split('.').skip(1).map(str::to_owned));
    }
    let (code, told, _) = run(&["config", "show"], &env(&secret), "");
    assert_eq!(code, 0);
    let text = std::fs::read_to_string(&secret).unwrap();
    assert!(!told.contains(text.trim()), "{told}");
    server.process().signal("TERM");
    assert!(server.process().ended().success());
    let log: Vec<String> = server.process().stderr.iter().collect();
    assert!(log.len() > 20, "it says a lot");
    for line in &log {
        assert!(!shown.iter().any(|part| line.contains(part.as_str())), "{line}");
    }
}
