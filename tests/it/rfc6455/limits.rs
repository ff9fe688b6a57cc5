//! Bounds: what is too large is refused at its head, with `message_too_large` and 1009, and who
//! asks for too much is refused, then cut.

use super::BINARY;
use super::BINARY_BEGINS;
use super::Case;
use super::ENDS;
use super::GOES_ON;
use super::TEXT;
use super::TEXT_BEGINS;
use super::Want;
use super::head;
use super::long_ping;
use super::masked;
use super::ping;

fn too_large(name: impl Into<String>, sends: Vec<Vec<u8>>) -> Case {
    Case::new(name, sends).wants([Want::Error("message_too_large"), Want::Close(Some(1009))])
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    announced(&mut cases);
    sums(&mut cases);
    operations(&mut cases);
    cases
}

fn announced(cases: &mut Vec<Case>) {
    let lengths = [65_537, 65_600, 100_000, 1 << 20, 1 << 30, 1 << 31, 1 << 32, 1 << 40];
    for length in lengths.into_iter().chain([i64::MAX as u64]) {
        for (what, first) in [("text", TEXT), ("binary message", BINARY)] {
            let name = format!("a {what} of {length} bytes, announced");
            cases.push(too_large(name, vec![head(first, length)]));
        }
        let name = format!("a part of {length} bytes, announced");
        let sends = vec![masked(TEXT_BEGINS, b"{"), head(GOES_ON, length)];
        cases.push(too_large(name, sends));
    }
    let whole = masked(TEXT, &long_ping(1, 65_537));
    cases.push(too_large("a text of 65537 bytes", vec![whole.clone()]));
    let streamed = [head(TEXT, 1 << 30), vec![b'x'; 1 << 20]].concat();
    cases.push(too_large("a gigabyte that is begun", vec![streamed]));
    let sends = vec![masked(TEXT, &ping(1)), whole];
    let wants = [Want::Answer(1), Want::Error("message_too_large"), Want::Close(Some(1009))];
    let after = Case::new("a text of 65537 bytes after another", sends).wants(wants);
    cases.push(after.clone());
    cases.push(after.at_once());
    cases.push(too_large("an announced gigabyte", vec![head(TEXT, 1 << 30)]).chopped(1));
}

fn sums(cases: &mut Vec<Case>) {
    let op = long_ping(1, 65_536);
    let (one, two) = op.split_at(40_000);
    let sends = vec![masked(TEXT_BEGINS, one), masked(ENDS, two)];
    cases.push(Case::new("65536 bytes in two parts", sends).wants([Want::Answer(1)]));
    for (what, first) in [("text", TEXT_BEGINS), ("binary message", BINARY_BEGINS)] {
        let sends = vec![masked(first, &vec![b' '; 65_536]), masked(ENDS, b" ")];
        cases.push(too_large(format!("a {what} of 65536 + 1 bytes"), sends));
        let sends = vec![masked(first, b" "), head(ENDS, 65_536)];
        cases.push(too_large(format!("a {what} of 1 + 65536 bytes"), sends));
    }
    let mut sends = vec![masked(TEXT_BEGINS, &[b' '; 16_384])];
    sends.extend(vec![masked(GOES_ON, &[b' '; 16_384]); 4]);
    cases.push(too_large("five parts of 16384 bytes", sends));
}

fn operations(cases: &mut Vec<Case>) {
    let frames = |count: u64| (1..=count).map(|id| masked(TEXT, &ping(id))).collect();
    let answers = || (1..=45).map(Want::Answer);
    cases.push(Case::new("45 operations", frames(45)).wants(answers()).at_once());
    let beyond = Case::new("1000 operations", frames(1_000)).at_once();
    cases.push(beyond.wants(answers().chain([Want::Cut(4029)])));
    let nonsense = vec![masked(TEXT, b"?"); 1_000];
    cases.push(Case::new("1000 messages of nonsense", nonsense).at_once().wants([Want::Cut(4029)]));
}
