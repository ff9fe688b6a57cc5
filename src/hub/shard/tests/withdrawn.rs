//! Keys that are withdrawn after a request was checked, and before or while it is answered.

use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use std::task::Waker;

use serde_json::json;
use tempfile::TempDir;

use super::world::World;
use super::world::rules;
use crate::access::ApiKeys;
use crate::access::Gate;
use crate::access::Pass;
use crate::access::Shown;
use crate::access::SigningKey;
use crate::access::sign;
use crate::clock;
use crate::config::auth::Algorithm;
use crate::config::auth::Auth;
use crate::config::auth::KeyPlace;
use crate::config::auth::Mode;
use crate::config::auth::Tokens;
use crate::hub::shard::ConnectionId;
use crate::subscriber::Patience;
use crate::subscriber::Rules;
use crate::wire::Code;
use crate::wire::Form;
use crate::wire::Reject;
use crate::wire::Secret;
use crate::wire::op;
use crate::wire::op::Op;

const SECRETS: [&str; 2] = ["0123456789abcdef0123456789abcdef", "another secret, also of 32 bytes"];

/// A shard whose clients show what is in files that the test writes anew.
struct House {
    dir: TempDir,
    auth: Auth,
    gate: Arc<Gate>,
    world: World,
}

/// What a client shows.
#[derive(Debug, Clone, Copy)]
enum Kind {
    ApiKey,
    Token,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), SECRETS[0], "ticker");
        let tokens = Tokens {
            algorithm: Algorithm::Hs256,
            keys: KeyPlace::File(dir.path().join("secret")),
            issuer: None,
            audience: None,
            leeway_s: 0,
        };
        let api_keys = Some(dir.path().join("keys"));
        let auth = Auth { mode: Mode::Jwt(tokens), api_keys, deadline_ms: 5_000 };
        let gate = Arc::new(Gate::open(&auth, 100).unwrap().unwrap());
        let rules = Rules { gate: Some(Arc::clone(&gate)), ..rules(1 << 20) };
        let mut world = World::with(64, vec![rules], |_| {});
        world.settle(0);
        Self { dir, auth, gate, world }
    }

    /// A client that was checked and counted, and is not seated yet.
    fn checked(&self, kind: Kind) -> Pass {
        let secret = Secret::new(&match kind {
            Kind::ApiKey => ApiKeys::make([7; 32]).0,
            Kind::Token => {
                let key = SigningKey::read(Algorithm::Hs256, &self.dir.path().join("secret"));
                let grant = json!({ "symbols": ["*:*"], "channels": ["ticker"] });
                let claims = json!({ "sub": "me", "exp": 99_999_999_999_i64, "tickwire": grant });
                sign(&claims, &key.unwrap(), None).unwrap()
            }
        });
        let now = self.world.now;
        let checked = self.gate.check(&mut Shown::new(secret, now), now, clock::now());
        self.gate.enter(checked.unwrap()).unwrap()
    }

    /// Writes the files anew and has them read.
    fn reload(&self, secret: &str, channel: &str) {
        write(self.dir.path(), secret, channel);
        self.gate.take(self.gate.read(&self.auth).unwrap());
    }

    fn stream(&mut self, pass: Pass) -> Result<(), Reject> {
        let shard = &mut self.world.shards[0];
        let id = shard.connect(None, Form::Text);
        let mut seated = None;
        shard.with(id, |subscriber, view| seated = Some(subscriber.let_in(pass, view)));
        seated.unwrap()
    }

    fn lines(&mut self, pass: Pass) -> Result<(), Reject> {
        self.world.shards[0].ask(&subscribe(), Form::Lines, Some(pass)).map(|_| ())
    }

    fn page(&mut self, pass: Pass) -> Result<ConnectionId, Reject> {
        self.world.shards[0].ask_page(&subscribe(), (10, Some(pass)), |_| {})
    }

    /// How a page ends that was waited for.
    fn poll(&mut self, id: ConnectionId) -> Result<(), Reject> {
        self.world.settle(0);
        let page = self.world.shards[0].poll_page(id, Patience::None, Waker::noop());
        let Poll::Ready(Some(page)) = page else { panic!("{page:?}") };
        page.map(|_| ())
    }
}

/// The secret of tokens, and an API key that grants a channel; none without one.
fn write(dir: &Path, secret: &str, channel: &str) {
    std::fs::write(dir.join("secret"), secret).unwrap();
    let hash = ApiKeys::make([7; 32]).1;
    let grant = format!("symbols = ['*:*']\nchannels = ['{channel}']\n");
    let line = format!("[desk]\nhash = '{hash}'\n{grant}");
    std::fs::write(dir.join("keys"), if channel.is_empty() { "" } else { &line }).unwrap();
}

fn subscribe() -> op::Subscribe {
    let text = br#"{"op":"subscribe","channel":"ticker","symbols":["aa:*"]}"#;
    let (_, Ok(Op::Subscribe(op))) = op::parse(text) else { panic!("that is no subscribe") };
    op
}

fn code(done: Result<impl Sized, Reject>) -> Option<Code> {
    done.map_err(|reject| reject.code).err()
}

#[test]
fn who_is_seated_after_its_key_was_withdrawn_gets_nothing_by_any_way() {
    for kind in [Kind::ApiKey, Kind::Token] {
        let mut house = House::new();
        let [stream, lines, page] = std::array::from_fn(|_| house.checked(kind));
        house.reload(SECRETS[1], "");
        assert_eq!(code(house.stream(stream)), Some(Code::Unauthorized), "{kind:?}");
        assert_eq!(code(house.lines(lines)), Some(Code::Unauthorized), "{kind:?}");
        assert_eq!(code(house.page(page)), Some(Code::Unauthorized), "{kind:?}");
    }
}

#[test]
fn who_is_seated_after_the_same_keys_were_read_anew_is_let_in() {
    for kind in [Kind::ApiKey, Kind::Token] {
        let mut house = House::new();
        let [stream, lines, page] = std::array::from_fn(|_| house.checked(kind));
        house.reload(SECRETS[0], "ticker");
        assert_eq!(code(house.stream(stream)), None, "{kind:?}");
        assert_eq!(code(house.lines(lines)), None, "{kind:?}");
        let page = house.page(page).unwrap();
        assert_eq!(code(house.poll(page)), None, "{kind:?}");
    }
}

#[test]
fn who_is_seated_after_its_key_grants_less_has_less() {
    let mut house = House::new();
    let [lines, page] = std::array::from_fn(|_| house.checked(Kind::ApiKey));
    house.reload(SECRETS[0], "trades");
    assert_eq!(code(house.lines(lines)), Some(Code::Forbidden));
    assert_eq!(code(house.page(page)), Some(Code::Forbidden));
}

#[test]
fn a_page_is_not_handed_out_if_its_key_was_withdrawn_while_it_waited() {
    for (channel, expected) in [("", Code::Unauthorized), ("trades", Code::Forbidden)] {
        let mut house = House::new();
        let page = house.checked(Kind::ApiKey);
        let page = house.page(page).unwrap();
        house.reload(SECRETS[0], channel);
        assert_eq!(code(house.poll(page)), Some(expected));
    }
    // A token is good until it expires, once its client is there.
    let mut house = House::new();
    let page = house.checked(Kind::Token);
    let page = house.page(page).unwrap();
    house.reload(SECRETS[1], "");
    assert_eq!(code(house.poll(page)), None);
}
