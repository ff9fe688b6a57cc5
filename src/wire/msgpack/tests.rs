//! Both directions beside decoders of others: `rmpv` for MessagePack, `serde_json` for JSON.

use proptest::prelude::*;
use rmpv::Value as Packed;
use serde_json::Value as Json;
use tickwire_feeds::Nanos;

use super::*;
use crate::event::Channel;
use crate::event::Seq;
use crate::event::SymbolId;
use crate::tape::samples::a_board;
use crate::tape::samples::an_event;
use crate::wire::json;
use crate::wire::json::StreamName;
use crate::wire::op;

fn packed(json: &str) -> Vec<u8> {
    let mut out = Vec::new();
    pack(&mut out, json.as_bytes());
    out
}

/// What another decoder reads, which must be all that there is.
fn read(mut bytes: &[u8]) -> Packed {
    let value = rmpv::decode::read_value(&mut bytes).unwrap();
    assert!(bytes.is_empty(), "{bytes:x?} after {value}");
    value
}

fn written(value: &Packed) -> Vec<u8> {
    let mut out = Vec::new();
    rmpv::encode::write_value(&mut out, value).unwrap();
    out
}

/// Whether a value is what JSON has under a key.
fn is_same(packed: &Packed, json: &Json, key: &str) -> bool {
    const TIMES: [&str; 7] = ["ts", "recv", "since", "start", "now", "at", "day_from"];
    match (packed, json) {
        (Packed::Nil, Json::Null) => true,
        (Packed::Boolean(a), Json::Bool(b)) => a == b,
        (Packed::Integer(a), Json::Number(b)) => {
            (a.as_u64(), a.as_i64()) == (b.as_u64(), b.as_i64())
        }
        (Packed::F64(a), Json::Number(b)) => b.is_f64() && b.as_f64() == Some(*a),
        (Packed::Ext(-1, bytes), Json::String(text)) => {
            TIMES.contains(&key) && time_of(bytes).to_string() == *text
        }
        (Packed::String(a), Json::String(b)) => {
            a.as_str() == Some(b) && !(TIMES.contains(&key) && Nanos::parse_rfc3339(b).is_ok())
        }
        (Packed::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b, ""))
        }
        (Packed::Map(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| {
                    let key = key.as_str().unwrap();
                    b.get(key).is_some_and(|json| is_same(value, json, key))
                })
        }
        _ => false,
    }
}

fn time_of(bytes: &[u8]) -> Nanos {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | i128::from(*byte));
    let (seconds, part) = match bytes.len() {
        4 => (number(bytes), 0),
        8 => (number(bytes) & ((1 << 34) - 1), number(bytes) >> 34),
        12 => {
            let seconds = i64::from_be_bytes(bytes[4..].try_into().unwrap());
            (seconds.into(), number(&bytes[..4]))
        }
        other => panic!("a timestamp of {other} bytes"),
    };
    Nanos(i64::try_from(seconds * 1_000_000_000 + part).unwrap())
}

#[track_caller]
fn check(json: &str, bytes: &[u8]) {
    assert_eq!(packed(json), bytes, "{json}");
    assert!(is_same(&read(bytes), &serde_json::from_str(json).unwrap(), ""), "{json}");
}

#[track_caller]
fn check_message(json: &[u8]) {
    let mut out = Vec::new();
    pack(&mut out, json);
    let value: Json = serde_json::from_slice(json).unwrap();
    let text = String::from_utf8_lossy(json);
    assert!(is_same(&read(&out), &value, ""), "{text}: {}", read(&out));
    assert!(out.len() <= json.len(), "{text}");
    let back: Json = serde_json::from_slice(&unpack(&out).unwrap()).unwrap();
    assert_eq!(back, value);
}

#[track_caller]
fn check_refused(bytes: &[u8], error: Error) {
    assert_eq!(unpack(bytes), Err(error), "{bytes:x?}");
}

