//! Whom an event reaches: the streams of which it is a message, in the order of the protocol.

use super::Board;
use super::bar::Bar;
use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::FeedId;
use crate::event::Interval;
use crate::event::Registry;
use crate::event::Scope;
use crate::event::SymbolId;

/// The streams of which an event is a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// None.
    Nobody,
    /// Some channels of one symbol.
    Streams(SymbolId, Channels),
    /// The bars of [`Board::closed`].
    Closed,
    /// All streams of a feed that it concerns.
    Feed(FeedId),
    /// None, but there is a symbol from here on, or it begins anew.
    Listed(SymbolId),
}

/// A set of channels; goes through them in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Channels(u8);

impl Channels {
    const fn add(&mut self, channel: Channel) {
        self.0 |= 1 << channel.index();
    }
}

impl Iterator for Channels {
    type Item = Channel;

    fn next(&mut self) -> Option<Channel> {
        let index = self.0.trailing_zeros() as usize;
        self.0 &= self.0.wrapping_sub(1);
        Channel::ALL.get(index).copied()
    }
}

impl Board {
    /// Whom the event reaches that this board has just applied.
    #[must_use]
    pub fn reach(&self, event: &Event) -> Reach {
        let mut channels = Channels::default();
        match &event.body {
            Body::Trade(trade) => {
                if trade.ticker.is_some() {
                    channels.add(Channel::Ticker);
                }
                channels.add(Channel::Trades);
                let bars = self.symbol(trade.symbol).and_then(|symbol| symbol.bars.as_deref());
                for interval in Interval::ALL {
                    if bars.is_some_and(|bars| bars.series(interval).own() == event.seq) {
                        channels.add(interval.channel());
                    }
                }
                Reach::Streams(trade.symbol, channels)
            }
            Body::Quote(quote) if quote.ticker.is_some() => {
                channels.add(Channel::Ticker);
                Reach::Streams(quote.symbol, channels)
            }
            Body::Status(crate::event::Status { scope, .. })
            | Body::Gap(crate::event::Gap { scope, .. }) => match scope {
                Scope::Symbol(symbol, links) => {
                    links.iter().for_each(|(channel, _)| channels.add(*channel));
                    Reach::Streams(*symbol, channels)
                }
                Scope::Feed(feed, _) => Reach::Feed(*feed),
            },
            Body::Registry(Registry::Listed { id, .. }) => Reach::Listed(*id),
            Body::Clock => Reach::Closed,
            Body::Quote(_) | Body::Registry(_) => Reach::Nobody,
        }
    }

    /// The bars that the last clock event made final and somebody hears: by channel, then by symbol
    /// bytewise.
    #[must_use]
    pub fn closed_for(
        &self,
        hears: impl Fn(Channel, SymbolId) -> bool,
    ) -> Vec<(Channel, SymbolId)> {
        let heard = self.closed().iter().filter(|(channel, symbol)| hears(*channel, *symbol));
        let named = heard
            .filter_map(|(channel, id)| Some((*channel, self.symbol(*id)?.symbol.as_str(), *id)));
        let mut named: Vec<_> = named.collect();
        named.sort_unstable();
        named.into_iter().map(|(channel, _, id)| (channel, id)).collect()
    }

    /// Whether the last event, a trade, is a final bar of a channel: a change after its end.
    #[must_use]
    pub fn is_final_bar(&self, channel: Channel, symbol: SymbolId) -> bool {
        let symbol = self.symbol(symbol);
        let series = channel.interval().and_then(|of| symbol?.series(of));
        let series = series.filter(|series| series.own() == self.seq);
        series.and_then(super::Series::changed).is_some_and(Bar::is_final)
    }
}

const _: () = assert!(Channel::ALL.len() <= 8, "a bit for each channel");
