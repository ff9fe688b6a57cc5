//! Who may end connections of others, and how those end.

use serde_json::json;

use super::Issuer;
use super::grant;
use crate::client::Client;
use crate::client::Response;
use crate::client::get_as;
use crate::client::request;
use crate::harness::Server;

fn end(server: &Server, client: &str, head: &str) -> Response {
    let head = format!("Host: x\r\n{head}Connection: close");
    request(server.address, &format!("DELETE /ui/clients/{client} HTTP/1.1\r\n{head}\r\n\r\n"))
}

fn shown(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[test]
fn an_operator_ends_one_connection_and_no_other() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let mut clients = [(); 2].map(|()| {
        let mut client = Client::connect_as(server.address, "/v1/stream", &issuer.all()).unwrap();
        client.ask(r#"{"op":"subscribe","channel":"ticker","symbols":["sim:AAPL"]}"#);
        client
    });
    let listed = get_as(server.address, "/ui/clients.json", &issuer.all()).json();
    let first = listed["clients"][0]["id"].to_string();
    let operator = json!({ "operator": true, "symbols": [], "channels": [] });
    let operator = shown(&issuer.token(&json!({ "sub": "ops", "tickwire": operator })));

    assert_eq!(end(&server, &first, &operator).status, 202);
    let (last, code) = clients[0].rest();
    assert_eq!(code, 4403);
    assert!(last.iter().any(|text| text.contains("an operator ended this connection")), "{last:?}");
    clients[1].next_of("heartbeat");
    for nobody in ["99", "0", "x", "18446744073709551616", "%00"] {
        assert_eq!(end(&server, nobody, &operator).status, 404, "{nobody}");
    }
}

#[test]
fn nobody_else_ends_a_connection() {
    let issuer = Issuer::new();
    let server = issuer.server(&[]);
    let mut client = Client::connect_as(server.address, "/v1/stream", &issuer.all()).unwrap();
    let listed = get_as(server.address, "/ui/clients.json", &issuer.all()).json();
    let id = listed["clients"][0]["id"].to_string();
    let mut operator = grant(&["*:*"], &["*"]);
    operator["operator"] = true.into();
    let operator = issuer.token(&json!({ "sub": "ops", "tickwire": operator }));
    let foreign = format!("{}Origin: https://elsewhere.example\r\n", shown(&operator));
    for (head, status) in [
        (String::new(), 401),
        (shown("x"), 401),
        (shown(&issuer.all()), 403),
        // A page of somebody else, in the browser of an operator.
        (foreign, 403),
    ] {
        assert_eq!(end(&server, &id, &head).status, status, "{head}");
    }
    let head = "Host: x\r\nConnection: close";
    let text = format!("POST /ui/clients/{id} HTTP/1.1\r\n{head}\r\n\r\n");
    assert_eq!(request(server.address, &text).status, 405);
    client.next_of("heartbeat");
}

#[test]
fn where_nobody_is_asked_who_they_are_nobody_is_an_operator() {
    let server = Server::start(&[("stream.heartbeat_ms", "200")]);
    crate::http::wait_until_ready(&server);
    let mut client = Client::connect(server.address);
    assert_eq!(end(&server, "1", "").status, 403);
    client.next_of("heartbeat");
}
