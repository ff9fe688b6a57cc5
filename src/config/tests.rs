//! What configurations are accepted, and what the others are told.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::config::feed::Decode;
use crate::config::feed::FeedInput;
use crate::config::limits::Loopback;

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn load(file: &str, env: &[(&str, &str)], flags: &[&str]) -> Result<Loaded, Error> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.toml");
    std::fs::write(&path, file).unwrap();
    let feeds: Vec<FeedFlag> = flags.iter().map(|text| FeedFlag::parse(text).unwrap()).collect();
    Config::load(Sources { file: Some(&path), env: &pairs(env), overrides: &[], feeds: &feeds })
}

#[track_caller]
fn file_is_told(file: &str, parts: &[&str]) {
    let message = load(file, &[], &[]).expect_err(file).to_string();
    for part in parts {
        assert!(message.contains(part), "{file}: no {part:?} in {message}");
    }
}

#[track_caller]
fn variable_is_told(name: &str, value: &str, parts: &[&str]) {
    let message = load("", &[(name, value)], &[]).expect_err(name).to_string();
    for part in parts.iter().chain([&name]) {
        assert!(message.contains(part), "{name}={value}: no {part:?} in {message}");
    }
}

fn names(loaded: &Loaded) -> Vec<&str> {
    loaded.config.feeds.iter().map(|feed| feed.name.as_str()).collect()
}

#[track_caller]
fn runs(file: &str, flags: &[&str], feeds: &[&str]) {
    let loaded = load(file, &[], flags).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(names(&loaded), feeds, "{file} {flags:?}");
}

fn symbols(loaded: &Loaded, name: &str) -> Vec<String> {
    let feed = loaded.config.feeds.iter().find(|feed| feed.name == name).unwrap();
    match &feed.input {
        FeedInput::Venue(input) => input.symbols.iter().map(ToString::to_string).collect(),
        FeedInput::File(input) => match &input.decode {
            Decode::Capture { symbols, .. } => symbols.iter().map(ToString::to_string).collect(),
            Decode::Csv | Decode::Tape { .. } => Vec::new(),
        },
        FeedInput::Sim(_) => Vec::new(),
    }
}

#[test]
fn the_defaults_are_those_of_the_protocol() {
    let config = Config::load(Sources::default()).unwrap().config;
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.limits.symbols, 10_000);
    assert_eq!(config.limits.message_bytes, 65_536);
    assert_eq!(config.limits.ops_per_s, 50);
    assert_eq!(config.limits.buffer_bytes, 1_048_576);
    assert_eq!(config.limits.loopback, Loopback::Exempt);
    assert_eq!(config.stream.heartbeat_ms, 5_000);
    assert_eq!(config.tape.retention_bytes.bytes(), 4 << 30);
    assert_eq!(config.tape.retention_age.millis(), 7 * 86_400_000);
    assert_eq!(config.ingest.queue_ticks, 16_384);
    assert_eq!(config.hub.ring_events, 65_536);
    let [feed] = config.feeds.as_slice() else { panic!("{:?}", config.feeds) };
    let FeedInput::Sim(sim) = feed.input else { panic!("{feed:?}") };
    assert_eq!((sim.symbols, sim.ticks_per_s, sim.seed), (20, 200, 1));
}

#[test]
fn every_key_of_the_defaults_is_read_by_somebody() {
    let every = "[feeds.binance]\n[feeds.coinbase]\n[feeds.kraken]\n[feeds.sim]\nenabled=true\n\
                 [feeds.file]\npath='x.csv'\n";
    let loaded = load(every, &[], &[]).unwrap();
    let unread: Vec<&str> =
        loaded.layers.known_below("").filter(|key| !loaded.read.contains(*key)).collect();
    assert_eq!(unread, Vec::<&str>::new(), "keys of default.toml that nothing reads");
    let known: BTreeSet<&str> = loaded.layers.known_below("").collect();
    let missing: Vec<&String> = loaded
        .read
        .iter()
        .filter(|key| !known.contains(key.as_str()) && !key.ends_with(".enabled"))
        .collect();
    assert_eq!(missing, Vec::<&String>::new(), "keys that default.toml does not explain");
}

#[test]
fn every_key_of_the_defaults_stands_below_a_reason() {
    let mut commented = false;
    for line in DEFAULTS.lines() {
        let is_key = !line.starts_with('#') && line.contains(" = ");
        assert!(!is_key || commented, "{line}");
        commented = line.starts_with('#') || commented && !line.is_empty();
    }
}

