//! Real recordings through journal and store.

use std::fs::File;
use std::io::BufRead as _;
use std::io::BufReader;
use std::path::PathBuf;

use flate2::read::MultiGzDecoder;
use tickwire_feeds::Feed as _;
use tickwire_feeds::Output;
use tickwire_feeds::TapeCsv;

use super::*;
use crate::tape::packed;

/// A recorded tape; `CAPTURES` names another place for them.
#[expect(clippy::print_stdout, reason = "what is skipped is told")]
fn recording(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    let file = std::env::var_os("CAPTURES").map_or(beside, PathBuf::from).join("tape").join(name);
    if file.is_file() {
        return Some(file);
    }
    assert_ne!(std::env::var("REQUIRE").as_deref(), Ok("all"), "needs ../shared/captures");
    println!("SKIPPED: needs ../shared/captures");
    None
}

/// Puts a recording on a tape, as its feed and the sequencer would.
fn play(life: &mut Life, file: &Path) {
    let feed = FeedId(1);
    let change = Registry::Feed { id: feed, name: "rec".into(), venue: "file".into() };
    let mut events = vec![life.board.stamp_registry(change, NOW, life.board.seq().next())];
    let mut csv = TapeCsv::new("rec").unwrap();
    let mut out = Output::default();
    let lines = BufReader::new(MultiGzDecoder::new(File::open(file).unwrap()));
    for line in lines.split(b'\n') {
        let mut line = line.unwrap();
        let now = csv.peek_time(&line).unwrap_or(NOW);
        csv.on_frame(&mut line, now, &mut out).unwrap();
        for tick in out.ticks.drain(..) {
            let seq = life.board.seq().next();
            events.extend(life.board.stamp(feed, tick, seq));
        }
        if events.len() > 1_000 {
            life.append(&events);
            events.clear();
        }
    }
    life.append(&events);
}

/// An event's bytes: equal only if it is the same to the last digit.
fn bytes(event: &Event) -> (Seq, Nanos, Vec<u8>) {
    let mut bytes = Vec::new();
    packed::put_event(&mut bytes, event);
    (event.seq, event.recv, bytes)
}

fn comes_back_exactly(name: &str, rows: usize) {
    let Some(file) = recording(name) else { return };
    let Some(world) = World::begin() else { return };
    let settings =
        tape::Settings { segment_bytes: 4 << 20, ..tape::Settings::new(world.dir.path()) };
    let mut life = Life::begin_with(&settings);
    play(&mut life, &file);
    world.record_all(&life.tape);
    let (wanted, got) = (life.events(), world.stored(life.tape.epoch()));
    assert!(wanted.len() > rows, "{} events", wanted.len());
    assert!(wanted.iter().map(bytes).eq(got.iter().map(bytes)));
    let epoch = world.epoch(life.tape.epoch());
    for part in 0..5 {
        let seq = Seq(epoch.stored.0 * part / 5 + 777);
        let board = world.runtime.block_on(world.reader().board_at(&epoch, seq)).unwrap();
        assert_eq!(board, life.tape.board_at(seq).unwrap());
    }
}

#[test]
fn an_hour_of_equities_comes_back_exactly() {
    comes_back_exactly("equities_20131008_0930_1030.csv.gz", 275_000);
}

#[test]
fn minutes_of_crypto_come_back_exactly() {
    comes_back_exactly("crypto_20240808.csv.gz", 262_000);
}
