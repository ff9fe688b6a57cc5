-- Final bars, so that long ranges of them need not be derived from their trades.
--
-- Bars of a second are not here: there would be as many as trades. An open bar is not either; it is
-- what the tape says.

-- Every final bar of a minute or more, up to here, of the whole tape is in `closed_bars`. NULL, or
-- not `stored`: some are not, and they are derived.
ALTER TABLE epochs ADD COLUMN bars_upto bigint;

CREATE TABLE closed_bars (
    start       bigint      NOT NULL,
    -- Its last message.
    seq         bigint      NOT NULL,
    trades      bigint      NOT NULL,
    epoch_id    integer     NOT NULL REFERENCES epochs ON DELETE CASCADE,
    symbol_id   integer     NOT NULL,
    -- How long it is.
    seconds     integer     NOT NULL,
    -- How often it changed after it was final.
    revision    bigint      NOT NULL,
    -- NULL where no print moves them, and a volume that fits no 28 digits.
    open        numeric,
    high        numeric,
    low         numeric,
    close       numeric,
    volume      numeric,
    PRIMARY KEY (epoch_id, symbol_id, seconds, start)
);

-- The way to those that are too old to be kept.
CREATE INDEX closed_bars_start ON closed_bars USING brin (start);

CREATE VIEW bars AS
SELECT p.name AS epoch, s.name AS symbol, make_interval(secs => b.seconds) AS "interval",
       time_of(b.start) AS start, b.open, b.high, b.low, b.close, b.volume, b.trades, b.revision,
       b.start AS start_ns, b.seconds, b.seq
  FROM closed_bars b
  JOIN symbols s USING (epoch_id, symbol_id)
  JOIN epochs p USING (epoch_id);