#[test]
fn each_value_has_its_shortest_form() {
    check("null", &[0xc0]);
    check("[true,false]", &[0x92, 0xc3, 0xc2]);
    check("[0,127,128,255,256]", &[0x95, 0, 0x7f, 0xcc, 128, 0xcc, 255, 0xcd, 1, 0]);
    check("65535", &[0xcd, 0xff, 0xff]);
    check("65536", &[0xce, 0, 1, 0, 0]);
    check("4294967296", &[0xcf, 0, 0, 0, 1, 0, 0, 0, 0]);
    check("18446744073709551615", &[&[0xcf][..], &[0xff; 8]].concat());
    check("[-1,-32,-33,-128]", &[0x94, 0xff, 0xe0, 0xd0, 0xdf, 0xd0, 0x80]);
    check("[-129,-32768]", &[0x92, 0xd1, 0xff, 0x7f, 0xd1, 0x80, 0]);
    check("[-32769]", &[0x91, 0xd2, 0xff, 0xff, 0x7f, 0xff]);
    check("-9223372036854775808", &[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    check("0.5", &[0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0]);
    check("1e2", &[0xcb, 0x40, 0x59, 0, 0, 0, 0, 0, 0]);
    check(r#""""#, &[0xa0]);
    check(r#"{"bid":"97000.10"}"#, b"\x81\xa3bid\xa897000.10");
    check(r#"{"a":{},"b":[]}"#, b"\x82\xa1a\x80\xa1b\x90");
    check(r#""a\"b\\c\nd""#, b"\xa7a\"b\\c\nd");
    let bytes = [&[0x82, 0xa2][..], b"a\"", &[1, 0xa3], b"ts1", &[0xa8], "éé😀".as_bytes()];
    check(r#"{"a\"":1,"ts\u0031":"é\u00e9\ud83d\ude00"}"#, &bytes.concat());
}

#[test]
fn lengths_and_counts_take_the_form_that_they_need() {
    for (length, head) in [
        (31, &[0xbf][..]),
        (32, &[0xd9, 32]),
        (255, &[0xd9, 255]),
        (256, &[0xda, 1, 0]),
        (65_535, &[0xda, 255, 255]),
        (65_536, &[0xdb, 0, 1, 0, 0]),
    ] {
        let text = "x".repeat(length);
        check(&format!("\"{text}\""), &[head, text.as_bytes()].concat());
    }
    for (count, head) in [
        (15, &[0x9f][..]),
        (16, &[0xdc, 0, 16]),
        (65_535, &[0xdc, 255, 255]),
        (65_536, &[0xdd, 0, 1, 0, 0]),
    ] {
        let list = vec!["1"; count].join(",");
        check(&format!("[{list}]"), &[head, &vec![1; count]].concat());
    }
    for (count, head) in [(15, &[0x8f][..]), (16, &[0xde, 0, 16])] {
        let map: Vec<_> =
            (b'a'..).take(count).map(|key| format!("\"{}\":1", key as char)).collect();
        let entries = (b'a'..).take(count).flat_map(|key| [0xa1, key, 1]);
        let bytes = head.iter().copied().chain(entries).collect::<Vec<u8>>();
        check(&format!("{{{}}}", map.join(",")), &bytes);
    }
}

#[test]
fn times_are_timestamps_where_the_protocol_has_times() {
    check(r#"{"ts":"1970-01-01T00:00:01Z"}"#, b"\x81\xa2ts\xd6\xff\0\0\0\x01");
    check(r#"{"ts":"2106-02-07T06:28:15Z"}"#, b"\x81\xa2ts\xd6\xff\xff\xff\xff\xff");
    check(r#"{"ts":"2106-02-07T06:28:16Z"}"#, b"\x81\xa2ts\xd7\xff\0\0\0\x01\0\0\0\0");
    check(
        r#"{"recv":"1970-01-01T00:00:01.999999999Z"}"#,
        b"\x81\xa4recv\xd7\xff\xee\x6b\x27\xfc\0\0\0\x01",
    );
    check(
        r#"{"at":"1969-12-31T23:59:59.5Z"}"#,
        &[b"\x81\xa2at\xc7\x0c\xff\x1d\xcd\x65\0", &[0xff; 8][..]].concat(),
    );
    check(r#"{"day":"2026-11-21"}"#, b"\x81\xa3day\xaa2026-11-21");
    check(r#"{"id":"1970-01-01T00:00:01Z"}"#, b"\x81\xa2id\xb41970-01-01T00:00:01Z");
    // A gap of a slow client has places where a replay's range has none.
    check(
        r#"{"from":3,"day_from":null,"start":""}"#,
        b"\x83\xa4from\x03\xa8day_from\xc0\xa5start\xa0",
    );
    let list = r#"{"since":["1970-01-01T00:00:01Z"]}"#;
    check(list, b"\x81\xa5since\x91\xb41970-01-01T00:00:01Z");
}

#[test]
fn what_is_no_json_is_nil_from_there_on() {
    for (json, bytes) in [
        ("", &[0xc0][..]),
        ("nul", &[0xc0]),
        (r#"{"a":1"#, &[0x81, 0xa1, b'a', 1]),
        (r#"{"a":"#, &[0x81, 0xa1, b'a', 0xc0]),
        (r#"{"a""#, &[0x81, 0xa1, b'a', 0xc0]),
        (r#"[1,"ab"#, &[0x92, 1, 0xa2, b'a', b'b']),
        (r#""\ud800""#, &[0xa0]),
    ] {
        assert_eq!(packed(json), bytes, "{json}");
    }
    let deep = "[".repeat(100_000);
    let nested = [&[0x91; 16][..], &[0xc0]].concat();
    assert_eq!(packed(&deep), nested);
}

#[test]
fn what_a_client_may_not_send_is_refused() {
    check_refused(b"", Error::Cut);
    check_refused(b"\x81\xa2op", Error::Cut);
    check_refused(b"\x81\xa2o", Error::Cut);
    check_refused(b"\xc0\xc0", Error::More(1));
    check_refused(b"\x81\x01\x01", Error::Key);
    check_refused(b"\x81\xc4\x01a\x01", Error::Key);
    check_refused(b"\xa2\xc3\x28", Error::Utf8);
    check_refused(b"\xa3\xed\xa0\x80", Error::Utf8);
    check_refused(b"\xc1", Error::Kind(0xc1));
    for head in [0xc4, 0xc5, 0xc6, 0xc8, 0xc9, 0xd4, 0xd5, 0xd8] {
        check_refused(&[&[head, 1][..], &[0; 32]].concat(), Error::Kind(head));
    }
    check_refused(b"\xd6\x05\0\0\0\0", Error::Kind(0xd6));
    check_refused(b"\xd7\xff\xff\xff\xff\xff\xff\xff\xff\xff", Error::Time);
    check_refused(b"\xc7\x0c\xff\0\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", Error::Time);
    check_refused(b"\xc7\x0b\xff\0\0\0\0\0\0\0\0\0\0\0", Error::Time);
    check_refused(&[&[0xcb][..], &f64::NAN.to_be_bytes()].concat(), Error::NotFinite);
    check_refused(&[&[0xca][..], &f32::INFINITY.to_be_bytes()].concat(), Error::NotFinite);
    // What is announced is not believed.
    check_refused(b"\xdd\xff\xff\xff\xff\xc0", Error::Cut);
    check_refused(b"\xdf\xff\xff\xff\xff\xa1a\xc0", Error::Cut);
    check_refused(b"\xdb\xff\xff\xff\xffabc", Error::Cut);
    check_refused(&[0x91; 100_000], Error::Deep);
    check_refused(&[&[0x91; 16][..], &[0x90]].concat(), Error::Deep);
    assert_eq!(unpack(&[&[0x91; 15][..], &[0x90]].concat()).unwrap().len(), 32);
}

#[test]
fn an_operation_is_the_same_in_both_formats() {
    for text in [
        r#"{"op":"ping","id":-7}"#,
        r#"{"op":"ping","id":"x\"y"}"#,
        r#"{"op":"subscribe","id":3,"channel":"trades","symbols":["sim:A","*:B"],"from":{"epoch":"k3v9","seq":184001},"slow":"spill"}"#,
        r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"],"conflate_ms":250}"#,
        r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"],"conflate_ms":-5}"#,
        r#"{"op":"subscribe","channel":"ticker","symbols":["*:*"],"conflate_ms":2.5}"#,
        r#"{"op":"subscribe","channel":7,"symbols":null}"#,
        r#"{"op":"nothing"}"#,
        r"[]",
        r#"{"id":[1]}"#,
    ] {
        let json = op::parse(text.as_bytes());
        assert_eq!(op::parse_packed(&packed(text)), json, "{text}");
    }
    let open = r#"{"op":"open","channel":"ticker","symbols":["*:*"],"speed":0.5,"from":"TIME"}"#;
    let open = open.replace("TIME", "2025-11-20T14:30:00Z");
    assert_eq!(op::parse_replay_packed(&packed(&open)), op::parse_replay(open.as_bytes()));
    // A client may send its times as timestamps.
    let time = Packed::Ext(-1, 1_763_649_000_u32.to_be_bytes().to_vec());
    let mut map = vec![("op", "open".into()), ("channel", "ticker".into()), ("from", time)];
    map.push(("symbols", Packed::Array(vec!["*:*".into()])));
    map.push(("speed", 0.5.into()));
    let map = map.into_iter().map(|(key, value)| (key.into(), value)).collect();
    let parsed = op::parse_replay_packed(&written(&Packed::Map(map)));
    assert_eq!(parsed, op::parse_replay(open.as_bytes()));
    let (id, refused) = op::parse_packed(b"\xc1");
    assert_eq!(id, None);
    let message = refused.unwrap_err().message;
    assert_eq!(message, "not MessagePack: a value of kind 0xc1 means nothing here");
    // The last of two counts, as in JSON.
    let twice = r#"{"op":"ping","id":1,"id":2}"#;
    assert_eq!(op::parse_packed(&packed(twice)), op::parse(twice.as_bytes()));
}

/// Numbers that `serde_json` reads exactly.
fn exact() -> impl Strategy<Value = f64> {
    let halves = (any::<i32>(), prop::bool::ANY).prop_map(|(number, half)| {
        format!("{number}.{}", if half { 5 } else { 0 }).parse().unwrap()
    });
    prop_oneof![halves, prop::sample::select(vec![0.42, 1e-7, -1e300, f64::MAX])]
}

/// Any JSON that serde writes.
fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (0_u64..300).prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        exact().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
        any::<i64>().prop_map(|nanos| Json::from(Nanos(nanos).to_string())),
    ];
    leaf.prop_recursive(4, 64, 20, |inner| {
        let key = prop_oneof![any::<String>(), Just("ts".to_owned()), Just("at".to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Json::from),
            prop::collection::vec((key, inner), 0..20)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// Any MessagePack with string keys and no bytes.
fn any_packed() -> impl Strategy<Value = Packed> {
    let leaf = prop_oneof![
        Just(Packed::Nil),
        any::<bool>().prop_map(Packed::from),
        any::<u64>().prop_map(Packed::from),
        any::<i64>().prop_map(Packed::from),
        exact().prop_map(Packed::from),
        prop::sample::select(vec![0.5_f32, -0.125, 1e6, 3.0]).prop_map(Packed::from),
        any::<String>().prop_map(Packed::from),
    ];
    leaf.prop_recursive(4, 64, 20, |inner| {
        let map = prop::collection::btree_map(any::<String>(), inner.clone(), 0..20);
        let map = map.prop_map(|map| {
            Packed::Map(map.into_iter().map(|(key, value)| (key.into(), value)).collect())
        });
        prop_oneof![prop::collection::vec(inner, 0..20).prop_map(Packed::from), map]
    })
}

/// Of the years 1678 to 2261, as times are read.
fn times() -> std::ops::Range<i64> {
    let day = 86_400_000_000_000;
    -106_650 * day..106_651 * day
}

proptest! {
    #[test]
    fn any_json_is_read_the_same_by_another_decoder(json in any_json()) {
        let bytes = packed(&json.to_string());
        prop_assert!(is_same(&read(&bytes), &json, ""), "{} {}", json, read(&bytes));
        let back: Json = serde_json::from_slice(&unpack(&bytes).unwrap()).unwrap();
        prop_assert_eq!(back, json);
    }

    #[test]
    fn every_message_of_a_board_is_read_the_same(board in a_board()) {
        for index in 0..6 {
            for channel in Channel::ALL {
                let mut message = Vec::new();
                json::write_snapshot(&mut message, channel, SymbolId(index), &board);
                if !message.is_empty() {
                    check_message(&message);
                }
            }
        }
    }

    #[test]
    fn every_message_of_an_event_is_read_the_same(event in an_event()) {
        for channel in Channel::ALL {
            let stream = StreamName { channel, id: SymbolId(0), symbol: "sim:BTC-USD" };
            let mut message = Vec::new();
            json::write_event(&mut message, stream, &event, Seq(7));
            if !message.is_empty() {
                check_message(&message);
            }
        }
    }

    #[test]
    fn any_bytes_are_packed_to_one_value(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut out = Vec::new();
        pack(&mut out, &bytes);
        let mut rest = &out[..];
        prop_assert!(rmpv::decode::read_value(&mut rest).is_ok(), "{:x?} {:x?}", bytes, out);
        prop_assert!(rest.is_empty(), "{:x?}: {:x?}", bytes, rest);
    }

    #[test]
    fn broken_json_is_packed_to_one_value(json in any_json(), cut in any::<prop::sample::Index>()) {
        let text = json.to_string();
        let mut out = Vec::new();
        pack(&mut out, &text.as_bytes()[..cut.index(text.len() + 1)]);
        let mut rest = &out[..];
        prop_assert!(rmpv::decode::read_value(&mut rest).is_ok() && rest.is_empty());
    }

    #[test]
    fn what_another_encoder_writes_is_read_the_same(value in any_packed()) {
        let json: Json = serde_json::from_slice(&unpack(&written(&value)).unwrap()).unwrap();
        // JSON has one kind of float.
        fn widen(value: Packed) -> Packed {
            match value {
                Packed::F32(number) => Packed::F64(number.into()),
                Packed::Array(list) => list.into_iter().map(widen).collect::<Vec<_>>().into(),
                Packed::Map(map) => {
                    Packed::Map(map.into_iter().map(|(key, value)| (key, widen(value))).collect())
                }
                other => other,
            }
        }
        prop_assert!(is_same(&widen(value), &json, ""), "{json}");
    }

    #[test]
    fn any_bytes_are_unpacked_to_json_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        if let Ok(json) = unpack(&bytes) {
            prop_assert!(json.len() <= bytes.len() * 40 + 40);
            prop_assert!(serde_json::from_slice::<Json>(&json).is_ok());
        }
    }

    #[test]
    fn broken_messages_are_unpacked_to_json_or_refused(
        value in any_packed(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = written(&value);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(json) = unpack(&bytes) {
            prop_assert!(serde_json::from_slice::<Json>(&json).is_ok());
        }
        prop_assert!(unpack(&bytes[..at]).is_err());
    }

    #[test]
    fn every_time_has_the_shortest_form(nanos in times(), whole in any::<bool>()) {
        let nanos = if whole { nanos / 1_000_000_000 * 1_000_000_000 } else { nanos };
        let bytes = packed(&format!(r#"{{"ts":"{}"}}"#, Nanos(nanos)));
        let Packed::Map(map) = read(&bytes) else { panic!() };
        let Packed::Ext(-1, time) = &map[0].1 else { panic!("{nanos}: {bytes:x?}") };
        prop_assert_eq!(time_of(time), Nanos(nanos));
        let seconds = nanos.div_euclid(1_000_000_000);
        let whole = nanos.rem_euclid(1_000_000_000) == 0 && u32::try_from(seconds).is_ok();
        let length = if whole { 4 } else if (0..1 << 34).contains(&seconds) { 8 } else { 12 };
        prop_assert_eq!(time.len(), length);
    }
}
