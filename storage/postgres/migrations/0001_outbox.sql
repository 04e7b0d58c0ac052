-- Events to be delivered. Texts compare byte by byte, as Go does, so that the order is
-- the same in every store.

CREATE SEQUENCE {{schema}}.outbox_seq;

CREATE TABLE {{schema}}.outbox (
    id        text COLLATE "C" PRIMARY KEY,
    seq       bigint NOT NULL DEFAULT nextval('{{schema}}.outbox_seq'),
    type      text COLLATE "C" NOT NULL,
    version   bigint NOT NULL,
    at        timestamptz NOT NULL,
    seller    text COLLATE "C" NOT NULL,
    subject   text COLLATE "C" NOT NULL,
    data      text,
    attempts  bigint NOT NULL DEFAULT 0,
    lease     text COLLATE "C",            -- token of the lease
    held      timestamptz,                 -- leased or kept back until then
    delivered boolean NOT NULL DEFAULT false
) WITH (fillfactor = 85);
CREATE INDEX outbox_pending ON {{schema}}.outbox (seq) WHERE NOT delivered;
CREATE INDEX outbox_held ON {{schema}}.outbox (held) WHERE NOT delivered AND held IS NOT NULL;
CREATE INDEX outbox_delivered ON {{schema}}.outbox (at) WHERE delivered;
