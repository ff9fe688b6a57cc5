//! The specifications are executed: what they say is asked, and what comes back is held against
//! them. A field, a path or a type that only one side knows fails.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use jsonschema::Validator;
use serde_json::Value;
use serde_json::json;

use crate::client::Client;
use crate::client::get;
use crate::client::keys;
use crate::harness::Server;
use crate::harness::eventually;

/// A specification; strict, as no client should be: fields that it does not name are refused.
struct Spec {
    root: Value,
    validators: BTreeMap<String, Validator>,
}

impl Spec {
    fn requests(server: &Server) -> Self {
        Self::new(get(server.address, "/openapi.json").json())
    }

    fn messages(server: &Server) -> Self {
        let page = get(server.address, "/asyncapi.yaml");
        assert_eq!(page.header("content-type").as_deref(), Some("application/yaml"));
        Self::new(serde_saphyr::from_str(&page.body).unwrap())
    }

    fn new(mut root: Value) -> Self {
        make_strict(&mut root);
        Self { root, validators: BTreeMap::new() }
    }

    fn at(&self, pointer: &str) -> &Value {
        self.root.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"))
    }

    /// Holds a value against the schema at a place of the specification.
    #[track_caller]
    fn check(&mut self, pointer: &str, value: &Value) {
        self.at(pointer);
        let validator = self.validators.entry(pointer.to_owned()).or_insert_with(|| {
            let components = &self.root["components"];
            let paths = self.root.get("paths").unwrap_or(&Value::Null);
            let schema = json!({
                "$ref": format!("#{}", pointer.replace('{', "%7B").replace('}', "%7D")),
                "components": components,
                "paths": paths,
            });
            jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
        });
        let errors: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{pointer}: {errors:#?}\n{value}");
    }

    /// Follows a reference, if it is one.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.at(reference.trim_start_matches('#')),
            None => value,
        }
    }
}

/// Whoever lists properties lists all of them.
fn make_strict(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("properties").is_some_and(Value::is_object) && map.contains_key("type") {
                map.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            map.values_mut().for_each(make_strict);
        }
        Value::Array(list) => list.iter_mut().for_each(make_strict),
        _ => {}
    }
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

/// A parameter of a request, and a value for it.
struct Parameter {
    name: String,
    value: String,
    is_required: bool,
}

/// The parameters of a query, with the values that the specification gives as examples.
fn parameters(spec: &Spec, operation: &Value, symbol: &str) -> Vec<Parameter> {
    let listed = operation["parameters"].as_array().cloned().unwrap_or_default();
    let in_query = listed.iter().filter(|parameter| parameter["in"] == "query");
    let parameter = |parameter: &Value| {
        let schema = spec.resolved(&parameter["schema"]);
        let either = schema["oneOf"].as_array().and_then(|either| either.last());
        let schema = either.map_or(schema, |schema| spec.resolved(schema));
        let example = [&parameter["example"], &schema["example"], &schema["enum"][0]];
        let example = example.into_iter().chain([&schema["default"]]).find(|it| !it.is_null());
        let name = parameter["name"].as_str().unwrap().to_owned();
        let value = match (name.as_str(), example) {
            ("symbol", _) => symbol.to_owned(),
            (_, Some(Value::String(text))) => text.clone(),
            (_, Some(other)) => other.to_string(),
            (_, None) => String::new(),
        };
        Parameter { is_required: parameter["required"] == true, name, value }
    };
    in_query.map(parameter).collect()
}

fn url(path: &str, parameters: &[&Parameter]) -> String {
    let words: Vec<String> =
        parameters.iter().map(|of| format!("{}={}", of.name, of.value)).collect();
    format!("{path}?{}", words.join("&"))
}

/// Asks, and holds the answer against what the specification says of its status.
#[track_caller]
fn ask(server: &Server, spec: &mut Spec, path: &str, asked: &str) -> u16 {
    let answer = get(server.address, asked);
    let pointer = format!("/paths/{}/get/responses", path.replace('/', "~1"));
    let exact = answer.status.to_string();
    let range = format!("{}XX", answer.status / 100);
    let responses = spec.at(&pointer);
    let status = [&exact, &range].into_iter().find(|status| responses.get(status).is_some());
    let status = status.unwrap_or_else(|| panic!("{asked}: {answer:?} is not in the document"));
    let content = &responses[status]["content"];
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap();
    if content.get("application/json").is_some() && kind == "application/json" {
        let body = format!("{pointer}/{status}/content/application~1json/schema");
        spec.check(&body, &answer.json());
    } else {
        let is_listed = keys(&content.to_string()).contains(&kind.to_owned());
        assert!(
            is_listed || ["application/x-ndjson", "text/csv"].contains(&kind),
            "{asked}: {kind}"
        );
    }
    answer.status
}

