//! Text (RFC 6455 §8.1, RFC 3629): what is UTF-8 is taken wherever it is cut, what is none is
//! refused with 1007 as soon as that is certain.

use super::Case;
use super::ENDS;
use super::GOES_ON;
use super::PING;
use super::TEXT;
use super::TEXT_BEGINS;
use super::Want;
use super::head;
use super::masked;

/// The ends of the ranges of characters, and some between.
const VALID: [&str; 12] = [
    "plain",
    "\u{7F}",
    "\u{80}",
    "\u{7FF}",
    "\u{800}",
    "\u{D7FF}",
    "\u{E000}",
    "\u{FEFF}\u{FFFD}\u{FFFE}\u{FFFF}",
    "\u{10000}",
    "\u{10FFFF}",
    "κόσμε",
    "日本語 😀 é",
];

/// What no text has.
const INVALID: [(&str, &[u8]); 26] = [
    ("a continuation alone", b"\x80"),
    ("the last continuation alone", b"\xbf"),
    ("two continuations", b"\x80\xbf"),
    ("NUL in two bytes", b"\xc0\x80"),
    ("DEL in two bytes", b"\xc1\xbf"),
    ("a slash in two bytes", b"\xc0\xaf"),
    ("NUL in three bytes", b"\xe0\x80\x80"),
    ("U+07FF in three bytes", b"\xe0\x9f\xbf"),
    ("NUL in four bytes", b"\xf0\x80\x80\x80"),
    ("U+FFFF in four bytes", b"\xf0\x8f\xbf\xbf"),
    ("the first surrogate", b"\xed\xa0\x80"),
    ("the last surrogate", b"\xed\xbf\xbf"),
    ("a pair of surrogates", b"\xed\xa0\x80\xed\xb0\x80"),
    ("U+110000", b"\xf4\x90\x80\x80"),
    ("U+140000", b"\xf5\x80\x80\x80"),
    ("five bytes", b"\xf8\x88\x80\x80\x80"),
    ("six bytes", b"\xfc\x84\x80\x80\x80\x80"),
    ("0xFE", b"\xfe"),
    ("0xFF", b"\xff"),
    ("two bytes, the second wrong", b"\xc3\x28"),
    ("three bytes, the second wrong", b"\xe2\x28\xa1"),
    ("three bytes, the third wrong", b"\xe2\x82\x28"),
    ("four bytes, the second wrong", b"\xf0\x28\x8c\xbc"),
    ("four bytes, the third wrong", b"\xf0\x90\x28\xbc"),
    ("four bytes, the fourth wrong", b"\xf0\x9f\x98\x28"),
    ("Latin-1", b"na\xefve"),
];

/// Characters that are not whole.
const CUT: [(&str, &[u8]); 5] = [
    ("one of two bytes", b"\xc3"),
    ("one of three bytes", b"\xe2"),
    ("two of three bytes", b"\xe2\x82"),
    ("two of four bytes", b"\xf0\x9f"),
    ("three of four bytes", b"\xf0\x9f\x98"),
];

fn op(text: &str) -> Vec<u8> {
    format!("{{\"op\":\"ping\",\"id\":1,\"x\":\"{text}\"}}").into_bytes()
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    valid(&mut cases);
    invalid(&mut cases);
    cut(&mut cases);
    early(&mut cases);
    cases
}

fn valid(cases: &mut Vec<Case>) {
    for text in VALID {
        let (op, name) = (op(text), text.escape_unicode());
        let answered = |name: String, sends| Case::new(name, sends).wants([Want::Answer(1)]);
        let whole = answered(format!("the text {name}"), vec![masked(TEXT, &op)]);
        cases.push(whole.clone());
        let last = op.len() - 1;
        let parts = op.iter().enumerate().map(|(at, byte)| {
            let first = if at == 0 { TEXT_BEGINS } else { GOES_ON };
            masked(if at == last { first | 0x80 } else { first }, &[*byte])
        });
        let parts: Vec<_> = parts.collect();
        if parts.len() <= 64 {
            cases.push(answered(format!("the text {name} in parts of 1"), parts));
        }
        cases.push(whole.chopped(1));
    }
    let smile = op("😀");
    let at = smile.len() - 6;
    for bytes in 1..4 {
        let (one, two) = smile.split_at(at + bytes);
        let sends = vec![masked(TEXT_BEGINS, one), masked(PING, b"\xFF"), masked(ENDS, two)];
        let name = format!("a ping after {bytes} bytes of a character");
        let pong = Want::Pong(vec![0xFF]);
        cases.push(Case::new(name, sends).wants([pong, Want::Answer(1)]));
        let sends = vec![masked(TEXT_BEGINS, one), masked(GOES_ON, b""), masked(ENDS, two)];
        let name = format!("an empty part after {bytes} bytes of a character");
        cases.push(Case::new(name, sends).wants([Want::Answer(1)]));
    }
}

fn invalid(cases: &mut Vec<Case>) {
    for (what, bytes) in INVALID {
        cases.push(Case::new(what, vec![masked(TEXT, bytes)]).closed(1007));
        let inside = [b"{\"x\":\"", bytes, b"\"}"].concat();
        let sends = vec![masked(TEXT, &inside)];
        cases.push(Case::new(format!("{what}, in a text"), sends).closed(1007));
        let (one, two) = inside.split_at(7);
        let sends = vec![masked(TEXT_BEGINS, one), masked(ENDS, two)];
        cases.push(Case::new(format!("{what}, across two parts"), sends).closed(1007));
    }
    let sends = vec![masked(TEXT, &op("é")), masked(TEXT, b"\xff")];
    let wants = [Want::Answer(1), Want::Close(Some(1007))];
    let after = Case::new("0xFF after a good message", sends).wants(wants);
    cases.push(after.clone());
    cases.push(after.at_once());
}

fn cut(cases: &mut Vec<Case>) {
    for (what, bytes) in CUT {
        cases.push(Case::new(what, vec![masked(TEXT, bytes)]).closed(1007));
        let sends = vec![masked(TEXT_BEGINS, bytes), masked(ENDS, b"")];
        cases.push(Case::new(format!("{what}, then an empty part"), sends).closed(1007));
        let sends = vec![masked(TEXT_BEGINS, bytes), masked(ENDS, b"x")];
        cases.push(Case::new(format!("{what}, then another"), sends).closed(1007));
    }
}

/// The message has not ended, nor has its frame: it is refused all the same.
fn early(cases: &mut Vec<Case>) {
    for (what, bytes) in [
        ("0xFF", &b"\xff"[..]),
        ("a surrogate", b"\xed\xa0"),
        ("a slash in two bytes", b"\xc0"),
        ("above U+10FFFF", b"\xf4\x90"),
    ] {
        let sends = vec![masked(TEXT_BEGINS, bytes)];
        cases.push(Case::new(format!("{what} before the last part"), sends).closed(1007));
        let begun = [b"{\"op\":\"", bytes].concat();
        let whole = masked(TEXT, &[&begun[..], &[b' '; 100]].concat());
        let sends = vec![whole[..6 + begun.len()].to_vec()];
        cases.push(Case::new(format!("{what} before the end of the frame"), sends).closed(1007));
    }
    let sends = vec![head(TEXT, 60_000), vec![b'x' ^ 7, 0xFF ^ 11]];
    cases.push(Case::new("0xFF at the beginning of a long frame", sends).closed(1007));
}
