//! `tickwire token`: tokens and API keys, made and looked into.

use std::io;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use serde::Deserialize as _;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use tickwire_feeds::Nanos;

use crate::access;
use crate::access::ApiKeys;
use crate::access::Gate;
use crate::access::Grant;
use crate::access::KEYS_LOOK;
use crate::access::Refusal;
use crate::access::Shown;
use crate::access::SigningKey;
use crate::access::Written;
use crate::cli::failure::Failure;
use crate::cli::request;
use crate::cli::serve::Flags;
use crate::cli::talk::Talk;
use crate::clock;
use crate::config::auth::Algorithm;
use crate::config::auth::Auth;
use crate::config::auth::KeyPlace;
use crate::config::auth::Mode;
use crate::config::quantity::Span;
use crate::wire::Secret;

/// Tokens and API keys.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  tickwire token new --key secret.txt --sub me --symbols 'sim:*' --channels ticker,trades
  tickwire token key --name alerts --symbols 'sim:*' --channels ticker")]
pub struct Token {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with tokens.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Verb {
    /// Make a token, and print it
    New(New),
    /// Say what a token grants, and whether this configuration takes it
    #[command(after_help = "\
Ends with 5 if the token is not good here.

Examples:
  tickwire token inspect -
  tickwire token inspect - --config config/production.toml")]
    Inspect {
        /// The token, or - to read it from stdin
        #[arg(value_name = "TOKEN")]
        token: String,
        /// File of settings that differ from the defaults
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Make an API key: its lines for the file of auth.api_keys on stdout, the key itself on stderr
    #[command(after_help = "\
Examples:
  tickwire token key --name alerts --symbols 'sim:*' --channels ticker
  tickwire token key --name archive --symbols '*:*' --channels '*' --history")]
    Key {
        /// Whose it is
        #[arg(long, value_name = "NAME", value_parser = name)]
        name: String,
        /// What it grants.
        #[command(flatten)]
        grants: Grants,
    },
}

/// A token to make.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "\
Examples:
  tickwire token new --key secret.txt --sub me --symbols 'sim:*' --channels ticker,trades
  tickwire token new --algorithm ES256 --key private.pem --symbols '*:*' --channels '*' --history")]
pub struct New {
    /// Whose it is
    #[arg(long, value_name = "NAME", default_value = "")]
    sub: String,
    /// What it grants.
    #[command(flatten)]
    grants: Grants,
    /// How long it is good
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = span)]
    expires: Span,
    /// File with the private key (PEM), or the secret of HS256; else auth.key of HS256
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// HS256, RS256, ES256 or EdDSA; else auth.algorithm, else HS256
    #[arg(long, value_name = "NAME", value_parser = algorithm)]
    algorithm: Option<Algorithm>,
    /// The name of the key, as a JWKS has it
    #[arg(long, value_name = "KID")]
    kid: Option<String>,
    /// File of settings that differ from the defaults
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// What is granted; what is not named is not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Grants {
    /// Symbols and patterns: 'coinbase:*,sim:BTC-USD'
    #[arg(long, value_name = "SYMBOLS")]
    symbols: Vec<String>,
    /// Channels: ticker,trades,bars.1m; bars.* for all bars, * for all
    #[arg(long, value_name = "CHANNELS")]
    channels: Vec<String>,
    /// Also history and replay
    #[arg(long)]
    history: bool,
    /// Also to end connections of others, by the operators' page
    #[arg(long)]
    operator: bool,
}

