//! Bars around a part that the journal gave up before it was stored.

use tickwire_feeds::Nanos;

use super::live_bars;
use super::same;
use super::word;
use crate::event::Interval;
use crate::event::Seq;
use crate::http::history::rows::What;
use crate::http::history::tests::Library;
use crate::http::history::tests::Told;

/// As [`of_hours`], with a part that the journal gave up before it was stored, and which.
fn with_a_hole() -> Option<(Library, (Seq, Seq))> {
    let mut library = Library::with_a_seam()?;
    let go_on = |library: &mut Library, steps: usize| {
        for _ in 0..steps {
            library.life.now = Nanos(library.life.now.0 + 20_000_000_000);
            library.life.clocks(4);
            library.go_on(12);
        }
    };
    for _ in 0..9 {
        go_on(&mut library, 10);
        library.world.record_all(&library.life.tape);
    }
    let after = library.life.tape.head();
    while library.life.tape.oldest() < Seq(after.0 + 500) {
        go_on(&mut library, 1);
    }
    library.world.record_all(&library.life.tape);
    let upto = library.life.tape.oldest();
    // The journal gives up the end of the hole as well.
    while library.life.tape.oldest() < Seq(upto.0 + 1_000) {
        go_on(&mut library, 10);
        library.world.record_all(&library.life.tape);
    }
    Some((library, (after, upto)))
}

#[test]
fn bars_before_and_behind_a_lost_part_are_given() {
    let Some((library, (lost_after, lost_upto))) = with_a_hole() else { return };
    let history = library.history();
    let recv = |seq: Seq| library.all.iter().find(|of| of.seq >= seq).unwrap().recv;
    let (begins, ends) = (recv(lost_after), recv(Seq(lost_upto.0 + 40)));
    let told = Told {
        status: 409,
        code: "cursor_expired".to_owned(),
        next: Some(library.cursor(lost_upto)),
    };
    let follow = |query: &str, mut next: Option<String>| {
        let mut got = Vec::new();
        loop {
            let cursor = next.as_ref().map_or(String::new(), |next| format!("&cursor={next}"));
            match library.bars_of(&history, &format!("{query}&format=ndjson{cursor}")) {
                Ok((body, after)) => {
                    got.extend(body.lines().map(str::to_owned));
                    let Some(after) = after else { return (got, None) };
                    next = Some(after);
                }
                Err(refused) => return (got, Some(refused)),
            }
        }
    };
    for (interval, symbol) in [(Interval::Second, 0), (Interval::Minute, 1), (Interval::Hour, 2)] {
        let query = format!("symbol=sim:S{symbol}-USD&interval={}", word(interval));
        let rows = |(after, upto): (Seq, Seq), (from, to): (Nanos, Nanos)| {
            let live = live_bars(&library, (interval, symbol), (after, upto));
            live.range(from..to).map(|(_, row)| row.clone()).collect::<Vec<_>>()
        };
        let before = (Seq(0), lost_after);
        // A range that ends before it is whole.
        for ago_s in [20, 61, 200, 3_700] {
            let to = interval.start_of(Nanos(begins.0 - ago_s * 1_000_000_000));
            let ranged = format!("{query}&to={to}");
            let wanted = rows(before, (Nanos(0), to));
            same(&library.bars(&history, &ranged), &wanted, &ranged);
        }
        // One that reaches into it has what there is, then it is told, and where to go on.
        for (more, from) in [(String::new(), Nanos(0)), (format!("&from={begins}"), begins)] {
            for limit in [3, 10_000] {
                let query = format!("{query}{more}&limit={limit}");
                let (got, refused) = follow(&query, None);
                assert_eq!(refused.as_ref(), Some(&told));
                let forever = Nanos(i64::MAX);
                same(&got, &rows(before, (from, forever)), &query);
                let (got, refused) = follow(&query, told.next.clone());
                assert_eq!(refused, None);
                let behind = (lost_upto, library.life.tape.head());
                same(&got, &rows(behind, (from, forever)), &query);
            }
        }
        // One that begins behind it is not troubled by it.
        let from = interval.start_of(Nanos(ends.0 + interval.nanos()));
        let behind = (lost_upto, library.life.tape.head());
        let ranged = format!("{query}&from={from}");
        let wanted = rows(behind, (from, Nanos(i64::MAX)));
        same(&library.bars(&history, &ranged), &wanted, &ranged);
    }
    // Nor are trades by their own time.
    let query = format!("symbol=sim:S1-USD&by=ts&from={ends}");
    let wanted = library.expected(What::Trades, 1, |of| of.ts.unwrap_or(of.recv) >= ends);
    assert_eq!(library.pages(&history, What::Trades, &query), wanted);
    assert!(wanted.len() > 20, "{}", wanted.len());
}
