//! Replay: the same messages again, at the reader's pace, over restarts too.

use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::client::Client;
use crate::readers::Make;
use crate::readers::Messages;
use crate::readers::Reader;
use crate::readers::assert_part_of;
use crate::readers::messages;
use crate::readers::town::Town;

/// A town with some seconds of a past, and what that holds.
fn town(ticks_per_s: &str) -> (Town, String, Messages) {
    let town = Town::start(&[("feeds.sim.ticks_per_s", ticks_per_s)]);
    std::thread::sleep(Duration::from_millis(1_200));
    let welcome = Client::connect(town.address).welcome;
    let whole = town.everything(&["ticker", "trades"]);
    (town, welcome["epoch"].as_str().unwrap().to_owned(), whole)
}

fn play(make: Make, town: &Town, more: &Value) -> Option<Reader> {
    let mut wanted = json!({ "url": town.url(), "replay": true, "channels": ["ticker", "trades"],
        "names": ["sim:*"], "speed": 0 });
    more.as_object().unwrap().iter().for_each(|(key, it)| wanted[key] = it.clone());
    make(&wanted)
}

/// A replay is what it was live, and ends at its end.
#[track_caller]
pub(crate) fn is_what_it_was(make: Make) {
    let (town, epoch, whole) = town("1000");
    let head = whole.values().filter_map(|of| of.last_key_value()).map(|(seq, _)| *seq).max();
    let to = format!("{epoch}:{}", head.unwrap());
    let from = format!("{epoch}:20");
    let Some(mut reader) = play(make, &town, &json!({ "from": from, "to": to })) else { return };
    reader.event("position", "state", "ended");
    reader.until("end", |event| event["event"] == "end");
    let got = messages(reader.of("data"));
    let compared = assert_part_of(&got, &whole);
    assert!(compared > 1_000, "{compared}");
    for (stream, of) in &got {
        let last = of.last_key_value().map(|(seq, _)| seq);
        assert_eq!(last, whole[stream].last_key_value().map(|(seq, _)| seq), "{stream:?}");
    }
    reader.keeps_the_rule();
    assert!(reader.of("resync").is_empty() && reader.of("error").is_empty());
    let closed = reader.of("state").last().map(|it| it["state"].clone());
    assert_eq!(closed, Some(json!("closed")));
}

/// Its buttons do what they say, and their numbers come back.
#[track_caller]
pub(crate) fn has_buttons(make: Make) {
    let (town, epoch, whole) = town("1000");
    let trades = whole.iter().filter(|((channel, _), _)| channel == "trades");
    let mut places: Vec<u64> = trades.flat_map(|(_, of)| of.keys().copied()).collect();
    places.sort_unstable();
    let (early, late) = (places[10], places[places.len() - 20]);
    let more = json!({ "from": format!("{epoch}:{}", places[5]), "paused": true, "stay": true,
        "channels": ["trades"] });
    let Some(mut reader) = play(make, &town, &more) else { return };
    reader.event("position", "state", "paused");
    reader.tell("step 3");
    let stepped = reader.event("position", "id", 1);
    assert_eq!(stepped["state"], "paused");
    assert_eq!(messages(reader.of("data")).values().map(|of| of.len()).sum::<usize>(), 3);
    reader.tell(&format!("seek {epoch}:{late}"));
    let sought = reader.event("position", "id", 2);
    assert_eq!((&sought["seq"], &sought["state"]), (&json!(late), &json!("paused")));
    let held = reader.keeps_the_rule().held;
    assert!(held.values().any(|seq| *seq == late), "{held:?}");
    // Back, over what was seen: it comes again.
    reader.tell(&format!("seek {epoch}:{early}"));
    reader.event("position", "id", 3);
    assert_eq!(reader.keeps_the_rule().held.values().max(), Some(&early));
    reader.seen.clear();
    reader.tell("speed 0");
    reader.tell("play");
    reader.event("position", "state", "ended");
    let got = messages(reader.of("data"));
    assert!(assert_part_of(&got, &whole) > 100);
    assert_eq!(
        got.values().filter_map(|of| of.first_key_value()).map(|(seq, _)| *seq).min(),
        places.iter().copied().find(|seq| *seq > early)
    );
    reader.tell("pause");
    reader.tell(&format!("seek {epoch}:{}", u64::from(u32::MAX)));
    let refused = reader.event("error", "code", "range_empty");
    assert_eq!(refused["retryable"], false);
    reader.tell(&format!("seek {epoch}:{early}"));
    reader.event("position", "id", 8);
    reader.close();
    assert!(reader.of("resync").is_empty(), "{:?}", reader.of("resync"));
}

/// Over `kill -9` a replay goes on where it was, and on into what is live.
#[track_caller]
pub(crate) fn survives_kills_and_goes_live(make: Make) {
    let (mut town, epoch, _) = town("1000");
    let from = format!("{epoch}:1");
    let more = json!({ "from": from, "speed": 2, "then_live": true });
    let Some(mut reader) = play(make, &town, &more) else { return };
    reader.event("position", "state", "playing");
    reader.during(Duration::from_millis(400));
    town.kill();
    reader.event("state", "state", "waiting");
    town.restart();
    reader.event("state", "state", "live");
    reader.event("position", "state", "live");
    reader.during(Duration::from_millis(300));
    town.kill();
    reader.event("state", "state", "waiting");
    town.restart();
    reader.event("position", "state", "live");
    reader.during(Duration::from_millis(500));
    let whole = town.everything(&["ticker", "trades"]);
    reader.close();
    let got = messages(reader.of("data"));
    let compared = assert_part_of(&got, &whole);
    assert!(compared > 1_500, "{compared}");
    reader.keeps_the_rule();
    assert!(reader.of("resync").is_empty(), "{:?}", reader.of("resync"));
    let snapshots = |it: &&Value| it["message"]["type"] == "snapshot";
    let snapshots = reader.of("data").into_iter().filter(snapshots).count();
    assert_eq!(snapshots, got.len(), "each stream began once");
}

/// What cannot be opened is said, and ends it.
#[track_caller]
pub(crate) fn says_what_cannot_be_played(make: Make) {
    let (town, epoch, _) = town("200");
    for (more, code) in [
        (json!({ "from": "nobody:1" }), "epoch_mismatch"),
        (json!({ "from": format!("{epoch}:9"), "to": format!("{epoch}:3") }), "range_empty"),
        (json!({ "from": format!("{epoch}:1"), "names": ["sim:NOBODY"] }), "unknown_symbol"),
    ] {
        let Some(mut reader) = play(make, &town, &more) else { return };
        let closed = reader.event("state", "state", "closed");
        assert_eq!(closed["error"]["code"], code, "{closed}");
        reader.until("end", |event| event["event"] == "end");
    }
}
