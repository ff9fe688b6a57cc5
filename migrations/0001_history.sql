-- History: every event of every tape that was recorded here.
--
-- Times are nanoseconds since 1970 UTC. Prices and sizes are numeric without a scale of their own,
-- so they keep the venue's digits, trailing zeros included. `frame` is the whole event as the
-- journal encodes it: what is replayed is made of it, and the columns beside it are for people.

-- The tapes. One row is one life of a journal, or one import.
CREATE TABLE epochs (
    epoch_id    integer     GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text        NOT NULL UNIQUE,
    -- Every event after `oldest`, up to `stored`, is here, save those that `losses` names.
    oldest      bigint      NOT NULL,
    stored      bigint      NOT NULL,
    -- Greatest recv so far.
    recv_high   bigint      NOT NULL,
    begun_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (oldest <= stored)
);

-- Dictionaries, each of one tape.
CREATE TABLE feeds (
    epoch_id    integer     NOT NULL REFERENCES epochs ON DELETE CASCADE,
    feed_id     integer     NOT NULL,
    name        text        NOT NULL,
    venue       text        NOT NULL,
    PRIMARY KEY (epoch_id, feed_id)
);

CREATE TABLE symbols (
    epoch_id    integer     NOT NULL REFERENCES epochs ON DELETE CASCADE,
    symbol_id   integer     NOT NULL,
    feed_id     integer     NOT NULL,
    name        text        NOT NULL,
    -- The venue's own name, where it differs.
    raw         text,
    PRIMARY KEY (epoch_id, symbol_id)
);
CREATE INDEX symbols_name ON symbols (name);

-- Wide columns first, so that no space is lost to alignment.
CREATE TABLE events (
    seq         bigint      NOT NULL,
    recv        bigint      NOT NULL,
    ts          bigint,
    epoch_id    integer     NOT NULL,
    symbol_id   integer,
    -- 1 trade, 2 quote, 5 status, 6 gap, 8 clock, 9 change of feeds and symbols.
    kind        smallint    NOT NULL,
    -- Of a trade: 1 the aggressor bought, 2 it sold, 4 late, 8 does not move the last price,
    -- 16 does not move high and low, 32 does not count towards the volume.
    flags       smallint    NOT NULL,
    price       numeric,
    size        numeric,
    bid         numeric,
    bid_size    numeric,
    ask         numeric,
    ask_size    numeric,
    trade_id    text,
    frame       bytea       NOT NULL
) PARTITION BY RANGE (recv);

-- The way to a symbol's events, and the cheap way to a time. To a place it goes by way of
-- `slices`, which knows the times.
CREATE INDEX events_symbol ON events (epoch_id, symbol_id, seq);
CREATE INDEX events_time ON events
    USING brin (recv) WITH (pages_per_range = 64, autosummarize = on);

-- A partition a day is made by the program, ahead. Clocks that are far off end up here.
CREATE TABLE events_before PARTITION OF events FOR VALUES FROM (MINVALUE) TO (631152000000000000);
CREATE TABLE events_after PARTITION OF events FOR VALUES FROM (7258118400000000000) TO (MAXVALUE);

-- The tapes cut into pieces that are read one at a time; together they hold all that is stored.
CREATE TABLE slices (
    first       bigint      NOT NULL,
    last        bigint      NOT NULL,
    recv_min    bigint      NOT NULL,
    recv_max    bigint      NOT NULL,
    -- Greatest recv of this and all before it.
    recv_high   bigint      NOT NULL,
    epoch_id    integer     NOT NULL REFERENCES epochs ON DELETE CASCADE,
    events      integer     NOT NULL,
    -- Version of the frames' encoding.
    format      smallint    NOT NULL,
    PRIMARY KEY (epoch_id, first)
);
CREATE INDEX slices_recv ON slices (epoch_id, recv_high);

-- The state of everything, every so often: where a replay can begin.
CREATE TABLE checkpoints (
    epoch_id    integer     NOT NULL REFERENCES epochs ON DELETE CASCADE,
    format      smallint    NOT NULL,
    -- It holds from after this event.
    seq         bigint      NOT NULL,
    board       bytea       NOT NULL,
    PRIMARY KEY (epoch_id, seq)
);

-- What one feed recorded in one UTC day.
CREATE TABLE sessions (
    first       bigint      NOT NULL,
    last        bigint      NOT NULL,
    recv_first  bigint      NOT NULL,
    recv_last   bigint      NOT NULL,
    events      bigint      NOT NULL,
    trades      bigint      NOT NULL,
    quotes      bigint      NOT NULL,
    gaps        bigint      NOT NULL,
    epoch_id    integer     NOT NULL REFERENCES epochs ON DELETE CASCADE,
    feed_id     integer     NOT NULL,
    day         date        NOT NULL,
    PRIMARY KEY (epoch_id, feed_id, day)
);
CREATE INDEX sessions_day ON sessions (day);

-- What a venue's feed missed, or how that was settled.
CREATE TABLE gaps (
    seq         bigint      NOT NULL,
    recv        bigint      NOT NULL,
    -- The gap that this tells of: its own seq when it is new.
    of_seq      bigint      NOT NULL,
    epoch_id    integer     NOT NULL REFERENCES epochs ON DELETE CASCADE,
    feed_id     integer     NOT NULL,
    -- NULL: all of the feed.
    symbol_id   integer,
    missing     numeric,
    covers      text        NOT NULL,
    cause       text        NOT NULL,
    state       text        NOT NULL,
    PRIMARY KEY (epoch_id, seq)
);

-- What left the journal before it could be stored: everything after `after`, up to `upto`.
CREATE TABLE losses (
    after       bigint      NOT NULL,
    upto        bigint      NOT NULL,
    noted_at    timestamptz NOT NULL DEFAULT now(),
    epoch_id    integer     NOT NULL REFERENCES epochs ON DELETE CASCADE,
    PRIMARY KEY (epoch_id, upto)
);

-- Exact to the microsecond, which is all that timestamptz holds.
CREATE FUNCTION time_of(nanos bigint) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN to_timestamp((nanos / 1000)::double precision / 1000000);

CREATE FUNCTION nanos_of(at timestamptz) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (extract(epoch FROM at) * 1000000)::bigint * 1000;

CREATE VIEW trades AS
SELECT p.name AS epoch, e.seq, s.name AS symbol,
       time_of(e.recv) AS recv, time_of(e.ts) AS ts, e.price, e.size,
       CASE e.flags & 3 WHEN 1 THEN 'buy' WHEN 2 THEN 'sell' END AS side,
       e.trade_id,
       e.flags & 4 <> 0 AS late,
       e.flags & 8 <> 0 AS no_last,
       e.flags & 16 <> 0 AS no_range,
       e.flags & 32 <> 0 AS no_volume,
       e.recv AS recv_ns, e.ts AS ts_ns
  FROM events e
  JOIN symbols s USING (epoch_id, symbol_id)
  JOIN epochs p USING (epoch_id)
 WHERE e.kind = 1 AND e.seq > p.oldest;

CREATE VIEW quotes AS
SELECT p.name AS epoch, e.seq, s.name AS symbol,
       time_of(e.recv) AS recv, time_of(e.ts) AS ts, e.bid, e.bid_size, e.ask, e.ask_size,
       e.recv AS recv_ns, e.ts AS ts_ns
  FROM events e
  JOIN symbols s USING (epoch_id, symbol_id)
  JOIN epochs p USING (epoch_id)
 WHERE e.kind = 2 AND e.seq > p.oldest;
