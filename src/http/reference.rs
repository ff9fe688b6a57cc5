//! What there is and how it stands: `/v1/symbols`, `/v1/venues`, `/v1/snapshot`.

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::hash::DefaultHasher;
use std::hash::Hash as _;
use std::hash::Hasher as _;

use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::http::header::ETag;
use actix_web::http::header::EntityTag;
use actix_web::http::header::Header as _;
use actix_web::http::header::IfNoneMatch;
use actix_web::web;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;
use tickwire_feeds::Symbol;
use tickwire_feeds::error::quoted;

use crate::board::Board;
use crate::event::Channel;
use crate::event::SymbolId;
use crate::history::Seat;
use crate::http::caller::Caller;
use crate::http::caller::granted;
use crate::http::failure::Failure;
use crate::http::history;
use crate::http::place;
use crate::http::place::Place;
use crate::http::shop::Shop;
use crate::wire::Code;
use crate::wire::json as wire_json;
use crate::wire::op::check_patterns;
use crate::wire::pattern::Name;

#[derive(Debug, Deserialize)]
pub(super) struct SymbolsQuery {
    pattern: Option<String>,
}

/// `GET /v1/symbols[?pattern=]`
pub(super) async fn symbols(
    request: HttpRequest,
    query: web::Query<SymbolsQuery>,
) -> Result<HttpResponse, Failure> {
    let shop = Shop::of(&request)?;
    let caller = shop.caller(&request).await?;
    let name = query.pattern.as_deref().map(parse_name).transpose()?;
    let shard = shop.shard().borrow();
    let board = shard.board();
    let mut listed: Vec<_> = board.symbols().filter(|(_, symbol)| symbol.listed).collect();
    listed.retain(|(_, of)| caller.rights().cover(&of.symbol));
    listed.retain(|(_, board)| name.as_ref().is_none_or(|name| name.covers(&board.symbol)));
    listed.sort_by(|(_, a), (_, b)| a.symbol.cmp(&b.symbol));
    let rows = listed.into_iter().map(|(_, symbol)| {
        let feed = board.feed(symbol.feed);
        let running = feed.and_then(|of| shop.house().feeds.iter().find(|it| it.name == *of.name));
        let pair = symbol.symbol.pair();
        Row {
            symbol: symbol.symbol.as_str(),
            venue: symbol.symbol.venue(),
            name: symbol.raw.as_deref().unwrap_or_else(|| symbol.symbol.name()),
            feed: feed.map(|feed| &*feed.name),
            state: board.health(symbol).health.state.word(),
            base: pair.map(|(base, _)| base),
            quote: pair.map(|(_, quote)| quote),
            tick_size: running
                .and_then(|feed| feed.stats.tick_size(&symbol.symbol))
                .map(|size| size.to_string()),
        }
    });
    Ok(HttpResponse::Ok().json(Rows { symbols: rows.collect(), next: None }))
}

/// The answer of `/v1/symbols`: typed, as there may be a hundred thousand rows.
#[derive(Debug, Serialize)]
struct Rows<'a> {
    symbols: Vec<Row<'a>>,
    next: Option<()>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    symbol: &'a str,
    venue: &'a str,
    name: &'a str,
    feed: Option<&'a str>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quote: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tick_size: Option<String>,
}

/// `GET /v1/venues`
pub(super) async fn venues(request: HttpRequest) -> Result<HttpResponse, Failure> {
    let shop = Shop::of(&request)?;
    let caller = shop.caller(&request).await?;
    let rights = caller.rights();
    let shard = shop.shard().borrow();
    let rows = shop.house().feeds.iter().filter_map(|running| {
        let id = shard.board().feed_id(&running.name)?;
        let feed = shard.board().feed(id).filter(|feed| rights.touch(&feed.venue))?;
        let listed = shard.board().symbols().filter(|(_, of)| of.feed == id && of.listed);
        let symbols = listed.filter(|(_, of)| rights.cover(&of.symbol)).count();
        let stats = &running.stats;
        Some(json!({
            "feed": running.name,
            "venue": &*feed.venue,
            "state": feed.health.state.word(),
            "since": feed.health.since.to_string(),
            "reason": feed.health.reason,
            "symbols": symbols,
            "last_message": stats.last_message().map(|at| at.to_string()),
            "lag_ms": stats.lag_ms(),
            "reconnects": stats.reconnects(),
            "frames": stats.frames(),
            "rejected": stats.rejected().collect::<std::collections::BTreeMap<_, _>>(),
            "continuity": { "trades": running.continuity },
        }))
    });
    let rows: Vec<Value> = rows.collect();
    Ok(HttpResponse::Ok().json(json!({ "venues": rows, "next": null })))
}

#[derive(Debug, Deserialize)]
pub(super) struct SnapshotQuery {
    channel: Option<String>,
    symbols: Option<String>,
    cursor: Option<String>,
    at: Option<String>,
    epoch: Option<String>,
}

