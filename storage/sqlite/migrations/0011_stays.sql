-- The time that services have on servers. What was measured before a removal is in the
-- document until it is counted.

CREATE TABLE provisioning_stays (
    service   TEXT NOT NULL,
    number    INTEGER NOT NULL,
    server    TEXT NOT NULL,
    kind      TEXT NOT NULL,
    name      TEXT NOT NULL,
    until     INTEGER,          -- NULL: it has not ended
    uncounted INTEGER NOT NULL,
    doc       TEXT NOT NULL,
    PRIMARY KEY (service, number)
) STRICT;
CREATE INDEX provisioning_stays_name ON provisioning_stays (server, kind, name);
CREATE INDEX provisioning_stays_until ON provisioning_stays (server, until) WHERE until IS NOT NULL;
CREATE INDEX provisioning_stays_uncounted ON provisioning_stays (server, service, number) WHERE uncounted = 1;

ALTER TABLE provisioning_readings ADD COLUMN stay INTEGER NOT NULL DEFAULT 0;

-- Samples are forgotten server by server.
DROP INDEX provisioning_samples_at;
CREATE INDEX provisioning_samples_server ON provisioning_samples (server, at);
