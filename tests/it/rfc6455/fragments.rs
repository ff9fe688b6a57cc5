//! Fragments (RFC 6455 §5.4): messages in parts, with control frames between them.

use super::BINARY;
use super::BINARY_BEGINS;
use super::Case;
use super::ENDS;
use super::GOES_ON;
use super::PING;
use super::PONG;
use super::TEXT;
use super::TEXT_BEGINS;
use super::Want;
use super::long_ping;
use super::masked;
use super::ping;

/// A message in parts of so many bytes.
fn parts(message: &[u8], bytes: usize) -> Vec<Vec<u8>> {
    let count = message.len().div_ceil(bytes);
    let part = |(index, part)| {
        let first = if index == 0 { TEXT_BEGINS } else { GOES_ON };
        masked(if index + 1 == count { first | 0x80 } else { first }, part)
    };
    message.chunks(bytes).enumerate().map(part).collect()
}

/// Frames with others after each but the last.
fn between(frames: Vec<Vec<u8>>, other: &[u8]) -> Vec<Vec<u8>> {
    let last = frames.len() - 1;
    let with = |(index, frame)| {
        if index == last { vec![frame] } else { vec![frame, other.to_vec()] }
    };
    frames.into_iter().enumerate().flat_map(with).collect()
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    whole(&mut cases);
    empty(&mut cases);
    interleaved(&mut cases);
    broken(&mut cases);
    counted(&mut cases);
    cases
}

fn whole(cases: &mut Vec<Case>) {
    let op = long_ping(1, 64);
    for bytes in [1, 2, 3, 7, 16, 31, 32, 33, 63] {
        let sends = parts(&op, bytes);
        let case = Case::new(format!("a text in parts of {bytes}"), sends);
        let case = case.wants([Want::Answer(1)]);
        cases.push(case.clone());
        cases.push(case.at_once());
    }
    let chopped = Case::new("a text in parts of 9", parts(&op, 9)).wants([Want::Answer(1)]);
    cases.push(chopped.clone().chopped(1));
    cases.push(chopped.chopped(4));
    let two = [parts(&long_ping(1, 64), 10), parts(&long_ping(2, 64), 20)].concat();
    let two = Case::new("two texts in parts", two).wants([Want::Answer(1), Want::Answer(2)]);
    cases.push(two.clone());
    cases.push(two.at_once());
    let sends = vec![masked(BINARY_BEGINS, b"\x81"), masked(ENDS, b"\xa2")];
    cases.push(Case::new("a binary message in parts", sends).closed(1003));
}

fn empty(cases: &mut Vec<Case>) {
    let op = ping(1);
    let answered =
        |name: &str, sends: Vec<Vec<u8>>| Case::new(name, sends).wants([Want::Answer(1)]);
    cases.push(answered("an empty first part", vec![masked(TEXT_BEGINS, b""), masked(ENDS, &op)]));
    cases.push(answered("an empty last part", vec![masked(TEXT_BEGINS, &op), masked(ENDS, b"")]));
    let middle = vec![masked(TEXT_BEGINS, &op[..5]), masked(GOES_ON, b""), masked(ENDS, &op[5..])];
    cases.push(answered("an empty part in the middle", middle));
    let around = vec![masked(TEXT_BEGINS, b""), masked(GOES_ON, &op), masked(ENDS, b"")];
    cases.push(answered("empty parts around a text", around));
    let nothing = vec![masked(TEXT_BEGINS, b""), masked(GOES_ON, b""), masked(ENDS, b"")];
    let nothing = Case::new("a text of three empty parts", nothing);
    cases.push(nothing.wants([Want::Error("bad_request")]));
}

