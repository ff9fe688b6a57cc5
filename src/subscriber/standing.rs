//! How a client stands: whether it was let in, with which rights, and for how long.
//!
//! Without a gate there is nothing of this. With one, nothing is granted before a credential was
//! taken: a driver that forgets to hand one in has a client that gets nothing and is closed.

use std::time::Duration;
use std::time::Instant;

use tickwire_feeds::Nanos;

use crate::access::Bearer;
use crate::access::Gate;
use crate::access::KEYS_LOOK;
use crate::access::Pass;
use crate::access::Refusal;
use crate::access::Rights;
use crate::access::Shown;
use crate::board::Board;
use crate::subscriber::Subscriber;
use crate::subscriber::View;
use crate::wire::Close;
use crate::wire::Code;
use crate::wire::Reject;
use crate::wire::Secret;
use crate::wire::answer::Answer;
use crate::wire::answer::Id;
use crate::wire::answer::Time;

/// From the end of a token to that of its connection: time to fetch another one.
const GRACE: Duration = Duration::from_secs(10);
/// What a client is told whose API key is good no longer.
const WITHDRAWN: &str = "the API key was withdrawn";
/// Streams that are named when they end.
const NAMED_MAX: usize = 20;

/// How a client stands at the gate.
#[derive(Debug)]
pub(super) struct Standing {
    pass: Option<Pass>,
    stage: Stage,
    asking: Option<Asking>,
    /// The edition of the API keys with which it is in.
    edition: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It has shown nothing, and must until then.
    Outside(Instant),
    /// It is in; then its time is looked at again.
    Inside(Option<Instant>),
    /// Its token has expired; then the connection is closed.
    Expired(Instant),
}

/// What another look at the keys has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    /// They have not changed.
    Same,
    /// The client's is among them, and grants what it does now.
    Renewed,
    Withdrawn,
}

/// A credential whose key is being fetched.
#[derive(Debug)]
struct Asking {
    id: Option<Id>,
    shown: Shown,
    look_at: Instant,
}

impl Standing {
    /// Of a client that has just connected.
    pub(super) fn outside(gate: &Gate, now: Instant) -> Box<Self> {
        let stage = Stage::Outside(now + gate.deadline());
        Box::new(Self { pass: None, stage, asking: None, edition: gate.edition() })
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let at = match self.stage {
            // It has shown something in time.
            Stage::Outside(_) if self.is_asking() => None,
            Stage::Outside(at) | Stage::Expired(at) => Some(at),
            Stage::Inside(at) => at,
        };
        at.into_iter().chain(self.asking.as_ref().map(|asking| asking.look_at)).min()
    }

    pub(super) const fn is_asking(&self) -> bool {
        self.asking.is_some()
    }
}

impl Subscriber {
    /// Lets the client in with what it was granted, unless that was withdrawn since: between the
    /// check of a request and this a client is nobody's, and no review of those who are here
    /// reaches it.
    ///
    /// # Errors
    /// [`Code::Unauthorized`]; it stays outside.
    pub fn let_in(&mut self, mut pass: Pass, view: &View<'_>) -> Result<(), Reject> {
        let (Some(standing), Some(gate)) = (&mut self.standing, &self.rules.gate) else {
            return Ok(());
        };
        // Before the keys are looked at: what changes after that is for the next review.
        standing.edition = gate.edition();
        let still_good = gate.confirm(pass.bearer()).map(|bearer| pass.renew(bearer));
        let Some(Ok(())) = still_good else {
            return Err(Reject::new(Code::Unauthorized, "its key was withdrawn just now"));
        };
        standing.stage = Stage::Inside(look_at(pass.bearer().expires, view));
        standing.pass = Some(pass);
        self.end_denied(view.board);
        Ok(())
    }

