//! Closes (RFC 6455 §5.5.1, §7): each is answered once, with its own code if it may stand in a
//! frame, and the end of TCP follows.

use super::CLOSE;
use super::Case;
use super::PING;
use super::TEXT;
use super::TEXT_BEGINS;
use super::Want;
use super::head;
use super::masked;
use super::ping;

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    masked(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    codes(&mut cases);
    reasons(&mut cases);
    shapes(&mut cases);
    what_follows(&mut cases);
    cases
}

fn codes(cases: &mut Vec<Case>) {
    let registered = (1000..=1003).chain(1007..=1014);
    let others = [3000, 3001, 3999, 4000, 4001, 4008, 4429, 4500, 4998, 4999];
    for code in registered.chain(others) {
        cases.push(Case::new(format!("a close {code}"), vec![close(code, b"")]).closed(code));
    }
    let reserved = [0, 1, 2, 500, 998, 999, 1004, 1005, 1006, 1015, 1016, 1017, 1100, 1500, 1999];
    let undefined = [2000, 2500, 2998, 2999, 5000, 5001, 6000, 9999, 32_767, 32_768, 65_535];
    for code in reserved.into_iter().chain(undefined) {
        let name = format!("a close {code}, which may not be sent");
        cases.push(Case::new(name, vec![close(code, b"")]).closed(1002));
    }
}

fn reasons(cases: &mut Vec<Case>) {
    for reason in ["x", "going away", "日本語", "😀", &"r".repeat(122), &"é".repeat(61)] {
        let name = format!("a reason of {} bytes, {}", reason.len(), reason.escape_unicode());
        cases.push(Case::new(name, vec![close(1000, reason.as_bytes())]).closed(1000));
    }
    let longest = vec![close(1000, &[b'r'; 123])];
    cases.push(Case::new("the longest reason", longest.clone()).closed(1000));
    cases.push(Case::new("the longest reason", longest).closed(1000).chopped(1));
    let longer = vec![close(1000, &[b'r'; 124])];
    cases.push(Case::new("a reason of 124 bytes", longer).closed(1002));
    for (what, reason) in [
        ("0xFF", &b"\xff"[..]),
        ("a continuation alone", b"bye\x80"),
        ("a character that is not whole", b"bye\xe2\x82"),
        ("a surrogate", b"\xed\xa0\x80"),
        ("NUL in two bytes", b"\xc0\x80"),
        ("U+110000", b"\xf4\x90\x80\x80"),
    ] {
        let case = Case::new(format!("{what} in a reason"), vec![close(1000, reason)]);
        cases.push(case.clone().closed(1007));
        cases.push(case.closed(1007).chopped(1));
    }
}

fn shapes(cases: &mut Vec<Case>) {
    let none = Case::new("a close without a code", vec![masked(CLOSE, b"")]);
    cases.push(none.clone().wants([Want::Close(None)]));
    cases.push(none.wants([Want::Close(None)]).chopped(1));
    for byte in [0, 3, 0xFF] {
        let sends = vec![masked(CLOSE, &[byte])];
        cases.push(Case::new(format!("half a code, {byte}"), sends).closed(1002));
    }
    for length in [126, 127, 1_000, 65_536, 1 << 40] {
        let sends = vec![head(CLOSE, length)];
        cases.push(Case::new(format!("a close of {length} bytes"), sends).closed(1002));
    }
    let chopped = Case::new("a close 1000 with a reason", vec![close(1000, b"bye")]).closed(1000);
    for bytes in [1, 2, 6, 7] {
        cases.push(chopped.clone().chopped(bytes));
    }
}

fn what_follows(cases: &mut Vec<Case>) {
    let bye = || close(1000, b"");
    for (what, after) in [
        ("a text", masked(TEXT, &ping(1))),
        ("a ping", masked(PING, b"")),
        ("another close", close(1001, b"")),
        ("the same close", bye()),
        ("a broken frame", masked(0xFF, b"")),
        ("no mask", vec![TEXT, 1, b'x']),
        ("what is no text", masked(TEXT, b"\xff")),
        ("an announced gigabyte", head(TEXT, 1 << 30)),
        ("a megabyte", vec![0xAA; 1 << 20]),
    ] {
        let case = Case::new(format!("{what} after a close"), vec![bye(), after]).closed(1000);
        cases.push(case.clone());
        cases.push(case.at_once());
    }
    let sends = vec![masked(TEXT, &ping(1)), masked(PING, b"x"), bye()];
    let wants = [Want::Answer(1), Want::Pong(b"x".to_vec()), Want::Close(Some(1000))];
    let before = Case::new("what came before a close is answered", sends).wants(wants);
    cases.push(before.clone());
    cases.push(before.at_once());
    cases.push(Case::new("a close and no more", vec![bye()]).closed(1000).half_closed());
    let half = |name: &str, sends| Case::new(name, sends).wants([Want::End]).half_closed();
    cases.push(half("nothing and no more", vec![]));
    cases.push(half("half a head and no more", vec![vec![TEXT]]));
    cases.push(half("half a message and no more", vec![masked(TEXT_BEGINS, b"{")]));
    cases.push(half("half a frame and no more", vec![head(TEXT, 100), vec![b'x'; 10]]));
    let whole = Case::new("a text and no more", vec![masked(TEXT, &ping(1))]);
    cases.push(whole.wants([Want::Answer(1), Want::End]).half_closed());
}
