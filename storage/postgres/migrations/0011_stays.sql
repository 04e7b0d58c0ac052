-- The time that services have on servers. What was measured before a removal is in the
-- document until it is counted.

CREATE TABLE {{schema}}.provisioning_stays (
    service   text COLLATE "C" NOT NULL,
    number    bigint NOT NULL,
    server    text COLLATE "C" NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    name      text COLLATE "C" NOT NULL,
    until     timestamptz,          -- NULL: it has not ended
    uncounted boolean NOT NULL,
    doc       json NOT NULL,
    PRIMARY KEY (service, number)
);
CREATE INDEX provisioning_stays_name ON {{schema}}.provisioning_stays (server, kind, name);
CREATE INDEX provisioning_stays_until ON {{schema}}.provisioning_stays (server, until) WHERE until IS NOT NULL;
CREATE INDEX provisioning_stays_uncounted ON {{schema}}.provisioning_stays (server, service, number) WHERE uncounted;

ALTER TABLE {{schema}}.provisioning_readings ADD COLUMN stay bigint NOT NULL DEFAULT 0;

-- Samples are forgotten server by server.
DROP INDEX {{schema}}.provisioning_samples_at;
CREATE INDEX provisioning_samples_server ON {{schema}}.provisioning_samples (server, at);
