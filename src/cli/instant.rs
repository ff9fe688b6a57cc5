//! Instants and spans of time as people write them.

use std::time::Duration;

use tickwire_feeds::Nanos;

use crate::clock;
use crate::config::quantity::Span;

/// `2026-11-20T09:30:00-05:00`, `2026-11-20` (its beginning in UTC), `15m` or `-15m` (so long ago),
/// `now`.
///
/// # Errors
/// What would have been right.
pub(super) fn parse(text: &str) -> Result<Nanos, String> {
    at(text, clock::now()).ok_or_else(|| {
        "expected a time like 2026-11-20T09:30:00Z, 2026-11-20 or 15m (ago)".to_owned()
    })
}

/// `10s`, `500ms`, `5m`.
///
/// # Errors
/// What would have been right.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let span = Span::parse(text).ok_or("expected a time with its unit, like 10s, 500ms or 5m")?;
    Ok(Duration::from_millis(span.millis()))
}

fn at(text: &str, now: Nanos) -> Option<Nanos> {
    if text == "now" {
        return Some(now);
    }
    if let Some(span) = Span::parse(text.strip_prefix('-').unwrap_or(text)) {
        let millis = i64::try_from(span.millis()).ok()?;
        return Some(now.plus_millis(-millis));
    }
    let text = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    Nanos::parse_bound(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_dates_and_spans_ago() {
        let now = Nanos(1_763_700_000_000_000_000);
        for (text, expected) in [
            ("now", Some(now)),
            ("-15m", Some(now.plus_millis(-900_000))),
            ("1970-01-02", Some(Nanos(86_400_000_000_000))),
            ("1970-01-01T00:00:01+00:00", Some(Nanos(1_000_000_000))),
            ("-", None),
            ("15m", Some(now.plus_millis(-900_000))),
            ("--15m", None),
            ("yesterday", None),
            ("2026-13-01", None),
        ] {
            assert_eq!(at(text, now), expected, "{text}");
        }
    }
}