fn interleaved(cases: &mut Vec<Case>) {
    let op = long_ping(1, 60);
    for bytes in [1, 10, 20] {
        let sends = between(parts(&op, bytes), &masked(PING, b"between"));
        let pings = op.len().div_ceil(bytes) - 1;
        let pongs = vec![Want::Pong(b"between".to_vec()); pings];
        let case = Case::new(format!("pings between parts of {bytes}"), sends);
        cases.push(case.wants(pongs.into_iter().chain([Want::Answer(1)])));
    }
    let sends = between(parts(&op, 12), &masked(PONG, b"unasked"));
    cases.push(Case::new("pongs between parts", sends).wants([Want::Answer(1)]));
    let sends = between(parts(&op, 30), &masked(PING, b""));
    let wants = [Want::Pong(Vec::new()), Want::Answer(1)];
    let case = Case::new("a ping between two parts", sends).wants(wants);
    cases.push(case.clone().chopped(1));
    cases.push(case.at_once());
    for code in [1000_u16, 1001] {
        let sends = vec![masked(TEXT_BEGINS, &op[..9]), masked(0x88, &code.to_be_bytes())];
        cases.push(Case::new(format!("a close {code} between parts"), sends).closed(code));
    }
}

fn broken(cases: &mut Vec<Case>) {
    let op = ping(1);
    let closed = |name: &str, sends: Vec<Vec<u8>>| Case::new(name, sends).closed(1002);
    cases.push(closed("a last part of nothing", vec![masked(ENDS, &op)]));
    cases.push(closed("an empty last part of nothing", vec![masked(ENDS, b"")]));
    cases.push(closed("a part of nothing", vec![masked(GOES_ON, &op)]));
    let text = masked(TEXT_BEGINS, b"{");
    cases.push(closed("a text in a text", vec![text.clone(), masked(TEXT, &op)]));
    cases.push(closed("a text begins in a text", vec![text.clone(), masked(TEXT_BEGINS, &op)]));
    cases.push(closed("a binary message in a text", vec![text.clone(), masked(BINARY, &op)]));
    let begins = vec![text.clone(), masked(BINARY_BEGINS, &op)];
    cases.push(closed("a binary message begins in a text", begins));
    let binary = masked(BINARY_BEGINS, b"{");
    cases.push(closed("a text in a binary message", vec![binary, masked(TEXT, &op)]));
    let whole = vec![masked(TEXT, &op), masked(ENDS, &op)];
    let case = Case::new("a last part after a whole text", whole.clone());
    cases.push(case.wants([Want::Answer(1), Want::Close(Some(1002))]));
    let case = Case::new("a last part after a whole text", whole);
    cases.push(case.wants([Want::Answer(1), Want::Close(Some(1002))]).at_once());
    let twice = vec![masked(TEXT_BEGINS, &op), masked(ENDS, b""), masked(ENDS, b"")];
    let twice = Case::new("two last parts", twice);
    cases.push(twice.wants([Want::Answer(1), Want::Close(Some(1002))]));
    for (what, first) in [("ping", 0x09), ("pong", 0x0A), ("close", 0x08)] {
        let name = format!("a {what} in parts");
        cases.push(closed(&name, vec![masked(first, b""), masked(ENDS, b"")]));
        let name = format!("a {what} in parts, in a text");
        cases.push(closed(&name, vec![text.clone(), masked(first, b"")]));
    }
}

fn counted(cases: &mut Vec<Case>) {
    let most = Case::new("a text in 64 parts", parts(&long_ping(1, 64), 1));
    cases.push(most.wants([Want::Answer(1)]));
    let wants = || [Want::Error("message_too_large"), Want::Close(Some(1009))];
    let beyond = Case::new("a text in 65 parts", parts(&long_ping(1, 65), 1));
    cases.push(beyond.wants(wants()));
    for count in [64, 1_000] {
        let begun = masked(TEXT_BEGINS, b"");
        let empty = vec![masked(GOES_ON, b""); count];
        let sends = vec![begun, empty.concat()];
        let name = format!("a text of {} empty parts and no end", count + 1);
        cases.push(Case::new(name, sends).wants(wants()));
    }
    let mut sends = vec![masked(TEXT_BEGINS, b"")];
    sends.extend(vec![masked(GOES_ON, b""); 62]);
    sends.push(masked(ENDS, &ping(1)));
    cases.push(Case::new("63 empty parts and a text", sends).wants([Want::Answer(1)]));
}
