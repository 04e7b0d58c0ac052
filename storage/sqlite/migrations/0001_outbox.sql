-- Events to be delivered. AUTOINCREMENT, because a number must not come back after
-- the events with the largest ones were purged.
CREATE TABLE outbox (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    delivered INTEGER NOT NULL DEFAULT 0,
    attempts  INTEGER NOT NULL DEFAULT 0,
    held      INTEGER,                     -- leased or kept back until then
    lease     TEXT,                        -- token of the lease
    at        INTEGER NOT NULL,
    id        TEXT NOT NULL,
    type      TEXT NOT NULL,
    version   INTEGER NOT NULL,
    seller    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    data      TEXT
) STRICT;
CREATE UNIQUE INDEX outbox_id ON outbox (id);
CREATE INDEX outbox_pending ON outbox (seq) WHERE delivered = 0;
-- What may be purged, oldest first.
CREATE INDEX outbox_delivered ON outbox (at) WHERE delivered = 1;