#[test]
fn the_production_file_is_a_configuration() {
    let production = include_str!("../../config/production.toml");
    let loaded = load(production, &[], &[]).unwrap();
    assert_eq!(names(&loaded), ["binance", "coinbase", "kraken"]);
    assert_eq!(loaded.config.limits.loopback, Loopback::Counted);
}

#[test]
fn a_later_layer_lies_over_an_earlier_one() {
    let file = "[http]\nlisten = '127.0.0.1:1'\nworkers = 3\n[limits]\nops_per_s = 7\n";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.toml");
    std::fs::write(&path, file).unwrap();
    let sources = Sources {
        file: Some(&path),
        env: &pairs(&[("TICKWIRE__HTTP__LISTEN", "127.0.0.1:2"), ("TICKWIRE__HTTP__WORKERS", "4")]),
        overrides: &pairs(&[("http.listen", "127.0.0.1:3")]),
        feeds: &[],
    };
    let loaded = Config::load(sources).unwrap();
    assert_eq!(loaded.config.http.listen.port(), 3);
    assert_eq!(loaded.config.http.workers, 4);
    assert_eq!(loaded.config.limits.ops_per_s, 7);
    assert_eq!(loaded.config.limits.symbols, 10_000);

    let settings = loaded.settings();
    let origin = |key: &str| settings.iter().find(|s| s.key == key).unwrap().origin.clone();
    assert_eq!(origin("http.listen"), Origin::Flag);
    assert_eq!(origin("http.workers"), Origin::Env("TICKWIRE__HTTP__WORKERS".to_owned()));
    assert_eq!(origin("limits.ops_per_s"), Origin::File(path.display().to_string()));
    assert_eq!(origin("limits.symbols"), Origin::Default);
    assert_eq!(origin("feeds.sim.ticks_per_s"), Origin::Default);
    let shown = settings.iter().find(|s| s.key == "http.workers").unwrap().to_string();
    assert_eq!(shown, "http.workers = 4  # environment variable TICKWIRE__HTTP__WORKERS");
}

#[test]
fn lists_come_from_commas_in_the_environment_and_brackets_in_a_file() {
    let env = [
        ("TICKWIRE__HTTP__ALLOWED_ORIGINS", "https://a.example, http://b.example:81"),
        ("TICKWIRE__FEEDS__KRAKEN__SYMBOLS", "BTC-USD,SOL-USD"),
        ("HOME", "ignored"),
        ("TICKWIRE_LOG", "ignored"),
    ];
    let loaded = load("[feeds.coinbase]\nsymbols = ['coinbase:ETH-USD', 'ETH-USD']\n", &env, &[]);
    let loaded = loaded.unwrap();
    assert_eq!(loaded.config.http.allowed_origins, ["https://a.example", "http://b.example:81"]);
    assert_eq!(symbols(&loaded, "kraken"), ["kraken:BTC-USD", "kraken:SOL-USD"]);
    assert_eq!(symbols(&loaded, "coinbase"), ["coinbase:ETH-USD"]);
    file_is_told("[http]\nallowed_origins = 'https://a.example'", &["expected a list of texts"]);
    file_is_told("[http]\nallowed_origins = [1]", &["expected a list of texts, got [1]"]);
}

#[test]
fn an_unknown_key_names_the_nearest_one() {
    let told = "unknown key \"http.lisen\" in ";
    file_is_told("[http]\nlisen = 1", &[told, "t.toml (did you mean \"http.listen\"?)"]);
    file_is_told("http.lisen = 1", &[told]);
    file_is_told("[htpp]\nlisten = 'x'", &["did you mean \"http.listen\"?"]);
    file_is_told("[htpp]", &["unknown key \"htpp\""]);
    file_is_told("listen = 'x'", &["did you mean \"http.listen\"?"]);
    file_is_told("answer = 42", &["unknown key \"answer\""]);
    file_is_told("[http.listen]\na = 1", &["unknown key \"http.listen.a\""]);
    file_is_told("[feeds.sim]\ntick_per_s = 1", &["did you mean \"feeds.sim.ticks_per_s\"?"]);
    file_is_told("[feeds.sim]\nspeed = 1", &["unknown key \"feeds.sim.speed\""]);
    file_is_told("[feeds.b]\nvenue = 'binance'\nurll = 'x'", &["did you mean \"feeds.b.url\"?"]);
    file_is_told("[feeds.binance]\nenabled = false\nx = 1", &["unknown key \"feeds.binance.x\""]);
    file_is_told("[[http]]\nlisten = 'x'", &["http in", "expected a section"]);
    variable_is_told("TICKWIRE__LIMITS__OP_PER_S", "1", &["did you mean \"limits.ops_per_s\"?"]);
    variable_is_told("TICKWIRE__HTTP", "1", &["http in", "expected a section"]);
    variable_is_told("TICKWIRE__", "1", &["unknown key"]);
    variable_is_told("TICKWIRE__FEEDS__SIM__X[999999999]", "1", &["unknown key"]);
    let overrides = pairs(&[("http.prot", "1")]);
    let error = Config::load(Sources { overrides: &overrides, ..Sources::default() }).unwrap_err();
    assert!(error.to_string().starts_with("unknown key \"http.prot\" in the command line"));
}

