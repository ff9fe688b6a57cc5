//! Who makes a request: the credential in its head, and what that gives the right to.
//!
//! Every route that shows data begins here, with [`Shop::caller`] for one answer and
//! [`Shop::admit`] for a stream of them. Without a gate in the house all this is open.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::HeaderName;
use tickwire_feeds::Symbol;

use crate::access::Bearer;
use crate::access::KEYS_LOOK;
use crate::access::Pass;
use crate::access::Refusal;
use crate::access::Rights;
use crate::access::Shown;
use crate::clock;
use crate::event::Channel;
use crate::http::failure::Failure;
use crate::http::shop::Shop;
use crate::http::visitors::Visit;
use crate::hub::shard::ConnectionId;
use crate::hub::shard::SharedShard;
use crate::wire::Close;
use crate::wire::Code;
use crate::wire::Reject;
use crate::wire::Secret;

/// The other place where an API key may stand.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Who makes a request.
#[derive(Debug, Clone)]
pub(super) enum Caller {
    /// Nobody asks who.
    Anyone,
    /// Somebody that is known.
    Known(Bearer),
}

/// When a credential must be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    /// In the head of the request.
    Now,
    /// There, or in the first message.
    Later,
}

/// A connection that was let in.
#[derive(Debug)]
#[must_use]
pub(super) struct Admitted {
    visit: Visit,
    pass: Option<Pass>,
}

impl Admitted {
    /// Lets its subscriber in, which else gets nothing, or ends it. The visit lasts until it is
    /// dropped.
    pub(super) fn sit(self, shard: &SharedShard, id: ConnectionId) -> Visit {
        if let Some(pass) = self.pass {
            shard.borrow_mut().with(id, |subscriber, view| {
                if let Err(reject) = subscriber.let_in(pass, view) {
                    subscriber.fail(Close::Unauthorized, Some(&reject));
                }
            });
        }
        self.visit
    }

    /// Whether it has shown a credential.
    pub(super) const fn is_known(&self) -> bool {
        self.pass.is_some()
    }

    /// Refuses who is known already to have no right to the past.
    pub(super) fn check_history(&self) -> Result<(), Failure> {
        let rights = self.pass.as_ref().map(|pass| Rights::Some(pass.grant()));
        granted(rights.is_none_or(Rights::allow_history), "history")
    }

    /// The two by themselves, for a subscriber that is elsewhere.
    pub(super) fn into_parts(self) -> (Visit, Option<Pass>) {
        (self.visit, self.pass)
    }
}

impl Shop {
    /// Lets a client connect now, from where it does, with what it shows.
    pub(super) async fn admit(
        &self,
        request: &HttpRequest,
        show: Show,
    ) -> Result<Admitted, Failure> {
        self.check_open()?;
        self.check_origin(request)?;
        let bearer = match &self.house().gate {
            // What others have put into the head is not for this server.
            None => None,
            Some(_) => match shown(request.headers())? {
                Some(shown) => Some(self.bearer(shown).await?),
                None if show == Show::Later => None,
                None => return Err(nothing_shown()),
            },
        };
        let visit = self.visit(request)?;
        let enter = |bearer| match &self.house().gate {
            Some(gate) => gate.enter(bearer).map(Some),
            None => Ok(None),
        };
        let pass = bearer.map_or(Ok(None), enter);
        let pass = pass.map_err(|crowded| Failure::too_many(crowded.to_string(), 5))?;
        Ok(Admitted { visit, pass })
    }

    /// Who asks for one answer.
    pub(super) async fn caller(&self, request: &HttpRequest) -> Result<Caller, Failure> {
        if self.house().gate.is_none() {
            return Ok(Caller::Anyone);
        }
        let shown = shown(request.headers())?.ok_or_else(nothing_shown)?;
        self.bearer(shown).await.map(Caller::Known)
    }

    /// Lets who asks at this machine itself, or is known, see how the server does.
    pub(super) async fn check_operator(&self, request: &HttpRequest) -> Result<(), Failure> {
        let is_here = |address: IpAddr| address.to_canonical().is_loopback();
        let peer = request.peer_addr().map(|peer| peer.ip());
        let was_passed_on = |name: &str| request.headers().contains_key(name);
        if peer.is_some_and(is_here)
            && !["forwarded", "x-forwarded-for"].into_iter().any(was_passed_on)
        {
            return Ok(());
        }
        self.caller(request).await.map(|_| ())
    }

    async fn bearer(&self, shown: Secret) -> Result<Bearer, Failure> {
        let gate = self.house().gate.as_ref().ok_or_else(|| Failure::internal("no gate"))?;
        let mut shown = Shown::new(shown, clock::monotonic());
        loop {
            match gate.check(&mut shown, clock::monotonic(), clock::now()) {
                Ok(bearer) => return Ok(bearer),
                Err(Refusal::Later) => tokio::time::sleep(KEYS_LOOK).await,
                Err(keyless @ Refusal::Keyless) => {
                    return Err(Failure::unavailable(keyless.to_string(), 5));
                }
                Err(bad @ Refusal::Bad(_)) => return Err(unauthorized(&bad.to_string())),
            }
        }
    }
}

impl Caller {
    /// What it may have.
    pub(super) fn rights(&self) -> Rights<'_> {
        match self {
            Self::Anyone => Rights::All,
            Self::Known(bearer) => Rights::Some(&bearer.grant),
        }
    }

    /// Refuses what is not for it.
    pub(super) fn check_channel(&self, channel: Channel) -> Result<(), Failure> {
        granted(self.rights().allow_channel(channel), channel.word())
    }

    /// Refuses what is not for it.
    pub(super) fn check_symbol(&self, symbol: &Symbol) -> Result<(), Failure> {
        granted(self.rights().cover(symbol), symbol.as_str())
    }

    /// Refuses what is not for it.
    pub(super) fn check_history(&self) -> Result<(), Failure> {
        granted(self.rights().allow_history(), "history")
    }
}

/// A refusal of what is not granted.
pub(super) fn granted(is_granted: bool, what: &str) -> Result<(), Failure> {
    is_granted.then_some(()).ok_or_else(|| Failure::forbidden(format!("{what} is not granted")))
}

/// The credential in the head of a request, if there is one.
fn shown(headers: &HeaderMap) -> Result<Option<Secret>, Failure> {
    let mut values = headers.get_all(header::AUTHORIZATION).chain(headers.get_all(&API_KEY));
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(unauthorized("more than one credential in the head of the request"));
    }
    let value = value.to_str().unwrap_or_default();
    if !headers.contains_key(header::AUTHORIZATION) {
        return Ok(Some(Secret::new(value.trim())));
    }
    let bearer = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, token) = bearer.ok_or_else(|| unauthorized("Authorization must be Bearer TOKEN"))?;
    Ok(Some(Secret::new(token.trim())))
}

fn nothing_shown() -> Failure {
    let message = "who asks? send Authorization: Bearer TOKEN";
    Failure::unauthorized(message, "Bearer realm=\"tickwire\"")
}

fn unauthorized(message: &str) -> Failure {
    Failure::rejected(Reject::new(Code::Unauthorized, message))
}
