//! Frames (RFC 6455 §5.2): opcodes, reserved bits, masks, and lengths in each form.

use super::BINARY;
use super::Case;
use super::ENDS;
use super::PING;
use super::TEXT;
use super::TEXT_BEGINS;
use super::Want;
use super::head;
use super::long_ping;
use super::masked;
use super::ping;

/// A frame whose length is written in a form: 7 bits, 16 or 64.
fn in_form(first: u8, form: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u64;
    let mut frame = vec![first];
    match form {
        126 => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        127 => {
            frame.push(0x80 | 127);
            frame.extend(length.to_be_bytes());
        }
        _ => frame.push(0x80 | u8::try_from(length).unwrap()),
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    opcodes(&mut cases);
    reserved_bits(&mut cases);
    masks(&mut cases);
    lengths(&mut cases);
    sizes(&mut cases);
    writes(&mut cases);
    cases
}

fn opcodes(cases: &mut Vec<Case>) {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for (what, first) in [("whole", 0x80 | opcode), ("begun", opcode)] {
            let frame = masked(first, b"");
            cases.push(Case::new(format!("opcode {opcode}, {what}"), vec![frame]).closed(1002));
        }
        let sends = vec![masked(TEXT, &ping(1)), masked(0x80 | opcode, &ping(2))];
        let name = format!("opcode {opcode} after a message");
        cases.push(Case::new(name, sends).wants([Want::Answer(1), Want::Close(Some(1002))]));
        let sends = vec![masked(TEXT_BEGINS, b"{"), masked(0x80 | opcode, b"}")];
        cases.push(Case::new(format!("opcode {opcode} in a message"), sends).closed(1002));
    }
    let op = Case::new("a text", vec![masked(TEXT, &ping(1))]);
    cases.push(op.wants([Want::Answer(1)]));
    let binary = vec![masked(BINARY, &ping(1))];
    cases.push(Case::new("a binary message where JSON is spoken", binary).closed(1003));
    cases.push(Case::new("an empty binary message", vec![masked(BINARY, b"")]).closed(1003));
    let empty = Case::new("an empty text", vec![masked(TEXT, b"")]);
    cases.push(empty.wants([Want::Error("bad_request")]));
}

fn reserved_bits(cases: &mut Vec<Case>) {
    for bits in 1_u8..8 {
        for (what, first) in
            [("text", TEXT), ("binary", BINARY), ("ping", PING), ("pong", 0x8A), ("close", 0x88)]
        {
            let frame = masked(first | bits << 4, b"");
            cases.push(
                Case::new(format!("reserved bits {bits:03b} of a {what}"), vec![frame])
                    .closed(1002),
            );
        }
        let sends = vec![masked(TEXT_BEGINS, b"{"), masked(ENDS | bits << 4, b"}")];
        let name = format!("reserved bits {bits:03b} of a continuation");
        cases.push(Case::new(name, sends).closed(1002));
    }
}

fn masks(cases: &mut Vec<Case>) {
    for (what, first) in [
        ("text", TEXT),
        ("binary", BINARY),
        ("ping", PING),
        ("pong", 0x8A),
        ("close", 0x88),
        ("fragment", TEXT_BEGINS),
    ] {
        let bare = vec![vec![first, 2, b'{', b'}']];
        cases.push(Case::new(format!("a {what} without a mask"), bare).closed(1002));
        let empty = vec![vec![first, 0]];
        cases.push(Case::new(format!("an empty {what} without a mask"), empty).closed(1002));
    }
    let bare = [vec![TEXT, 126, 0, 200], vec![b' '; 200]].concat();
    cases.push(Case::new("a long text without a mask", vec![bare]).closed(1002));
    let zero = in_form(TEXT, 0, &ping(1));
    cases.push(Case::new("a mask of zeros", vec![zero]).wants([Want::Answer(1)]));
    let mask = [0xFF; 4];
    let bytes = ping(2).iter().map(|byte| byte ^ 0xFF).collect::<Vec<u8>>();
    let frame = [vec![TEXT, 0x80 | u8::try_from(bytes.len()).unwrap()], mask.to_vec(), bytes];
    cases.push(Case::new("a mask of ones", vec![frame.concat()]).wants([Want::Answer(2)]));
    let sends = vec![masked(TEXT, &ping(1)), vec![TEXT, 2, b'{', b'}']];
    let unmasked = Case::new("no mask after a good message", sends);
    cases.push(unmasked.wants([Want::Answer(1), Want::Close(Some(1002))]));
}

/// Lengths that are not written in the shortest form, or mean too much.
fn lengths(cases: &mut Vec<Case>) {
    for length in [0, 1, 125] {
        let bytes = vec![b' '; length];
        for form in [126, 127] {
            let frame = in_form(TEXT, form, &bytes);
            let name = format!("{length} bytes in the form {form}");
            cases.push(Case::new(name, vec![frame]).closed(1002));
        }
    }
    for length in [126, 127, 65_535] {
        let frame = in_form(TEXT, 127, &vec![b' '; length]);
        let name = format!("{length} bytes in the form 127");
        cases.push(Case::new(name, vec![frame]).closed(1002));
    }
    for (first, what) in [(PING, "ping"), (0x8A, "pong"), (0x88, "close")] {
        for form in [126, 127] {
            let frame = in_form(first, form, b"xy");
            let name = format!("a {what} with its length in the form {form}");
            cases.push(Case::new(name, vec![frame]).closed(1002));
        }
    }
    for length in [1 << 63, u64::MAX, (1 << 63) + 5] {
        let frame = head(TEXT, length);
        let name = format!("a length of {length:#x}, which has a sign");
        cases.push(Case::new(name, vec![frame]).closed(1002));
    }
}

/// Whole messages of every length at which something changes.
fn sizes(cases: &mut Vec<Case>) {
    for length in [20, 124, 125, 126, 127, 128, 129, 255, 256, 4_095, 4_096, 4_097, 8_192, 16_383]
        .into_iter()
        .chain([16_384, 16_385, 32_767, 32_768, 65_534, 65_535, 65_536])
    {
        let sends = vec![masked(TEXT, &long_ping(1, length))];
        cases.push(Case::new(format!("a text of {length} bytes"), sends).wants([Want::Answer(1)]));
    }
}

fn writes(cases: &mut Vec<Case>) {
    let three: Vec<_> = (1..=3).map(|id| masked(TEXT, &ping(id))).collect();
    let wants = || (1..=3).map(Want::Answer);
    let three = Case::new("three texts", three).wants(wants());
    for bytes in [1, 2, 3, 5, 7, 13, 14] {
        cases.push(three.clone().chopped(bytes));
    }
    cases.push(three.at_once());
    let many: Vec<_> = (1..=40).map(|id| masked(TEXT, &ping(id))).collect();
    let many = Case::new("40 texts", many).wants((1..=40).map(Want::Answer));
    cases.push(many.at_once());
    let long = vec![masked(TEXT, &long_ping(1, 300))];
    let long = Case::new("a text of 300 bytes", long).wants([Want::Answer(1)]);
    cases.push(long.chopped(1));
    let longest = vec![masked(TEXT, &long_ping(1, 65_536))];
    let longest = Case::new("the longest text", longest).wants([Want::Answer(1)]);
    cases.push(longest.chopped(1_000));
    for (name, frame) in [
        ("a reserved bit", masked(0xC1, b"")),
        ("no mask", vec![TEXT, 1, b'x']),
        ("a sign in the length", head(TEXT, 1 << 63)),
    ] {
        cases.push(Case::new(name, vec![frame]).closed(1002).chopped(1));
    }
}
