//! Pings and pongs (RFC 6455 §5.5): the same bytes come back, at once, and nothing else.

use super::Case;
use super::PING;
use super::PONG;
use super::TEXT;
use super::Want;
use super::head;
use super::masked;
use super::ping;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in [0, 1, 2, 3, 4, 5, 8, 63, 64, 124, 125] {
        let payload: Vec<u8> = (0..length).map(|byte| byte ^ 0xA5).collect();
        let case = Case::new(format!("a ping of {length} bytes"), vec![masked(PING, &payload)]);
        let case = case.wants([Want::Pong(payload.clone())]);
        cases.push(case.clone());
        cases.push(case.chopped(1));
        let sends = vec![masked(PONG, &payload)];
        cases.push(Case::new(format!("a pong of {length} bytes that nobody asked for"), sends));
    }
    for (what, first) in [("ping", PING), ("pong", PONG)] {
        for length in [126, 127, 200, 65_535, 65_536, 1 << 30] {
            let name = format!("a {what} of {length} bytes");
            cases.push(Case::new(name, vec![head(first, length)]).closed(1002));
        }
    }
    let pings = || (0..10_u8).map(|index| vec![index; usize::from(index)]);
    let many = Case::new("ten pings", pings().map(|ping| masked(PING, &ping)).collect());
    let many = many.wants(pings().map(Want::Pong));
    cases.push(many.clone());
    cases.push(many.clone().at_once());
    cases.push(many.chopped(1));
    let flood: Vec<_> = (0..500_u32).map(|index| index.to_be_bytes().to_vec()).collect();
    let frames = flood.iter().map(|payload| masked(PING, payload)).collect();
    let flood = Case::new("500 pings", frames).wants(flood.into_iter().map(Want::Pong));
    cases.push(flood.at_once());
    let text: &[u8] = b"\xff\xfe\xed\xa0\x80";
    let case = Case::new("a ping that is no text", vec![masked(PING, text)]);
    cases.push(case.wants([Want::Pong(text.to_vec())]));
    let mixed = vec![masked(PING, b"1"), masked(TEXT, &ping(2)), masked(PING, b"3")];
    let wants = [Want::Pong(b"1".to_vec()), Want::Answer(2), Want::Pong(b"3".to_vec())];
    let mixed = Case::new("pings around a text", mixed).wants(wants);
    cases.push(mixed.clone());
    cases.push(mixed.at_once());
    cases
}