    /// What the client may have.
    #[must_use]
    pub fn rights(&self) -> Rights<'_> {
        match (&self.rules.gate, &self.standing) {
            (None, _) => Rights::All,
            (Some(_), Some(standing)) => {
                standing.pass.as_ref().map_or(Rights::None, |pass| Rights::Some(pass.grant()))
            }
            (Some(_), None) => Rights::None,
        }
    }

    /// Whether the client may ask for anything now.
    ///
    /// # Errors
    /// [`Code::Unauthorized`], [`Code::TokenExpired`].
    pub(crate) fn check_standing(&mut self, view: &View<'_>) -> Result<(), Reject> {
        self.tick_standing(view);
        match self.standing.as_ref().map(|standing| standing.stage) {
            None | Some(Stage::Inside(_)) => Ok(()),
            Some(Stage::Outside(_)) => {
                let message = "who asks? show a token or an API key first, by auth";
                Err(Reject::new(Code::Unauthorized, message))
            }
            Some(Stage::Expired(_)) => Err(expired()),
        }
    }

    /// Time went on.
    pub(super) fn tick_standing(&mut self, view: &View<'_>) {
        // A page lives no longer than its request may wait.
        if self.page.is_some() {
            return;
        }
        self.review(view);
        let Some(standing) = &mut self.standing else { return };
        if let Some(asking) = standing.asking.take_if(|asking| asking.look_at <= view.now) {
            self.look_into(asking, view);
        }
        let Some(standing) = &mut self.standing else { return };
        let expires = standing.pass.as_ref().and_then(|pass| pass.bearer().expires);
        match standing.stage {
            Stage::Outside(at) if at <= view.now && !standing.is_asking() => {
                self.close(Close::NoAuth);
            }
            Stage::Expired(at) if at <= view.now => self.close(Close::TokenExpired),
            Stage::Inside(_) if expires.is_some_and(|expires| expires <= view.wall) => {
                standing.stage = Stage::Expired(view.now + GRACE);
                self.refuse(None, &expired());
            }
            // The wall clock may have been set meanwhile.
            Stage::Inside(_) => standing.stage = Stage::Inside(look_at(expires, view)),
            Stage::Outside(_) | Stage::Expired(_) => {}
        }
    }

    /// An API key may have been withdrawn, or grant something else now.
    fn review(&mut self, view: &View<'_>) {
        match self.look_again() {
            Looked::Same => {}
            Looked::Renewed => self.end_denied(view.board),
            Looked::Withdrawn => self.turn_away(None, WITHDRAWN),
        }
    }

    /// Whether what the client showed is still good, if the keys have changed since that was last
    /// looked at; it has what that grants now.
    fn look_again(&mut self) -> Looked {
        let (Some(standing), Some(gate)) = (&mut self.standing, &self.rules.gate) else {
            return Looked::Same;
        };
        let edition = gate.edition();
        if edition == std::mem::replace(&mut standing.edition, edition) {
            return Looked::Same;
        }
        let Some(pass) = &mut standing.pass else { return Looked::Same };
        match gate.review(pass.bearer()).map(|bearer| pass.renew(bearer)) {
            Some(Ok(())) => Looked::Renewed,
            Some(Err(_)) | None => Looked::Withdrawn,
        }
    }

    /// A page is handed out once, and not reviewed while it waits: so before that.
    ///
    /// # Errors
    /// [`Code::Unauthorized`] if the client's API key was withdrawn meanwhile, [`Code::Forbidden`]
    /// if it grants a stream of the page no longer.
    pub(crate) fn confirm_page(&mut self, board: &Board) -> Result<(), Reject> {
        match self.look_again() {
            Looked::Withdrawn => Err(Reject::new(Code::Unauthorized, WITHDRAWN)),
            Looked::Renewed if !self.denied(board).is_empty() => {
                Err(Reject::new(Code::Forbidden, "not all of that is granted any more"))
            }
            Looked::Renewed | Looked::Same => Ok(()),
        }
    }

    /// The client shows a credential.
    pub(super) fn on_auth(&mut self, id: Option<Id>, shown: Secret, view: &View<'_>) {
        let asking = Asking { id, shown: Shown::new(shown, view.now), look_at: view.now };
        self.look_into(asking, view);
    }

    fn look_into(&mut self, asking: Asking, view: &View<'_>) {
        let Asking { id, mut shown, look_at: _ } = asking;
        let Some(gate) = &self.rules.gate else {
            return self.push(&Answer::Auth { id, expires: None });
        };
        let deadline = view.now + gate.deadline();
        match (gate.check(&mut shown, view.now, view.wall), &mut self.standing) {
            (Ok(bearer), _) => self.admit(id, bearer, view),
            (Err(Refusal::Later), Some(standing)) => {
                let look_at = view.now + KEYS_LOOK;
                standing.asking = Some(Asking { id, shown, look_at });
            }
            (Err(refusal @ Refusal::Keyless), Some(standing)) => {
                // The client has done its part: it stays as it is, and may show it again.
                if let Stage::Outside(at) = &mut standing.stage {
                    *at = deadline;
                }
                self.refuse(id, &Reject::new(Code::Unavailable, refusal.to_string()));
            }
            (Err(refusal), _) => self.turn_away(id, &refusal.to_string()),
        }
    }

    fn admit(&mut self, id: Option<Id>, bearer: Bearer, view: &View<'_>) {
        let rules = std::sync::Arc::clone(&self.rules);
        let (Some(standing), Some(gate)) = (&mut self.standing, &rules.gate) else { return };
        let expires = bearer.expires;
        match &mut standing.pass {
            Some(pass) => {
                if pass.renew(bearer).is_err() {
                    return self.turn_away(id, "the token is of another subject");
                }
            }
            none => match gate.enter(bearer) {
                Ok(pass) => *none = Some(pass),
                Err(crowded) => {
                    let reject = Reject::new(Code::RateLimited, crowded.to_string());
                    self.refuse(id, &reject);
                    return self.close(Close::TooManyConnections);
                }
            },
        }
        standing.stage = Stage::Inside(look_at(expires, view));
        self.push(&Answer::Auth { id, expires: expires.map(Time) });
        self.end_denied(view.board);
    }

    fn turn_away(&mut self, id: Option<Id>, message: &str) {
        self.refuse(id, &Reject::new(Code::Unauthorized, message));
        self.close(Close::Unauthorized);
    }

    /// The streams that are granted no longer, and what they are called.
    fn denied(&self, board: &Board) -> Vec<(u32, String)> {
        let rights = self.rights();
        let mut denied = Vec::new();
        for (slot, stream) in self.streams.iter() {
            let name = board.symbol(stream.symbol).map(|symbol| &symbol.symbol);
            if !name.is_some_and(|name| rights.allow(stream.channel, name)) {
                let name = name.map_or("", tickwire_feeds::Symbol::as_str);
                denied.push((slot, format!("{} {name}", stream.channel.word())));
            }
        }
        denied
    }

    /// Ends the streams that are granted no longer, and says which.
    fn end_denied(&mut self, board: &Board) {
        let mut denied = self.denied(board);
        self.forget_denied();
        if denied.is_empty() {
            return;
        }
        denied.sort_by(|(_, a), (_, b)| a.cmp(b));
        for (slot, _) in &denied {
            self.end(*slot);
        }
        let named: Vec<&str> = denied.iter().take(NAMED_MAX).map(|(_, name)| &**name).collect();
        let others = match denied.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let message = format!("not granted any more, so it ends: {}{others}", named.join(", "));
        self.refuse(None, &Reject::new(Code::Forbidden, message));
    }

    /// What waits to appear and is not granted is not waited for.
    fn forget_denied(&mut self) {
        let mut subscriptions = std::mem::take(&mut self.subscriptions);
        let rights = self.rights();
        for of in &mut subscriptions {
            let channel = of.channel;
            of.exact.retain(|symbol| rights.allow(channel, symbol));
            of.patterns.retain(|pattern| rights.allow_channel(channel) && rights.meet(pattern));
        }
        subscriptions.retain(|of| !of.is_empty());
        self.subscriptions = subscriptions;
    }
}

fn expired() -> Reject {
    let message = "the token has expired: send another one by auth, or this connection ends";
    Reject::new(Code::TokenExpired, message)
}

/// When a credential ends, if the wall clock goes on as it does.
fn look_at(expires: Option<Nanos>, view: &View<'_>) -> Option<Instant> {
    let left = expires?.0.saturating_sub(view.wall.0);
    view.now.checked_add(Duration::from_nanos(u64::try_from(left).unwrap_or(0)))
}