#[test]
fn a_value_of_the_wrong_kind_is_told_what_was_expected_and_got() {
    let file = |key: &str, value: &str, parts: &[&str]| {
        let (section, key) = key.rsplit_once('.').unwrap();
        let mut parts = parts.to_vec();
        let (name, got) = (format!("{section}.{key} in "), format!("got {value}"));
        parts.extend([name.as_str(), got.as_str(), "t.toml: expected "]);
        file_is_told(&format!("[{section}]\n{key} = {value}"), &parts);
    };
    file("http.listen", "8080", &["an address and port"]);
    file("http.listen", "\"localhost\"", &["an address and port"]);
    file("http.workers", "\"4\"", &["a number 0..=256"]);
    file("http.workers", "257", &["a number 0..=256"]);
    file("http.workers", "-1", &["a number 0..=256"]);
    file("http.workers", "true", &["a number"]);
    file("http.workers", "1.5", &["a number"]);
    file("http.allowed_origins", "[\"*\"]", &["origins like"]);
    file("http.allowed_origins", "[\"https://a.example/\"]", &["origins like"]);
    file("http.public_url", "\"example.org\"", &["a URL or nothing"]);
    file("tape.dir", "\"\"", &["a directory"]);
    file("tape.retention_bytes", "\"4 GB\"", &["a size like \"64MiB\", 128MiB to"]);
    file("tape.retention_bytes", "1048576", &["128MiB"]);
    file("tape.retention_age", "7", &["a time like \"7d\""]);
    file("tape.retention_age", "\"7w\"", &["a time like \"7d\""]);
    file("tape.retention_age", "\"1s\"", &["1m to 3650d"]);
    file_is_told("[http.tls]\ncert = 'c.pem'", &["http.tls.key in", "as http.tls.cert has one"]);
    file_is_told("[http.tls]\nkey = 'k.pem'", &["http.tls.cert in", "as http.tls.key has one"]);
    file("limits.frame_bytes", "65537", &["a number 1024..=65536"]);
    file("ingest.reconnect_ms_max", "249", &["a number 250..=3600000"]);
    file("auth.mode", "\"jtw\"", &["\"none\", \"jwt\" or \"keys\""]);
    file_is_told("http = 5", &["http in", "expected a section, got 5"]);
    file_is_told("feeds = 5", &["feeds in", "expected a section, got 5"]);
    file_is_told("feeds.sim = 5", &["feeds.sim in", "expected a section, got 5"]);
    file_is_told("[http.listen]", &["http.listen in", "got a section"]);
    variable_is_told("TICKWIRE__HTTP__WORKERS", "many", &["a number 0..=256, got \"many\""]);
    variable_is_told("TICKWIRE__LIMITS__OPS_PER_S", "0", &["a number 1..=100000, got \"0\""]);
    variable_is_told("TICKWIRE__LIMITS__OPS_PER_S", "99999999999999999999", &["a number"]);
    variable_is_told("TICKWIRE__FEEDS__SIM__ENABLED", "yes", &["true or false, got \"yes\""]);
}

