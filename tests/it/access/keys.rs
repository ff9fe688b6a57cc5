//! Keys: of each algorithm, published and rotated, and API keys.

use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use ring::signature::KeyPair as _;
use serde_json::Value;
use serde_json::json;
use tickwire::access::ApiKeys;
use tickwire::access::SigningKey;
use tickwire::config::auth::Algorithm;

use super::in_s;
use super::key_pair;
use super::made;
use super::openssl;
use super::token;
use crate::client::Client;
use crate::client::get;
use crate::client::get_as;
use crate::client::request;
use crate::harness::Server;

fn server_of(algorithm: Algorithm, key: (&str, &str), more: &[(&str, &str)]) -> Server {
    let own = [("auth.mode", "jwt"), ("auth.algorithm", algorithm.word()), key];
    let settings: Vec<_> = own.into_iter().chain(more.iter().copied()).collect();
    Server::start(&settings)
}

fn status(server: &Server, token: &str) -> u16 {
    get_as(server.address, "/v1/symbols", token).status
}

#[test]
fn each_algorithm_takes_its_own_tokens_alone() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let Some(()) = key_pair(own.path(), algorithm) else { return };
        let Some(()) = key_pair(other.path(), algorithm) else { return };
        let public = own.path().join("public.pem");
        let server = server_of(algorithm, ("auth.key", public.to_str().unwrap()), &[]);
        let private = |dir: &Path| SigningKey::read(algorithm, &dir.join("private.pem")).unwrap();
        let grant = json!({ "tickwire": { "symbols": ["*:*"], "channels": ["*"] } });
        let word = algorithm.word();
        let good = token(&private(own.path()), &grant, None);
        assert_eq!(status(&server, &good), 200, "{word}");
        Client::connect_as(server.address, "/v1/stream", &good).unwrap();
        let named = token(&private(own.path()), &grant, Some("any name"));
        assert_eq!(status(&server, &named), 200, "{word}: one key needs no name");
        assert_eq!(status(&server, &token(&private(other.path()), &grant, None)), 401, "{word}");

        // The public key as the secret of HMAC, as whoever has it may try.
        let text = std::fs::read_to_string(&public).unwrap();
        let claims = json!({ "sub": "me", "exp": in_s(600), "tickwire": {} }).to_string();
        for secret in [text.as_str(), text.trim_end()] {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            let sign = |message: &[u8]| hmac::sign(&key, message).as_ref().to_vec();
            assert_eq!(status(&server, &made(r#"{"alg":"HS256"}"#, &claims, sign)), 401, "{word}");
            let header = format!("{{\"alg\":{word:?}}}");
            assert_eq!(status(&server, &made(&header, &claims, sign)), 401, "{word}");
        }
        for header in [r#"{"alg":"none"}"#.to_owned(), format!("{{\"alg\":{word:?}}}")] {
            assert_eq!(status(&server, &made(&header, &claims, |_| Vec::new())), 401, "{word}");
            assert_eq!(status(&server, &made(&header, &claims, |_| vec![0; 64])), 401, "{word}");
        }
    }
}

#[test]
fn tokens_that_openssl_signed_are_good() {
    for (algorithm, sign) in [
        (Algorithm::Rs256, "dgst -sha256 -sign private.pem -out signature message"),
        (Algorithm::EdDsa, "pkeyutl -sign -rawin -inkey private.pem -in message -out signature"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let Some(()) = key_pair(dir.path(), algorithm) else { return };
        let public = dir.path().join("public.pem");
        let server = server_of(algorithm, ("auth.key", public.to_str().unwrap()), &[]);
        let claims = json!({ "exp": in_s(600) }).to_string();
        let header = format!("{{\"alg\":{:?}}}", algorithm.word());
        let token = made(&header, &claims, |message| {
            std::fs::write(dir.path().join("message"), message).unwrap();
            openssl(dir.path(), sign).unwrap();
            std::fs::read(dir.path().join("signature")).unwrap()
        });
        assert_eq!(status(&server, &token), 200, "{algorithm:?}");
    }
}

#[test]
fn a_server_without_a_usable_key_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let Some(()) = key_pair(dir.path(), Algorithm::Rs256) else { return };
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("short"), "too short").unwrap();
    std::fs::write(path("empty"), "").unwrap();
    for (algorithm, key, word) in [
        ("HS256", path("public.pem"), "PEM"),
        ("HS256", path("short"), "32 bytes"),
        ("HS256", path("missing"), "cannot read"),
        ("RS256", path("private.pem"), "private key"),
        ("RS256", path("empty"), "BEGIN PUBLIC KEY"),
        ("ES256", path("public.pem"), "another algorithm"),
        ("EdDSA", path("public.pem"), "another algorithm"),
    ] {
        let mut command = crate::server::tickwire();
        command.args(["serve", "--listen", "127.0.0.1:0", "--tape-dir"]).arg(path("tape"));
        command.env("TICKWIRE__AUTH__MODE", "jwt").env("TICKWIRE__AUTH__KEY", &key);
        let output = command.env("TICKWIRE__AUTH__ALGORITHM", algorithm).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(word), "{algorithm} {key}: {said}");
    }
}

