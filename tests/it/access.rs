//! Access: who is let in, by which door, and what each is given there.

mod doors;
mod grants;
mod keys;
mod operators;
mod program;
mod renewal;
mod ways;

use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tickwire::access::SigningKey;
use tickwire::access::sign;
use tickwire::clock;
use tickwire::config::auth::Algorithm;

use crate::harness::Server;
pub(crate) use doors::bad_tokens;

/// All that shows data, with a query that is answered if it may be.
const PAGES: &[&str] = &[
    "/v1/symbols",
    "/v1/venues",
    "/v1/snapshot?channel=ticker&symbols=sim:BTC-USD",
    "/v1/trades?symbol=sim:BTC-USD",
    "/v1/quotes?symbol=sim:BTC-USD",
    "/v1/bars?symbol=sim:BTC-USD&interval=1m",
    "/v1/gaps?symbol=sim:BTC-USD",
    "/v1/sessions",
];

/// Who makes tokens: a secret in a file, and what a server is told of it.
pub(crate) struct Issuer {
    pub(crate) dir: TempDir,
    key: SigningKey,
}

impl Issuer {
    /// One of HS256.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(&path, "0123456789abcdef0123456789abcdef\n").unwrap();
        let key = SigningKey::read(Algorithm::Hs256, &path).unwrap();
        Self { dir, key }
    }

    /// A server that takes its tokens, with further settings.
    #[track_caller]
    pub(crate) fn server(&self, settings: &[(&str, &str)]) -> Server {
        let secret = self.dir.path().join("secret");
        let own = [
            ("auth.mode", "jwt"),
            ("auth.algorithm", "HS256"),
            ("auth.key", secret.to_str().unwrap()),
            ("feeds.sim.ticks_per_s", "500"),
            ("stream.heartbeat_ms", "200"),
        ];
        let all: Vec<_> = own.into_iter().chain(settings.iter().copied()).collect();
        let server = Server::start(&all);
        crate::http::wait_until_ready(&server);
        server
    }

    /// A token with these claims, good for 10 min unless they say otherwise.
    pub(crate) fn token(&self, claims: &Value) -> String {
        token(&self.key, claims, None)
    }

    /// A token that grants so much.
    pub(crate) fn granting(&self, symbols: &[&str], channels: &[&str]) -> String {
        self.token(&json!({ "sub": "me", "tickwire": grant(symbols, channels) }))
    }

    /// A token that grants all.
    pub(crate) fn all(&self) -> String {
        let mut all = grant(&["*:*"], &["*"]);
        all["history"] = true.into();
        self.token(&json!({ "sub": "me", "tickwire": all }))
    }
}

/// What a token grants, without history.
pub(crate) fn grant(symbols: &[&str], channels: &[&str]) -> Value {
    json!({ "symbols": symbols, "channels": channels })
}

/// A token of a key.
pub(crate) fn token(key: &SigningKey, claims: &Value, kid: Option<&str>) -> String {
    let mut whole = json!({ "sub": "me", "exp": in_s(600) });
    for (name, value) in claims.as_object().unwrap() {
        whole[name] = value.clone();
    }
    sign(&whole, key, kid).unwrap()
}

/// A token whose parts are as given, signed by what makes a signature of them.
pub(crate) fn made(header: &str, claims: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let signature = encode(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// So many seconds from now, as a claim.
pub(crate) fn in_s(seconds: i64) -> i64 {
    clock::now().0 / 1_000_000_000 + seconds
}

/// Runs openssl; `None` if there is none here.
pub(crate) fn openssl(dir: &Path, args: &str) -> Option<()> {
    let mut command = Command::new("openssl");
    let command = command.args(args.split(' ')).current_dir(dir).stderr(Stdio::null());
    match command.stdout(Stdio::null()).status() {
        Ok(status) => {
            assert!(status.success(), "openssl {args}");
            Some(())
        }
        Err(_) if std::env::var("REQUIRE").as_deref() == Ok("all") => panic!("needs openssl"),
        Err(_) => {
            println!("SKIPPED: needs openssl");
            None
        }
    }
}

/// Makes `private.pem` and `public.pem` for an algorithm.
pub(crate) fn key_pair(dir: &Path, algorithm: Algorithm) -> Option<()> {
    let kind = match algorithm {
        Algorithm::Rs256 => "RSA -pkeyopt rsa_keygen_bits:2048",
        Algorithm::Es256 => "EC -pkeyopt ec_paramgen_curve:P-256",
        Algorithm::EdDsa | Algorithm::Hs256 => "ED25519",
    };
    openssl(dir, &format!("genpkey -algorithm {kind} -out private.pem"))?;
    openssl(dir, "pkey -in private.pem -pubout -out public.pem")
}