/// `GET /v1/snapshot?channel=&symbols=[&cursor=|&at=[&epoch=]]`
pub(super) async fn snapshot(
    request: HttpRequest,
    query: web::Query<SnapshotQuery>,
) -> Result<HttpResponse, Failure> {
    let shop = Shop::of(&request)?;
    let caller = shop.caller(&request).await?;
    let channel = query.channel.as_deref().ok_or_else(|| Failure::bad("channel is missing"))?;
    let channel = Channel::parse(channel).ok_or_else(|| {
        let served = Channel::ALL.map(Channel::word).join(", ");
        let message = format!("unknown channel {:?}: {served} are served", quoted(channel));
        Failure::coded(StatusCode::BAD_REQUEST, Code::UnknownChannel, message)
    })?;
    let names = query.symbols.as_deref().ok_or_else(|| Failure::bad("symbols is missing"))?;
    let names = parse_names(names)?;
    let limit = shop.shard().borrow().rules().limits.symbols;
    caller.check_channel(channel)?;
    let request = &request;
    match (query.at.as_deref(), query.cursor.as_deref(), query.epoch.as_deref()) {
        (Some(_), Some(_), _) => Err(Failure::bad("at and cursor exclude each other")),
        (Some(at), None, epoch) => {
            caller.check_history()?;
            let write = move |board: &Board, epoch: &str| {
                Snapshots::of(board, epoch, (channel, &cover(&names, (board, &caller), limit)?))
            };
            let (snapshots, seat) = history::snapshot(shop, (at, epoch), write).await?;
            Ok(snapshots.respond(request, Some(seat)))
        }
        (None, _, Some(_)) => Err(Failure::bad("epoch is for at: now is of the live tape")),
        (None, cursor, None) => {
            if let Some(cursor) = cursor {
                let place = Place::parse("cursor", cursor)?;
                place.check(&shop.house().tape)?;
                place::reach(shop, &place).await?;
            }
            let shard = shop.shard().borrow();
            let (board, epoch) = (shard.board(), shard.tape().epoch());
            let covered = cover(&names, (board, &caller), limit)?;
            Ok(Snapshots::of(board, epoch, (channel, &covered))?.respond(request, None))
        }
    }
}

/// An answer of `/v1/snapshot`.
struct Snapshots {
    body: Vec<u8>,
    tag: EntityTag,
}

impl Snapshots {
    fn of(
        board: &Board,
        epoch: &str,
        (channel, covered): (Channel, &Covered<'_>),
    ) -> Result<Self, Failure> {
        let seq = board.seq();
        let mut body = format!("{{\"cursor\":\"{epoch}:{seq}\",\"snapshots\":[").into_bytes();
        // Not by the newest message alone: others of the same age may be covered now.
        let mut contents = DefaultHasher::new();
        for (index, (_, id)) in covered.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            wire_json::write_snapshot(&mut body, channel, *id, board);
            if let Some(of) = board.symbol(*id) {
                (id, of.listed_at, board.last(channel, of)).hash(&mut contents);
            }
        }
        body.extend_from_slice(b"]}");
        // Weak: the cursor moves on while the snapshots stay as they are.
        let tag = EntityTag::new_weak(format!("{epoch}-{:x}", contents.finish()));
        Ok(Self { body, tag })
    }

    fn respond(self, request: &HttpRequest, seat: Option<Seat>) -> HttpResponse {
        let known = is_known(request, &self.tag);
        let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
        response.insert_header(ETag(self.tag)).insert_header((header::CACHE_CONTROL, "no-cache"));
        if known {
            return response.finish();
        }
        response.content_type("application/json");
        match seat {
            Some(seat) => response.body(history::Sending::new([self.body.into()], seat)),
            None => response.body(self.body),
        }
    }
}

/// Whether the client says that it has what the tag stands for (RFC 9110 §13.1.2).
pub(super) fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|of| of.weak_eq(tag)),
        Err(_) => false,
    }
}

fn parse_name(text: &str) -> Result<Name, Failure> {
    Name::parse(text.trim()).map_err(|error| {
        let stands = "`*` stands for the venue, the whole NAME, or one side of a pair";
        let is_pattern = text.contains('*');
        Failure::bad(if is_pattern { format!("{error}: {stands}") } else { error.to_string() })
    })
}

/// Names between commas, each once.
fn parse_names(text: &str) -> Result<Vec<Name>, Failure> {
    let mut seen = HashSet::new();
    let names = text.split(',').map(str::trim).filter(|name| seen.insert(*name));
    let names = names.map(parse_name).collect::<Result<Vec<_>, _>>()?;
    check_patterns(names.iter())
        .map_err(|reject| Failure::coded(StatusCode::BAD_REQUEST, reject.code, reject.message))?;
    Ok(names)
}

type Covered<'a> = BTreeSet<(&'a Symbol, SymbolId)>;

/// The symbols that names stand for, bytewise and each once; those alone that the caller may have.
fn cover<'a>(
    names: &[Name],
    (board, caller): (&'a Board, &Caller),
    limit: usize,
) -> Result<Covered<'a>, Failure> {
    let rights = caller.rights();
    let mut covered = BTreeSet::new();
    for name in names {
        match name {
            Name::Exact(symbol) => caller.check_symbol(symbol)?,
            Name::Pattern(pattern) => granted(rights.meet(pattern), pattern.as_str())?,
        }
        let before = covered.len();
        if let Name::Exact(symbol) = name {
            let id = board.id(symbol.as_str());
            let known = id.and_then(|id| Some((&board.symbol(id)?.symbol, id)));
            let known = known.filter(|(_, id)| board.symbol(*id).is_some_and(|of| of.listed));
            covered.insert(known.ok_or_else(|| {
                let message = format!("unknown symbol {symbol}");
                Failure::coded(StatusCode::NOT_FOUND, Code::UnknownSymbol, message)
            })?);
        } else {
            let listed = board.symbols().filter(|(_, of)| of.listed && name.covers(&of.symbol));
            let listed = listed.filter(|(_, of)| rights.cover(&of.symbol));
            covered.extend(listed.map(|(id, of)| (&of.symbol, id)));
        }
        if covered.len() > limit && covered.len() > before {
            let message = format!("more than limits.symbols = {limit} symbols");
            return Err(Failure::coded(StatusCode::BAD_REQUEST, Code::TooManySymbols, message));
        }
    }
    Ok(covered)
}
