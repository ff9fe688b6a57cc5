//! Tokens that nobody can judge, as their keys cannot be fetched.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::bounds::all;
use super::client::Client;
use super::world::World;
use super::world::rules;
use crate::access::ApiKeys;
use crate::access::Gate;
use crate::config::auth::Algorithm;
use crate::config::auth::Auth;
use crate::config::auth::KeyPlace;
use crate::config::auth::Mode;
use crate::config::auth::Tokens;
use crate::subscriber::Rules;

/// Nobody listens there.
const CLOSED: &str = "http://127.0.0.1:1/keys";

/// A shard whose keys of tokens cannot be fetched; it has one API key.
fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    let (_, hash) = ApiKeys::make([7; 32]);
    std::fs::write(&path, format!("[desk]\nhash = '{hash}'\n")).unwrap();
    let tokens = Tokens {
        algorithm: Algorithm::EdDsa,
        keys: KeyPlace::Jwks { url: CLOSED.to_owned(), refresh_s: 300 },
        issuer: None,
        audience: None,
        leeway_s: 0,
    };
    let auth = Auth { mode: Mode::Jwt(tokens), api_keys: Some(path), deadline_ms: 3_000 };
    let gate = Gate::open(&auth, 100).unwrap().map(Arc::new);
    let rules = Rules { gate, heartbeat: Duration::from_secs(1_000), ..rules(1 << 20) };
    let mut world = World::with(64, vec![rules], |_| {});
    world.settle(0);
    world
}

/// A token of a key that nobody has seen.
fn unjudged() -> String {
    // The header says EdDSA and names a key; what follows is never looked at.
    let token = "eyJhbGciOiJFZERTQSIsImtpZCI6ImEifQ.e30.AAAA";
    json!({ "op": "auth", "id": 9, "token": token }).to_string()
}

/// What comes within so long.
fn within(client: &mut Client, world: &mut World, time: Duration) -> Vec<Value> {
    world.advance(time);
    all(client, world)
}

#[test]
fn who_shows_it_in_time_is_not_closed_for_being_late() {
    let mut world = world();
    let mut client = Client::connect(&mut world, 0);
    let second = Duration::from_secs(1);
    within(&mut client, &mut world, 2 * second);
    client.say(&mut world, &unjudged());
    let waits = within(&mut client, &mut world, 4 * second);
    assert_eq!((waits.len(), client.closed), (0, None), "{waits:?}: its key is waited for");
    let said = within(&mut client, &mut world, second);
    let [error] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((&error["code"], &error["id"]), (&json!("unavailable"), &json!(9)));
    assert_eq!((&error["retry"], client.closed), (&json!(true), None));
    // It may show another one, and has the time for it.
    within(&mut client, &mut world, 2 * second);
    client.say(&mut world, r#"{"op":"ping"}"#);
    assert_eq!(all(&mut client, &mut world)[0]["code"], "unauthorized");
    let (key, _) = ApiKeys::make([7; 32]);
    client.say(&mut world, &json!({ "op": "auth", "token": key }).to_string());
    assert_eq!(all(&mut client, &mut world)[0]["type"], "auth");
    within(&mut client, &mut world, 100 * second);
    assert_eq!(client.closed, None);
}

#[test]
fn who_shows_nothing_else_then_is_closed() {
    let mut world = world();
    let mut client = Client::connect(&mut world, 0);
    client.say(&mut world, &unjudged());
    within(&mut client, &mut world, Duration::from_secs(5));
    within(&mut client, &mut world, Duration::from_millis(2_900));
    assert_eq!(client.closed, None);
    within(&mut client, &mut world, Duration::from_millis(200));
    assert_eq!(client.closed, Some(4010));
}

#[test]
fn who_is_in_stays_in() {
    let mut world = world();
    let mut client = Client::connect(&mut world, 0);
    let (key, _) = ApiKeys::make([7; 32]);
    client.say(&mut world, &json!({ "op": "auth", "token": key }).to_string());
    client.say(&mut world, &unjudged());
    let said = within(&mut client, &mut world, Duration::from_secs(5));
    let said: Vec<_> = said.iter().map(|said| said["code"].as_str()).collect();
    assert_eq!(said.last(), Some(&Some("unavailable")), "{said:?}");
    client.say(&mut world, r#"{"op":"ping"}"#);
    assert_eq!(all(&mut client, &mut world)[0]["type"], "pong");
    within(&mut client, &mut world, Duration::from_secs(100));
    assert_eq!(client.closed, None);
}