/// Whether the answer goes on for ever.
fn is_endless(operation: &Value) -> bool {
    let content = operation["responses"]["200"]["content"].as_object();
    let endless = ["text/event-stream", "application/x-ndjson"];
    content.is_some_and(|content| endless.iter().any(|kind| content.contains_key(*kind)))
}

#[test]
fn requests_and_answers_are_as_openapi_has_them() {
    let server = Server::shared();
    let mut spec = Spec::requests(&server);
    let symbol = get(server.address, "/v1/symbols").json()["symbols"][0]["symbol"].clone();
    let symbol = symbol.as_str().unwrap();
    // There is something in each list.
    eventually("a trade", || {
        let trades = get(server.address, &format!("/v1/trades?symbol={symbol}")).json();
        trades["trades"].as_array().is_some_and(|trades| !trades.is_empty())
    });
    let paths = spec.at("/paths").as_object().unwrap().clone();
    let mut asked = 0;
    for (path, item) in paths.iter().filter(|(_, item)| !is_endless(&item["get"])) {
        let operation = &item["get"];
        let all = parameters(&spec, operation, symbol);
        let required: Vec<&Parameter> = all.iter().filter(|of| of.is_required).collect();
        let plain = url(path, &required);
        eventually(&format!("{plain} is answered"), || {
            ask(&server, &mut spec, path, &plain) == 200
        });
        for of in &required {
            let without: Vec<&Parameter> =
                required.iter().copied().filter(|other| other.name != of.name).collect();
            let status = ask(&server, &mut spec, path, &url(path, &without));
            assert_eq!(status, 400, "{path} without {}", of.name);
        }
        for of in all.iter().filter(|of| !of.is_required && !of.value.is_empty()) {
            let with: Vec<&Parameter> = required.iter().copied().chain([of]).collect();
            let status = ask(&server, &mut spec, path, &url(path, &with));
            // An example names a tape and a time that are none of ours.
            let is_ours = !["cursor", "at", "from", "last"].contains(&&*of.name);
            assert!(status == 200 || (!is_ours && status < 500), "{}: {status}", url(path, &with));
            asked += 1;
        }
    }
    assert!(asked > 30, "{asked}");
}

#[test]
fn each_path_that_is_served_is_in_a_specification() {
    let server = Server::shared();
    let requests = Spec::requests(&server);
    let messages = Spec::messages(&server);
    let mut named: BTreeSet<String> =
        keys(&requests.at("/paths").to_string()).into_iter().collect();
    let channels = messages.at("/channels").as_object().unwrap().values();
    named.extend(channels.map(|channel| channel["address"].as_str().unwrap().to_owned()));
    let source = std::fs::read_to_string("src/http.rs").unwrap();
    let served = source.split('"').skip(1).step_by(2).filter(|text| text.starts_with('/'));
    // Pages, and what they are made of.
    let is_page = |path: &str| {
        path == "/" || ["/docs", "/ui/", "/client/"].iter().any(|of| path.starts_with(of))
    };
    let is_itself = |path: &&str| !is_page(path) && !path.contains("api.");
    let served: BTreeSet<&str> = served.filter(is_itself).collect();
    assert!(served.len() > 10, "{served:?}");
    for path in served {
        assert!(named.contains(path), "{path} is in no specification");
    }
}

#[test]
fn specifications_refer_to_nothing_that_is_not_there() {
    let server = Server::shared();
    for spec in [Spec::requests(&server), Spec::messages(&server)] {
        let mut found = Vec::new();
        references(&spec.root, &mut found);
        assert!(found.len() > 20, "{found:?}");
        for reference in found {
            spec.at(reference.trim_start_matches('#'));
        }
        let used = spec.root.to_string();
        for kind in ["messages", "schemas"] {
            for name in spec.root["components"][kind].as_object().into_iter().flatten() {
                let reference = format!("\"#/components/{kind}/{}\"", name.0);
                assert!(used.contains(&reference), "nobody refers to {reference}");
            }
        }
    }
}

