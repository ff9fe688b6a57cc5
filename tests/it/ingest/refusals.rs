//! What does not come about: a symbol that is refused, a connection that can not be made.

use tickwire::ingest::Settings;
use tickwire::standin::Fault;
use tickwire::standin::Script;
use tickwire_feeds::Symbol;
use tickwire_feeds::Tick;
use tickwire_feeds::Venue;
use tickwire_feeds::tick::Scope;
use tickwire_feeds::tick::State;

use super::BTC;
use super::Bench;
use super::binance;
use super::feed;
use super::has_trade;
use super::hasty;
use super::is_live;
use super::market;
use super::standin;
use super::state;
use super::states;
use super::trade_ids;

#[tokio::test]
async fn a_refused_symbol_is_down_and_the_others_live() {
    let script = Script {
        faults: vec![Fault::RefuseSymbol("DOGE/USD".to_owned())],
        ..Script::new(Venue::Kraken, [
            r#"{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":61837.60,"qty":0.00100,"ord_type":"limit","trade_id":7,"timestamp":"2026-09-21T14:13:19.000021Z"}]}"#.to_owned(),
        ])
    };
    let standin = standin(script).await;
    let feed = feed(Venue::Kraken, &["kraken:BTC-USD", "kraken:DOGE-USD"]);
    let mut bench = Bench::start(feed, hasty(&standin));
    bench.until(|ticks| trade_ids(ticks, "kraken:BTC-USD") == [7]).await;
    let refused = |tick: &Tick| {
        matches!(tick, Tick::Status(it) if it.state == State::Down
            && it.scope == Scope::Symbol(Symbol::parse("kraken:DOGE-USD").unwrap()))
    };
    bench.until(|ticks| ticks.iter().any(refused)).await;
    assert!(is_live(&bench.ticks));
}

#[tokio::test]
async fn a_venue_that_is_not_there_is_stale_then_down_then_live_when_it_comes() {
    let script = Script::new(Venue::Binance, market(10));
    let gone = standin(script.clone()).await;
    let settings = Settings { down_after_ms: 300, ..hasty(&gone) };
    let port = gone.port();
    drop(gone);
    tokio::task::yield_now().await;
    let mut bench = binance(settings);
    bench.until(|ticks| states(ticks).last().is_some_and(|it| it.0 == Down)).await;
    let standin = standin(Script { port, ..script }).await;
    bench.until(|ticks| has_trade(ticks, 10)).await;
    let states: Vec<_> = bench.states().into_iter().map(|(state, _)| state).collect();
    use State::{Down, Live, Resyncing, Stale};
    assert_eq!(states, [Resyncing, Stale, Down, Resyncing, Live]);
    let (_, reason) = bench.states()[2].clone();
    assert!(reason.starts_with("cannot connect: "), "{reason}");
    assert_eq!(standin.connections(), 1);
}

#[tokio::test]
async fn an_unencrypted_connection_to_another_machine_is_not_made() {
    let feed = feed(Venue::Binance, &[BTC]);
    let url = "ws://venue.example/ws".to_owned();
    let settings = Settings { url, down_after_ms: 50, ..Settings::of(feed.as_ref()) };
    let mut bench = Bench::start(feed, settings);
    let reason = "cannot connect: a URL of another machine must be wss://";
    bench.until(|ticks| states(ticks).contains(&state(State::Down, reason))).await;
}

#[tokio::test]
async fn a_venue_that_speaks_no_tls_is_told_of_and_tried_again() {
    let standin = standin(Script::new(Venue::Binance, market(10))).await;
    let url = standin.url().replace("ws://", "wss://");
    let mut bench = binance(Settings { url, down_after_ms: 50, ..hasty(&standin) });
    bench.until(|ticks| states(ticks).last().is_some_and(|it| it.0 == State::Down)).await;
    let (_, reason) = bench.states()[1].clone();
    assert!(reason.starts_with("cannot connect: "), "{reason}");
}
