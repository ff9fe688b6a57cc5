//! What the lines of a recording mean.

use tickwire_feeds::Error;
use tickwire_feeds::Feed;
use tickwire_feeds::Nanos;
use tickwire_feeds::Output;
use tickwire_feeds::Profile;
use tickwire_feeds::Symbol;
use tickwire_feeds::TapeCsv;
use tickwire_feeds::tick::TradeId;

use crate::ingest::file::renamed::Renamed;

/// The feed of a recording.
pub(super) enum Decoder {
    /// A tape CSV, and why its header was refused.
    Csv(TapeCsv, Option<String>),
    /// A venue's own frames.
    Frames(Renamed),
}

impl Decoder {
    /// When a line was recorded; `beside` is the time that stands in a file of its own.
    pub(super) fn time(&self, line: &[u8], beside: Option<Nanos>) -> Option<Nanos> {
        match self {
            Self::Csv(csv, _) => csv.peek_time(line),
            Self::Frames(_) => beside,
        }
    }

    /// Why no line of this file can be read, if so.
    pub(super) fn defect(&self) -> Option<&str> {
        match self {
            Self::Csv(_, defect) => defect.as_deref(),
            Self::Frames(_) => None,
        }
    }

    /// The recording has ended.
    pub(super) fn finish(&mut self, now: Nanos, out: &mut Output) {
        if let Self::Csv(csv, _) = self {
            csv.finish(now, out);
        }
    }

    fn feed(&self) -> &dyn Feed {
        match self {
            Self::Csv(csv, _) => csv,
            Self::Frames(feed) => feed,
        }
    }

    fn feed_mut(&mut self) -> &mut dyn Feed {
        match self {
            Self::Csv(csv, _) => csv,
            Self::Frames(feed) => feed,
        }
    }
}

impl Feed for Decoder {
    fn profile(&self) -> Profile {
        self.feed().profile()
    }

    fn resume_after(&mut self, symbol: &Symbol, last_trade: &TradeId) {
        self.feed_mut().resume_after(symbol, last_trade);
    }

    fn on_open(&mut self, now: Nanos, out: &mut Output) {
        self.feed_mut().on_open(now, out);
    }

    fn on_frame(&mut self, frame: &mut [u8], now: Nanos, out: &mut Output) -> Result<(), Error> {
        match self {
            Self::Csv(csv, defect) => {
                let read = csv.on_frame(frame, now, out);
                // Without its header no row can be read: the first refusal would be that of all.
                if let Err(error) = &read
                    && !csv.has_header()
                {
                    *defect = Some(error.to_string());
                }
                read
            }
            Self::Frames(feed) => feed.on_frame(frame, now, out),
        }
    }

    fn on_close(&mut self, now: Nanos, out: &mut Output) {
        self.feed_mut().on_close(now, out);
    }

    fn poll_timeout(&self) -> Option<Nanos> {
        self.feed().poll_timeout()
    }

    fn on_timeout(&mut self, now: Nanos, out: &mut Output) {
        self.feed_mut().on_timeout(now, out);
    }
}