impl Token {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure`]; [`Failure::Access`] for a token that is not good.
    pub fn run(&self, talk: Talk) -> Result<(), Failure> {
        match &self.verb {
            Verb::New(new) => {
                let token = new.make(clock::now())?;
                new.grants.warn(talk);
                Ok(writeln!(io::stdout(), "{token}")?)
            }
            Verb::Inspect { token, config } => {
                let token =
                    if token == "-" { io::read_to_string(io::stdin())? } else { token.clone() };
                inspect(token.trim(), &auth(config.as_ref())?)
            }
            Verb::Key { name, grants } => {
                let written = grants.written()?;
                grants.warn(talk);
                let (key, hash) = ApiKeys::make(rand::random());
                let Written { symbols, channels, history, operator } = written;
                let lines = toml::Table::from_iter([
                    ("hash".to_owned(), hash.into()),
                    ("symbols".to_owned(), symbols.into()),
                    ("channels".to_owned(), channels.into()),
                    ("history".to_owned(), history.into()),
                    ("operator".to_owned(), operator.into()),
                ]);
                write!(io::stdout(), "[{name}]\n{lines}")?;
                talk.say("the key itself, shown this once:");
                Ok(writeln!(io::stderr(), "{key}")?)
            }
        }
    }
}

impl Grants {
    /// What is good for nothing must not be found out by its first use.
    fn warn(&self, talk: Talk) {
        let given = [("--symbols", &self.symbols), ("--channels", &self.channels)];
        let missing: Vec<&str> = given
            .into_iter()
            .filter_map(|(flag, given)| request::split(given).is_empty().then_some(flag))
            .collect();
        if !missing.is_empty() {
            talk.say(&format!("warning: it grants nothing: {} not given", missing.join(" and ")));
        }
    }

    fn written(&self) -> Result<Written, Failure> {
        let (symbols, channels) = (request::split(&self.symbols), request::split(&self.channels));
        let Self { history, operator, .. } = *self;
        let written = Written { symbols, channels, history, operator };
        match Grant::read(&written) {
            Ok(_) => Ok(written),
            Err(reason) => Err(Failure::Usage(reason.to_owned())),
        }
    }
}

impl New {
    fn make(&self, now: Nanos) -> Result<String, Failure> {
        let auth = auth(self.config.as_ref())?;
        let tokens = if let Mode::Jwt(tokens) = auth.mode { Some(tokens) } else { None };
        let set = tokens.as_ref().map(|tokens| tokens.algorithm);
        let algorithm = self.algorithm.or(set).unwrap_or(Algorithm::Hs256);
        let secret = tokens.as_ref().and_then(|tokens| match &tokens.keys {
            KeyPlace::File(path) if tokens.algorithm == Algorithm::Hs256 => Some(path),
            _ => None,
        });
        let key = self.key.as_ref().or(secret.filter(|_| algorithm == Algorithm::Hs256));
        let key = key.ok_or_else(|| Failure::Usage("which key? name its file by --key".into()))?;
        let key = SigningKey::read(algorithm, key).map_err(|error| general(&error))?;
        let Written { symbols, channels, history, operator } = self.grants.written()?;
        let now_s = now.0.div_euclid(1_000_000_000);
        let life_s = i64::try_from(self.expires.millis() / 1_000).unwrap_or(i64::MAX);
        let mut claims = Map::from_iter([
            ("sub".to_owned(), json!(self.sub)),
            ("iat".to_owned(), json!(now_s)),
            ("exp".to_owned(), json!(now_s.saturating_add(life_s))),
        ]);
        let given = [
            ("iss", tokens.as_ref().and_then(|of| of.issuer.clone())),
            ("aud", tokens.as_ref().and_then(|of| of.audience.clone())),
        ];
        claims.extend(
            given
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), Value::String(value?)))),
        );
        let mut grant = json!({ "symbols": symbols, "channels": channels, "history": history });
        if let (true, Some(grant)) = (operator, grant.as_object_mut()) {
            grant.insert("operator".to_owned(), true.into());
        }
        claims.insert("tickwire".to_owned(), grant);
        access::sign(&Value::Object(claims), &key, self.kid.as_deref())
            .ok_or_else(|| Failure::General("the system has no random numbers".to_owned()))
    }
}

/// Says what a credential is, and whether it is good here.
fn inspect(text: &str, auth: &Auth) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let seen = access::inspect(text);
    if let Ok(seen) = &seen {
        writeln!(out, "signed with: {}", seen.header.alg)?;
        writeln!(out, "key: {}", seen.header.kid.as_deref().unwrap_or("not named"))?;
        let claims: Value = serde_json::from_slice(seen.claims_text()).unwrap_or_default();
        writeln!(out, "claims: {claims:#}")?;
        for (name, word) in [("exp", "good until"), ("nbf", "good from")] {
            if let Some(at) = claims.get(name).and_then(Value::as_i64) {
                writeln!(out, "{word}: {}", Nanos(at.saturating_mul(1_000_000_000)))?;
            }
        }
        writeln!(out, "grants: {}", granted(claims.get("tickwire")))?;
    }
    let Some(gate) = Gate::open(auth, 1).map_err(|error| general(&error))? else {
        if let (Err(refusal), false) = (&seen, access::is_api_key(text)) {
            return Err(Failure::Access(refusal.to_string()));
        }
        return Ok(writeln!(out, "good here: not checked, as auth.mode is \"none\"")?);
    };
    match checked(&gate, Secret::new(text))? {
        Ok(bearer) => {
            writeln!(out, "subject: {}", bearer.subject)?;
            Ok(writeln!(out, "good here: yes")?)
        }
        Err(refusal) => {
            let is_known = refusal != Refusal::Keyless;
            writeln!(out, "good here: {}", if is_known { "no" } else { "not known" })?;
            Err(Failure::Access(refusal.to_string()))
        }
    }
}

/// What a grant comes to.
fn granted(claim: Option<&Value>) -> String {
    let Some(claim) = claim else { return "nothing, as there is no claim \"tickwire\"".to_owned() };
    let Ok(written) = Written::deserialize(claim) else {
        return "nothing, as the claim \"tickwire\" cannot be read".to_owned();
    };
    let ends = if written.operator { "; may end connections" } else { "" };
    if written.symbols.is_empty() || written.channels.is_empty() {
        return format!("nothing, as it names no symbols or no channels{ends}");
    }
    let (channels, symbols) = (written.channels.join(", "), written.symbols.join(", "));
    let past = if written.history { "live and past" } else { "live, and nothing past" };
    format!("{channels} of {symbols}, {past}{ends}")
}

/// What the gate says, once it has the keys.
fn checked(gate: &Gate, shown: Secret) -> Result<Result<access::Bearer, Refusal>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| Failure::General(format!("cannot start: {error}")))?;
    Ok(runtime.block_on(async {
        let mut shown = Shown::new(shown, clock::monotonic());
        loop {
            match gate.check(&mut shown, clock::monotonic(), clock::now()) {
                Err(Refusal::Later) => tokio::time::sleep(KEYS_LOOK).await,
                checked => return checked,
            }
        }
    }))
}

fn auth(config: Option<&PathBuf>) -> Result<Auth, Failure> {
    let flags = Flags { config: config.cloned(), ..Flags::default() };
    let loaded = flags.load()?;
    Ok(loaded.config.auth)
}

fn general(error: &access::Error) -> Failure {
    Failure::General(error.to_string())
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    let words = Algorithm::ALL.map(Algorithm::word).join(", ");
    Algorithm::parse(text).ok_or_else(|| format!("expected one of {words}"))
}

fn span(text: &str) -> Result<Span, String> {
    let some = Span::parse(text).filter(|span| span.millis() >= 1_000);
    some.ok_or_else(|| "expected a time like 1h, 1s at least".to_owned())
}

fn name(text: &str) -> Result<String, String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let good = !text.is_empty() && text.len() <= 64 && text.bytes().all(is_name);
    good.then(|| text.to_owned()).ok_or_else(|| "expected letters, digits, - and _".to_owned())
}