/// Sends each example that the specification has for a channel, and holds all that comes against
/// it. Says which types came.
fn converse(server: &Server, channel: &str) -> BTreeSet<String> {
    let mut spec = Spec::messages(server);
    let address = spec.at(&format!("/channels/{channel}/address")).as_str().unwrap().to_owned();
    let mut client = Client::connect_to(server.address, &address);
    let names = |spec: &Spec, operation: &str| -> Vec<String> {
        let messages = spec.at(&format!("/operations/{operation}/messages")).as_array().unwrap();
        let reference = |message: &Value| message["$ref"].as_str().unwrap().to_owned();
        messages.iter().map(reference).collect()
    };
    let (mut seen, mut linked) = (BTreeSet::new(), 0);
    let known: BTreeMap<String, String> = names(&spec, &format!("from{}", capital(channel)))
        .into_iter()
        .map(|reference| {
            let name = reference.rsplit('/').next().unwrap().to_owned();
            let target = spec.at(reference.trim_start_matches('#'))["$ref"].as_str().unwrap();
            (name, format!("{}/payload", target.trim_start_matches('#')))
        })
        .collect();
    let mut see = |spec: &mut Spec, message: &Value| {
        let kind = message["type"].as_str().unwrap().to_owned();
        assert_ne!(message["code"], "bad_request", "{message}");
        let pointer = known.get(&kind).unwrap_or_else(|| panic!("{kind} is not sent here"));
        spec.check(pointer, message);
        linked += usize::from(message.get("prev").is_some());
        seen.insert(kind);
    };
    let welcome = client.welcome.clone();
    see(&mut spec, &welcome);
    for reference in names(&spec, &format!("to{}", capital(channel))) {
        let message = spec.resolved(spec.at(reference.trim_start_matches('#'))).clone();
        let examples = message["examples"].as_array().unwrap_or_else(|| panic!("{reference}"));
        for example in examples {
            let target = spec.at(reference.trim_start_matches('#'))["$ref"].as_str().unwrap();
            let pointer = format!("{}/payload", target.trim_start_matches('#'));
            spec.check(&pointer, &example["payload"]);
            client.send(&example["payload"].to_string());
            for text in client.during(Duration::from_millis(200)) {
                see(&mut spec, &serde_json::from_str(&text).unwrap());
            }
        }
    }
    let deadline = tickwire::clock::monotonic() + Duration::from_secs(2);
    while let Some(text) = client.text_until(deadline) {
        see(&mut spec, &serde_json::from_str(&text).unwrap());
    }
    assert!(linked > 50, "{linked}");
    seen
}

fn capital(word: &str) -> String {
    format!("{}{}", word[..1].to_uppercase(), &word[1..])
}

#[test]
fn streams_are_as_asyncapi_has_them() {
    let seen = converse(&Server::shared(), "stream");
    for kind in ["subscribed", "unsubscribed", "subscriptions", "plan", "pong", "snapshot"] {
        assert!(seen.contains(kind), "{kind} was not sent: {seen:?}");
    }
    for kind in ["trade", "bar", "heartbeat"] {
        assert!(seen.contains(kind), "{kind} was not sent: {seen:?}");
    }
}

#[test]
fn replays_are_as_asyncapi_has_them() {
    let seen = converse(&Server::shared(), "replay");
    for kind in ["opened", "position", "subscribed", "unsubscribed", "snapshot", "trade"] {
        assert!(seen.contains(kind), "{kind} was not sent: {seen:?}");
    }
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let server = Server::shared();
    let bare = get(server.address, "/docs");
    assert_eq!((bare.status, bare.header("location").as_deref()), (308, Some("/docs/")));
    for (file, kind) in [
        ("", "text/html"),
        ("swagger-initializer.js", "text/javascript"),
        ("swagger-ui.css", "text/css"),
        ("swagger-ui-bundle.js", "text/javascript"),
    ] {
        let answer = get(server.address, &format!("/docs/{file}"));
        assert_eq!(answer.status, 200, "{file}");
        assert!(answer.header("content-type").unwrap().starts_with(kind), "{answer:?}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("script-src 'self';"), "{policy}");
    }
    assert_eq!(get(server.address, "/docs/nothing").status, 404);
    assert_eq!(get(server.address, "/docs/..%2f..%2fetc%2fpasswd").status, 404);
}
