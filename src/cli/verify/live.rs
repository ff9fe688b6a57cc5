//! A client of all streams, and what it was sent against the tape.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::cli::connection::Connection;
use crate::cli::connection::Heard as Message;
use crate::cli::endpoint::Endpoint;
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::place::unread;
use crate::cli::progress::Progress;
use crate::cli::talk::Talk;
use crate::event::Channel;
use crate::event::Seq;
use crate::history::Filter;
use crate::history::Volume;
use crate::proof::Frames;
use crate::proof::Heard;
use crate::proof::Verdict;

/// The first message is waited for so long.
const WELCOME_MAX: Duration = Duration::from_secs(10);
/// Between two looks at the interrupt.
const LOOK: Duration = Duration::from_millis(200);

/// Follows all streams for a time; returns the name of the tape and what was heard.
pub(super) async fn listen(
    endpoint: &Endpoint,
    span: Duration,
    (talk, interrupt): (Talk, &Interrupt),
) -> Result<(String, Heard), Failure> {
    let mut connection = Connection::open(endpoint).await?;
    let Message::Text(welcome) = connection.hear(Instant::now() + WELCOME_MAX).await? else {
        return Err(Failure::Connection(format!("{} does not welcome us", endpoint.url)));
    };
    let welcome: Value = serde_json::from_str(&welcome).unwrap_or_default();
    let epoch = welcome.get("epoch").and_then(Value::as_str);
    let (Some(epoch), Some(seq)) = (epoch, welcome.get("seq").and_then(Value::as_u64)) else {
        return Err(Failure::Connection(format!("{} is no tickwire", endpoint.url)));
    };
    let mut heard = Heard::new(Seq(seq));
    let operations = Channel::ALL.map(|channel| {
        let channel = channel.word();
        format!("{{\"op\":\"subscribe\",\"channel\":\"{channel}\",\"symbols\":[\"*:*\"]}}")
    });
    connection.send(operations.into()).await;
    let total = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let progress = Progress::of(talk, "listening", total);
    let (begun, end) = (Instant::now(), Instant::now() + span);
    let mut looked = begun;
    while Instant::now() < end {
        interrupt.check()?;
        match connection.hear(end.min(Instant::now() + LOOK)).await? {
            Message::Text(text) => {
                if is_refusal(&text) {
                    return Err(Failure::Access(format!("the server refuses: {text}")));
                }
                if !heard.hear(&text) {
                    talk.say("too many messages to remember: the rest was not listened to");
                    break;
                }
            }
            Message::Silence => {}
            Message::Ended { reason, .. } => return Err(Failure::Connection(reason)),
        }
        if looked.elapsed() > LOOK {
            looked = Instant::now();
            progress.show(u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX));
        }
    }
    drop(progress);
    connection.close().await;
    Ok((epoch.to_owned(), heard))
}

/// Compares what was heard with the tape.
pub(super) async fn compare(mut heard: Heard, volume: &Volume) -> Result<Verdict, Failure> {
    let ((after, upto), mut verdict) = (heard.range(), Verdict::default());
    let board = volume.board_at(after).await.map_err(|error| unread(&error))?;
    let mut frames = Frames::new(board);
    heard.compare_begin(&mut frames, &mut verdict);
    let mut events = volume.read(after, upto, Filter::default());
    let mut batch = Vec::new();
    loop {
        let more = events.next_batch(&mut batch).await.map_err(|error| unread(&error))?;
        for event in batch.drain(..) {
            heard.compare(&event, &mut frames, &mut verdict);
        }
        if !more {
            heard.end(&mut verdict);
            return Ok(verdict);
        }
    }
}

fn is_refusal(text: &str) -> bool {
    text.starts_with("{\"type\":\"error\"")
}
