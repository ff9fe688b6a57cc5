//! The examples of the README, word for word; the tests run them against a server.
#![allow(missing_docs, reason = "the README tells what they do")]
#![allow(clippy::missing_errors_doc, reason = "the README tells what they do")]
#![allow(unreachable_pub, reason = "the tests have it as a module")]
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use tickwire_client::Client;
use tickwire_client::Cursor;
use tickwire_client::Error;
use tickwire_client::Event;
use tickwire_client::State;
use tickwire_client::TokenSource;

pub async fn follow(url: &str) -> Result<(), Error> {
    let client = Client::new(url)?; // such as ws://127.0.0.1:8080
    let names = ["sim:BTC-USD", "sim:ETH-USD"];
    let mut events = client.subscribe(names).channel("ticker").channel("trades").start();
    let mut trades = 0;
    while let Some(event) = events.next().await {
        match event {
            Event::Snapshot(it) => println!("{} begins at {}: {:?}", it.symbol, it.seq, it.bid),
            Event::Delta(it) => println!("{}: bid {:?}, ask {:?}", it.symbol, it.bid, it.ask),
            Event::Trade(it) => {
                println!("{}: {} at {}", it.symbol, it.size, it.price);
                trades += 1;
            }
            Event::Resync(it) => println!("{}: something is missing: {}", it.symbol, it.reason),
            Event::Gap(it) => println!("{}: a gap: {}", it.symbol, it.cause),
            Event::State(state) => println!("{state}"),
            Event::Error(error) => println!("{}: {error}", error.code()),
            _ => {} // Bar, Status, Subscribed, Service, Amend
        }
        if trades == 5 {
            break;
        }
    }
    events.close().await;
    Ok(())
}

pub async fn replay(url: &str, from: Cursor, to: Cursor) -> Result<u64, Error> {
    let client = Client::new(url)?;
    let mut replay =
        client.replay(["sim:*"]).channel("trades").from(from).to(to).speed(10.0).start();
    let buttons = replay.controls(); // play, pause, speed, seek, step
    buttons.speed(0.0)?; // as fast as it is read
    let mut trades = 0;
    while let Some(event) = replay.next().await {
        match event {
            Event::Trade(_) => trades += 1,
            Event::Position(it) => println!("at {:?}, {:.2} of it done", it.at, it.done),
            Event::State(State::Closed { error: Some(error) }) => return Err(error),
            _ => {}
        }
    }
    Ok(trades)
}

pub async fn history(url: &str) -> Result<(), Error> {
    let client = Client::new(url)?;
    let mut trades = client.trades("sim:BTC-USD").page_rows(500);
    while let Some(page) = trades.next_page().await? {
        for it in page {
            println!("{} {:?} {} {}", it.seq, it.ts, it.price, it.size);
        }
    }
    let bars = client.bars("sim:BTC-USD", "1s").all().await?;
    println!("{} bars", bars.len());
    Ok(())
}

pub fn with_token(url: &str) -> Result<Client, Error> {
    // Asked before each connection, and when the server says that the last one expired: the
    // connection and its streams stay. One that does not change is `TokenSource::fixed("twk_…")`.
    let tokens = TokenSource::renewed(|| async { std::env::var("TICKWIRE_TOKEN") });
    Client::builder(url).token(tokens).build()
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://127.0.0.1:8080".to_owned());
    follow(&url).await?;
    history(&url).await
}