/// A web server with a set of keys that can be changed, and taken away.
struct Site {
    url: String,
    keys: Arc<Mutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
}

impl Site {
    fn open() -> Self {
        Self::over(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn over(listener: TcpListener) -> Self {
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let (keys, asked) = (Arc::new(Mutex::new(None)), Arc::new(AtomicUsize::new(0)));
        let (shown, counted) = (Arc::clone(&keys), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Ordering::Relaxed);
                let mut stream = stream;
                let _request = stream.read(&mut [0; 4_096]);
                let keys: Option<String> = shown.lock().unwrap().clone();
                let (status, body) = keys
                    .map_or(("503 Service Unavailable", String::new()), |keys| ("200 OK", keys));
                let length = body.len();
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n");
                let _gone = write!(stream, "{head}Connection: close\r\n\r\n{body}");
            }
        });
        Self { url, keys, asked }
    }

    fn publish(&self, keys: &[Value]) {
        *self.keys.lock().unwrap() = Some(json!({ "keys": keys }).to_string());
    }

    /// From now on it answers 503.
    fn fail(&self) {
        *self.keys.lock().unwrap() = None;
    }
}

/// The status that a token gets in the end, if that passes which it gets for a while.
#[track_caller]
fn status_after(server: &Server, token: &str, passing: u16) -> u16 {
    let start = tickwire::clock::monotonic();
    // The longest rest between two looks is 10 s.
    while crate::harness::since(start) < Duration::from_secs(25) {
        let status = status(server, token);
        if status != passing {
            return status;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it stays {passing}");
}

/// A key of EdDSA with a name.
struct Named {
    kid: &'static str,
    pair: Ed25519KeyPair,
}

impl Named {
    fn new(kid: &'static str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self { kid, pair: Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap() }
    }

    fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": x, "alg": "EdDSA" })
    }

    fn token(&self, kid: Option<&str>) -> String {
        let mut header = json!({ "alg": "EdDSA" });
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        let claims = json!({ "sub": "me", "exp": in_s(600) }).to_string();
        made(&header.to_string(), &claims, |message| self.pair.sign(message).as_ref().to_vec())
    }
}

#[test]
fn published_keys_are_followed_as_they_change() {
    let site = Site::open();
    let (first, second, third) = (Named::new("first"), Named::new("second"), Named::new("third"));
    site.publish(&[first.jwk()]);
    let settings = [("auth.jwks_refresh_s", "3600")];
    let server = server_of(Algorithm::EdDsa, ("auth.jwks_url", &site.url), &settings);
    assert_eq!(status(&server, &first.token(Some("first"))), 200);
    assert_eq!(status(&server, &first.token(None)), 200, "there is only one");
    assert_eq!(status(&server, &second.token(Some("first"))), 401, "its name, another's key");

    // A new key is looked for as soon as somebody shows a token of it, by every door.
    site.publish(&[first.jwk(), second.jwk()]);
    assert_eq!(status(&server, &second.token(Some("second"))), 200);
    assert_eq!(status(&server, &first.token(None)), 401, "there are two");
    site.publish(&[second.jwk(), third.jwk()]);
    let mut client = Client::connect(server.address);
    let auth = auth(&third.token(Some("third")));
    client.send(&auth);
    assert_eq!(client.ask_json(r#"{"op":"ping"}"#)["type"], "auth");
    assert_eq!(client.next_of("pong")["type"], "pong", "in their order");
    let mut replay = Client::connect_to(server.address, "/v1/replay");
    assert_eq!(replay.ask_json(&auth)["type"], "auth");

    // What is withdrawn there is good no longer, and what is here stays while nobody answers.
    assert_eq!(status(&server, &first.token(Some("first"))), 401);
    site.fail();
    assert_eq!(status(&server, &second.token(Some("second"))), 200);
    assert_eq!(status(&server, &second.token(Some("made up"))), 503, "nobody can say");

    // Names that nobody has cause few requests.
    site.publish(&[second.jwk(), third.jwk()]);
    assert_eq!(status_after(&server, &second.token(Some("made up")), 503), 401);
    let before = site.asked.load(Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(status(&server, &second.token(Some("made up"))), 401);
    }
    let asked = site.asked.load(Ordering::Relaxed) - before;
    assert!(asked <= 6, "{asked} requests");
    assert_eq!(status(&server, &second.token(Some("second"))), 200);
}

fn auth(token: &str) -> String {
    json!({ "op": "auth", "id": 9, "token": token }).to_string()
}

/// The `error` that a token gets that nobody can judge.
#[track_caller]
fn check_unavailable(client: &mut Client, token: &str) {
    let error = client.ask_json(&auth(token));
    let expected = (&json!("unavailable"), &json!(9), &json!(true));
    assert_eq!((&error["code"], &error["id"], &error["retry"]), expected, "{error}");
}

#[test]
fn while_its_keys_cannot_be_fetched_a_token_is_not_bad_and_not_good() {
    // The port is taken, and refuses until somebody listens.
    let closed = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    closed.bind(&any.into()).unwrap();
    let url = format!("http://{}/keys", closed.local_addr().unwrap().as_socket().unwrap());
    let deadline = [("auth.deadline_ms", "60000")];
    let server = server_of(Algorithm::EdDsa, ("auth.jwks_url", &url), &deadline);
    let (first, second) = (Named::new("first"), Named::new("second"));
    let token = first.token(Some("first"));
    let mut late = Client::connect(server.address);
    let mut replay = Client::connect_to(server.address, "/v1/replay");
    let (address, start) = (server.address, tickwire::clock::monotonic());
    std::thread::scope(|scope| {
        for path in ["/v1/symbols", "/v1/poll?channel=ticker&symbols=*:*", "/v1/sessions"] {
            let token = &token;
            scope.spawn(move || {
                let refused = get_as(address, path, token);
                assert_eq!(refused.status, 503, "{path}: {refused:?}");
                assert_eq!(refused.header("retry-after").as_deref(), Some("5"), "{path}");
                assert_eq!(refused.json()["error"]["code"], "unavailable", "{path}");
            });
        }
        // An EventSource gives up at any other status.
        let sse = scope.spawn(|| get_as(address, "/v1/sse?channel=ticker&symbols=*:*", &token));
        for path in ["/v1/stream", "/v1/replay"] {
            let token = &token;
            scope.spawn(move || {
                assert_eq!(Client::connect_as(address, path, token).err(), Some(503), "{path}");
            });
        }
        for client in [&mut late, &mut replay] {
            let token = &token;
            scope.spawn(move || check_unavailable(client, token));
        }
        let said = sse.join().unwrap();
        assert_eq!(said.status, 200);
        assert!(said.body.contains(r#"{"type":"closing","code":"unavailable""#), "{said:?}");
    });
    let took = crate::harness::since(start);
    assert!(took < Duration::from_secs(8), "{took:?}");
    assert_eq!(late.ask_json(r#"{"op":"ping"}"#)["code"], "unauthorized", "it is still there");

    closed.listen(16).unwrap();
    let site = Site::over(closed.into());
    site.publish(&[json!({ "kty": "RSA" }), json!(7), first.jwk()]);
    assert_eq!(status_after(&server, &token, 503), 200);
    for client in [&mut late, &mut replay] {
        assert_eq!(client.ask_json(&auth(&token))["type"], "auth");
    }

    // Who is in stays in, whatever it shows meanwhile, and what was fetched stays good.
    site.fail();
    let other = second.token(Some("second"));
    check_unavailable(&mut late, &other);
    assert_eq!(late.ask_json(r#"{"op":"ping"}"#)["type"], "pong");
    assert_eq!((status(&server, &other), status(&server, &token)), (503, 200));
    site.publish(&[first.jwk()]);
    assert_eq!(status_after(&server, &other, 503), 401, "it was looked for, and is not there");
    site.publish(&[first.jwk(), second.jwk()]);
    assert_eq!(status_after(&server, &other, 401), 200);
}

#[test]
fn api_keys_open_every_door_too() {
    let dir = tempfile::tempdir().unwrap();
    let (key, hash) = ApiKeys::make([7; 32]);
    let (other, _) = ApiKeys::make([8; 32]);
    let path = dir.path().join("keys.toml");
    let grant = "symbols = ['sim:*']\nchannels = ['ticker']";
    std::fs::write(&path, format!("[alerts]\nhash = '{hash}'\n{grant}\n")).unwrap();
    let server = Server::start(&[
        ("auth.mode", "keys"),
        ("auth.api_keys", path.to_str().unwrap()),
        ("limits.connections_per_subject", "2"),
    ]);
    assert_eq!(get(server.address, "/v1/symbols").status, 401);
    assert_eq!(status(&server, &key), 200);
    assert_eq!(status(&server, &other), 401);
    assert_eq!(status(&server, &hash), 401);
    assert_eq!(status(&server, "a.b.c"), 401, "no tokens here");
    let text = format!("GET /v1/symbols HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n");
    assert_eq!(request(server.address, &format!("{text}Connection: close\r\n\r\n")).status, 200);
    let two = format!("{text}Authorization: Bearer {key}\r\nConnection: close\r\n\r\n");
    assert_eq!(request(server.address, &two).status, 401);

    let mut client = Client::connect_as(server.address, "/v1/stream", &key).unwrap();
    assert_eq!(client.welcome["auth"], "keys");
    let trades = r#"{"op":"subscribe","channel":"trades","symbols":["sim:BTC-USD"]}"#;
    assert_eq!(client.ask_json(trades)["code"], "forbidden");
    let mut late = Client::connect(server.address);
    assert_eq!(late.ask(&auth(&key)), r#"{"type":"auth","id":9}"#, "it does not expire");
    assert_eq!(Client::connect_as(server.address, "/v1/stream", &key).err(), Some(429));
}

#[test]
fn who_came_with_a_withdrawn_api_key_goes_and_who_is_granted_less_has_less() {
    let dir = tempfile::tempdir().unwrap();
    let ((gone, gone_hash), (kept, kept_hash)) = (ApiKeys::make([7; 32]), ApiKeys::make([8; 32]));
    let path = dir.path().join("keys.toml");
    let line = |name: &str, hash: &str, channel: &str| {
        format!("[{name}]\nhash = '{hash}'\nsymbols = ['sim:*']\nchannels = ['{channel}']\n")
    };
    let both = line("gone", &gone_hash, "ticker") + &line("kept", &kept_hash, "ticker");
    std::fs::write(&path, both).unwrap();
    let server = Server::start(&[
        ("auth.mode", "keys"),
        ("auth.api_keys", path.to_str().unwrap()),
        ("stream.heartbeat_ms", "100"),
    ]);
    crate::http::wait_until_ready(&server);
    let connect = |path: &str, key: &str| Client::connect_as(server.address, path, key).unwrap();
    let subscribe = r#"{"op":"subscribe","channel":"ticker","symbols":["sim:BTC-USD"]}"#;
    let mut clients = [connect("/v1/stream", &gone), connect("/v1/stream", &kept)];
    for client in &mut clients {
        assert_eq!(client.ask_json(subscribe)["type"], "subscribed");
    }
    let [mut withdrawn, mut lessened] = clients;
    server.signal("-HUP");
    assert_eq!(withdrawn.ask_json(r#"{"op":"ping"}"#)["type"], "pong", "nothing has changed");
    std::fs::write(&path, line("kept", &kept_hash, "trades")).unwrap();
    server.signal("-HUP");
    let (texts, code) = withdrawn.rest();
    assert_eq!(code, 4401);
    assert!(texts.last().unwrap().contains(r#""code":"unauthorized""#), "{texts:?}");
    let said = lessened.next_of("error");
    assert_eq!(said["code"], "forbidden", "{said}");
    assert_eq!(lessened.ask_json(subscribe)["code"], "forbidden");
    let trades = subscribe.replace("ticker", "trades");
    assert_eq!(lessened.ask_json(&trades)["type"], "subscribed");
    assert_eq!((status(&server, &gone), status(&server, &kept)), (401, 200));
}