#[test]
fn access_is_whole_or_it_is_refused() {
    let with = |text: &str| load(&format!("[auth]\n{text}"), &[], &[]);
    for text in [
        "mode = 'jwt'\nalgorithm = 'RS256'\nkey = 'k.pem'",
        "mode = 'jwt'\nalgorithm = 'EdDSA'\njwks_url = 'https://id.example/keys'\nleeway_s = 5",
        "mode = 'jwt'\nalgorithm = 'HS256'\nkey = 'k'\napi_keys = 'keys.toml'",
        "mode = 'keys'\napi_keys = 'keys.toml'",
    ] {
        assert!(with(text).unwrap().config.auth.mode != auth::Mode::None, "{text}");
    }
    for (text, part) in [
        ("mode = 'jwt'\nkey = 'k'", "auth.algorithm in the defaults: expected one of HS256"),
        ("mode = 'jwt'\nalgorithm = 'none'\nkey = 'k'", "auth.algorithm in "),
        ("mode = 'jwt'\nalgorithm = 'RS256'", "auth.key in the defaults: expected a file"),
        ("mode = 'jwt'\nalgorithm = 'RS256'\nkey = 'k'\njwks_url = 'http://h'", "jwks_url"),
        ("mode = 'jwt'\nalgorithm = 'HS256'\njwks_url = 'http://h'", "not for a URL"),
        ("mode = 'jwt'\nalgorithm = 'RS256'\njwks_url = 'ftp://h'", "auth.jwks_url in "),
        ("mode = 'jwt'\nalgorithm = 'RS256'\njwks_url = 'http://me:x@h'", "without a user"),
        ("mode = 'keys'", "auth.api_keys in the defaults: expected a file"),
        ("api_keys = 'keys.toml'", "auth.mode in the defaults: expected \"keys\" or \"jwt\""),
    ] {
        let error = with(text).expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn what_is_not_built_yet_is_refused_unless_it_is_left_alone() {
    let file = "[relay]\nurl = 'nats://h'";
    file_is_told(file, &["relay.url in ", "not available yet"]);
    let same = "[auth]\nmode = 'none'\n[store]\nurl = ''\n[limits]\nreplays = 16\n";
    load(same, &[("TICKWIRE__LIMITS__CONNECTIONS_PER_SUBJECT", "20")], &[]).unwrap();
}

#[test]
fn no_message_tells_the_password_of_the_store() {
    let url = "postgres://me:secret@db/t";
    let loaded = load(&format!("[store]\nurl = '{url}'"), &[], &[]).unwrap();
    assert_eq!(loaded.config.store.url.as_ref().unwrap().secret(), url);
    let settings = loaded.settings();
    let shown = settings.iter().find(|setting| setting.key == "store.url").unwrap();
    assert_eq!(shown.value, "\"postgres://me:***@db/t\"");
    assert!(!format!("{:?}", loaded.config).contains("secret"));
    for wrong in ["postgre://me:secret@db", "postgresql:/me:secret@db/?password=secret"] {
        let file = format!("[store]\nurl = '{wrong}'");
        file_is_told(&file, &["store.url in", "expected postgres://… or nothing"]);
        let told = load(&file, &[], &[]).unwrap_err().to_string();
        assert!(!told.contains("secret"), "{told}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    file_is_told("[http\n", &["cannot parse", "t.toml", "line 1"]);
    file_is_told(&"#".repeat((1 << 20) + 1), &["cannot read", "larger than 1 MiB"]);
    let path = PathBuf::from("no/such/file.toml");
    let error = Config::load(Sources { file: Some(&path), ..Sources::default() }).unwrap_err();
    assert!(error.to_string().starts_with("cannot read configuration file no/such/file.toml: "));
}

#[test]
fn the_sim_runs_only_when_nothing_else_does() {
    runs("", &[], &["sim"]);
    runs("[feeds.sim]\nsymbols = 5", &[], &["sim"]);
    runs("[feeds.binance]", &[], &["binance"]);
    runs("[feeds.binance]\n[feeds.sim]\nsymbols = 5", &[], &["binance"]);
    runs("[feeds.binance]\n[feeds.sim]\nenabled = true", &[], &["binance", "sim"]);
    runs("[feeds.binance]\nenabled = false", &[], &["sim"]);
    runs("[feeds.sim]\nenabled = false", &[], &[]);
    runs("[feeds.load]\nvenue = 'sim'\nsymbols = 1000", &[], &["load"]);
    runs("", &["binance"], &["binance"]);
    runs("", &["kraken:BTC-USD", "sim:50"], &["kraken", "sim"]);
    runs("[feeds.binance]\nenabled = false", &["binance"], &["binance"]);
    runs("[feeds.binance]", &["coinbase"], &["binance", "coinbase"]);
}

#[test]
fn flags_of_one_feed_add_up_and_replace_the_files() {
    let file = "[feeds.binance]\nsymbols = ['SOL-USDT']";
    let loaded = load(file, &[], &["binance:BTC-USDT,ETH-USDT", "binance:XRP-USDT"]).unwrap();
    let expected = ["binance:BTC-USDT", "binance:ETH-USDT", "binance:XRP-USDT"];
    assert_eq!(symbols(&loaded, "binance"), expected);
    let loaded = load(file, &[], &["binance"]).unwrap();
    assert_eq!(symbols(&loaded, "binance"), ["binance:SOL-USDT"]);
    let loaded = load("", &[], &["sim:50", "file:a/b:c.csv"]).unwrap();
    let [file, sim] = loaded.config.feeds.as_slice() else { panic!("{loaded:?}") };
    assert!(matches!(&file.input, FeedInput::File(f) if f.path == Path::new("a/b:c.csv")));
    assert!(matches!(sim.input, FeedInput::Sim(sim) if sim.symbols == 50));
}

#[test]
fn live_is_every_venue_without_a_key() {
    let feeds = FeedFlag::live();
    let loaded = Config::load(Sources { feeds: &feeds, ..Sources::default() }).unwrap();
    assert_eq!(names(&loaded), ["binance", "coinbase", "kraken"]);
    assert_eq!(symbols(&loaded, "binance"), ["binance:BTC-USDT", "binance:ETH-USDT"]);
    assert_eq!(symbols(&loaded, "coinbase"), ["coinbase:BTC-USD", "coinbase:ETH-USD"]);
    assert_eq!(symbols(&loaded, "kraken"), ["kraken:BTC-USD", "kraken:ETH-USD"]);
}

#[test]
fn a_feed_flag_that_names_no_feed_is_refused() {
    for text in ["", ":", "binanc:BTC-USDT", "binance:", "sim:", "file", "file:", "BTC-USDT"] {
        let message = FeedFlag::parse(text).expect_err(text).to_string();
        assert!(message.contains("expected VENUE[:SYM,SYM]"), "{message}");
    }
    let flags = [FeedFlag::parse("sim:many").unwrap()];
    let error = Config::load(Sources { feeds: &flags, ..Sources::default() }).unwrap_err();
    assert!(error.to_string().contains("feeds.sim.symbols in the command line"), "{error}");
}

#[test]
fn a_symbol_has_one_feed() {
    let two = "[feeds.binance]\n[feeds.b2]\nvenue = 'binance'\nsymbols = ['ETH-USDT']";
    file_is_told(two, &["binance:ETH-USDT has two feeds, b2 and binance"]);
    file_is_told("[feeds.a]\nvenue='sim'\n[feeds.b]\nvenue='sim'", &["has two feeds, a and b"]);
    runs(&two.replace("ETH-USDT", "SOL-USDT"), &[], &["b2", "binance"]);
    runs(&format!("{two}\nenabled = false"), &[], &["binance"]);
}

#[test]
fn a_feed_is_told_what_it_lacks() {
    file_is_told("[feeds.x]", &["feeds.x.venue", "\"binance\"", "got nothing"]);
    file_is_told("[feeds.x]\nvenue = 'nyse'", &["feeds.x.venue", "got \"nyse\""]);
    file_is_told("[feeds.binance]\nvenue = 'file'\npath = 'x'", &["as the feed is named for it"]);
    file_is_told("[feeds.Bad-Name]\nvenue = 'file'\npath = 'x'", &["[a-z0-9_]{1,16}"]);
    file_is_told("[feeds.file]", &["feeds.file.path", "the path of a recording, got \"\""]);
    file_is_told("[feeds.binance]\nsymbols = []", &["at least one symbol"]);
    file_is_told("[feeds.binance]\nsymbols = 20", &["a list of texts, got 20"]);
    file_is_told("[feeds.binance]\nsymbols = ['BTCUSDT']", &["BASE-QUOTE"]);
    file_is_told("[feeds.binance]\nsymbols = ['kraken:BTC-USD']", &["BASE-QUOTE"]);
    for url in ["https://x", "wss://", "x", "ws://10.0.0.1/", "ws://127.0.0.1@x.com", "ws://[::2]"]
    {
        let file = format!("[feeds.binance]\nurl = '{url}'");
        file_is_told(&file, &["expected a URL wss://…, or ws://… of this machine"]);
    }
    file_is_told("[feeds.sim]\nsymbols = ['BTC-USD']", &["a number 1..=1000000"]);
    file_is_told("[feeds.sim]\nsilence_ms = 0", &["a number 1..=3600000"]);
    let capture = "[feeds.f]\nvenue = 'file'\npath = 'x'\ndecode = 'binance'";
    file_is_told(capture, &["feeds.f.symbols", "at least one symbol"]);
    file_is_told(
        &capture.replace("'binance'", "'okx'"),
        &["\"csv\", \"tape\" or the venue of a capture"],
    );
    let csv = "[feeds.f]\nvenue = 'file'\npath = 'x'\nsymbols = ['AAPL']";
    file_is_told(csv, &["a CSV is played whole"]);
    file_is_told("[feeds.f]\nvenue = 'file'\npath = 'x'\nspeed = -1", &["a speed"]);
    file_is_told("[feeds.f]\nvenue = 'file'\npath = 'x'\nspeed = nan", &["a speed"]);
}

#[test]
fn a_feed_takes_what_it_does_not_say_from_its_kind() {
    let file = "[feeds.binance]\nurl = 'ws://127.0.0.1:9/x'\nstall_ms = 700\n\
                [feeds.b2]\nvenue = 'binance'\nsymbols = ['SOL-USDT']\n\
                [feeds.tape1]\nvenue = 'file'\npath = 'x.csv.gz'\nspeed = 0.5\n\
                [feeds.cap]\nvenue = 'file'\npath = 'x.ndjson'\ndecode = 'kraken'\n\
                symbols = ['BTC-USD']\n";
    let loaded = load(file, &[], &[]).unwrap();
    let feed = |name: &str| loaded.config.feeds.iter().find(|feed| feed.name == name).unwrap();
    let url = |name| match &feed(name).input {
        FeedInput::Venue(input) => input.url.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(url("binance"), "ws://127.0.0.1:9/x");
    assert!(url("b2").starts_with("wss://data-stream.binance.vision/"));
    assert_eq!((feed("binance").stall_ms, feed("b2").stall_ms), (Some(700), None));
    let FeedInput::File(tape) = &feed("tape1").input else { panic!() };
    assert_eq!((tape.speed.to_string().as_str(), &tape.decode), ("0.5", &Decode::Csv));
    assert_eq!(symbols(&loaded, "cap"), ["kraken:BTC-USD"]);
}

#[test]
fn a_stand_in_venue_on_this_machine_needs_no_tls() {
    for url in ["ws://127.0.0.1:9/x", "ws://localhost/", "ws://[::1]:9?a=b", "wss://example.org"] {
        load(&format!("[feeds.binance]\nurl = '{url}'"), &[], &[]).expect(url);
    }
}

#[test]
fn setting_the_bound_of_an_address_counts_this_machine_too() {
    let loopback = |env: &[(&str, &str)]| load("", env, &[]).unwrap().config.limits.loopback;
    assert_eq!(loopback(&[]), Loopback::Exempt);
    let set = [("TICKWIRE__LIMITS__CONNECTIONS_PER_IP", "100")];
    assert_eq!(loopback(&set), Loopback::Counted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_file_panics(file in "([a-z_.]{1,8}( = |\n|\\[|\\]|[0-9]{1,3}|'[a-z]*'|,)?){0,12}") {
        let refusal = load(&file, &[], &[]).err();
        prop_assert!(refusal.is_none_or(|error| !error.to_string().is_empty()));
    }

    #[test]
    fn no_variable_panics(name in "TICKWIRE__[A-Z_.\\[\\]0-9]{0,24}", value in "\\PC{0,16}") {
        let refusal = load("", &[(&name, &value)], &[]).err();
        prop_assert!(refusal.is_none_or(|error| error.to_string().contains("TICKWIRE__")));
    }
}

#[test]
fn all_that_is_wrong_is_found_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.toml");
    std::fs::write(&path, "lisen = 1\n[http]\nworkers = 'x'\nnope = 1\n[log]\nlevel = 'y'")
        .unwrap();
    let env = pairs(&[("TICKWIRE__TAPE__DRI", "x")]);
    let errors = Config::errors(Sources { file: Some(&path), env: &env, ..Sources::default() });
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    for key in ["\"lisen\"", "\"http.nope\"", "\"tape.dri\"", "http.workers", "log.level"] {
        assert!(told.iter().any(|error| error.contains(key)), "{key}: {told:?}");
    }
    assert_eq!(told.len(), 5, "{told:?}");
    assert_eq!(Config::errors(Sources::default()).len(), 0);
}
