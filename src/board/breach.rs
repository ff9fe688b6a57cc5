//! Breaches: an event that does not say what the board says it follows.

use super::Board;
use super::symbol::SymbolBoard;
use crate::event::Body;
use crate::event::Channel;
use crate::event::Event;
use crate::event::Link;
use crate::event::Registry;
use crate::event::Scope;
use crate::event::TickerChange;

/// What is wrong with an event, for people.
pub type Breach = &'static str;

impl Board {
    /// What is wrong with an event as the next one behind this board: `None` if it follows what it
    /// says that it follows.
    #[must_use]
    pub fn breach(&self, event: &Event) -> Option<Breach> {
        if event.seq <= self.seq {
            return Some("its place is not above that of the event before it");
        }
        match &event.body {
            Body::Trade(trade) => {
                let Some(symbol) = self.symbol(trade.symbol) else { return UNKNOWN_SYMBOL };
                self.unlinked(Channel::Trades, symbol, trade.link)
                    .or_else(|| self.unlinked_change(symbol, trade.ticker.as_ref()))
            }
            Body::Quote(quote) => match self.symbol(quote.symbol) {
                Some(symbol) => self.unlinked_change(symbol, quote.ticker.as_ref()),
                None => UNKNOWN_SYMBOL,
            },
            Body::Status(status) => self.misplaced(&status.scope).or_else(|| {
                let before = match &status.scope {
                    Scope::Feed(feed, _) => self.feed(*feed).map(|feed| feed.status_seq),
                    Scope::Symbol(id, _) => self.symbol(*id).map(|symbol| symbol.status_seq),
                };
                (before != Some(status.status_prev))
                    .then_some("it does not follow the status before it")
            }),
            Body::Gap(gap) => self.misplaced(&gap.scope),
            Body::Registry(change) => self.unregistered(change),
            Body::Clock => None,
        }
    }

    fn unlinked(&self, channel: Channel, symbol: &SymbolBoard, link: Link) -> Option<Breach> {
        let expected = Link { prev: self.last(channel, symbol), own: symbol.own(channel) };
        (link != expected).then_some("it does not follow the message before it in its stream")
    }

    fn unlinked_change(
        &self,
        symbol: &SymbolBoard,
        change: Option<&TickerChange>,
    ) -> Option<Breach> {
        self.unlinked(Channel::Ticker, symbol, change?.link)
    }

    fn misplaced(&self, scope: &Scope) -> Option<Breach> {
        match scope {
            Scope::Feed(feed, link) => match self.feed(*feed) {
                Some(feed) if feed.touched == link.prev => None,
                Some(_) => Some("it does not follow what concerned its feed before it"),
                None => Some("it is of a feed that is not there"),
            },
            Scope::Symbol(id, links) => {
                let Some(symbol) = self.symbol(*id) else { return UNKNOWN_SYMBOL };
                let unlinked = |(channel, link): &_| self.unlinked(*channel, symbol, *link);
                links.iter().find_map(unlinked)
            }
        }
    }

    fn unregistered(&self, change: &Registry) -> Option<Breach> {
        let is_sound = match change {
            Registry::Feed { id, .. } => id.index() == self.feeds.len(),
            Registry::Listed { id, feed, symbol, .. } => {
                let known = self.symbol(*id).map(|known| &known.symbol);
                let is_next = id.index() == self.symbols.len();
                self.feed(*feed).is_some() && known.map_or(is_next, |known| known == symbol)
            }
            Registry::Unlisted { id } => self.symbol(*id).is_some(),
            Registry::AllListed { id } => self.feed(*id).is_some(),
        };
        (!is_sound).then_some("it changes what is not there")
    }
}

const UNKNOWN_SYMBOL: Option<Breach> = Some("it is of a symbol that is not there");
