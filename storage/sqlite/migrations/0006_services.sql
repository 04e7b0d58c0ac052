-- The services of package provisioning. Services, orders and gates are JSON, read and
-- written whole; the columns beside it are what they are found by.

CREATE TABLE provisioning_services (
    id        TEXT NOT NULL PRIMARY KEY,
    version   INTEGER NOT NULL,
    doc       TEXT NOT NULL,
    seller    TEXT NOT NULL,
    account   TEXT NOT NULL,
    server    TEXT NOT NULL,
    kind      TEXT NOT NULL,
    phase     TEXT NOT NULL,
    chain     TEXT NOT NULL,
    queue     TEXT NOT NULL,
    available INTEGER          -- NULL: never
) STRICT;
CREATE INDEX provisioning_services_account ON provisioning_services (seller, account, id);
CREATE INDEX provisioning_services_server ON provisioning_services (server, id);
CREATE INDEX provisioning_services_phase ON provisioning_services (phase, id);
CREATE INDEX provisioning_services_chain ON provisioning_services (chain, id);
-- With the queue, so that those of a server that is passed over are not looked up.
CREATE INDEX provisioning_services_available ON provisioning_services (available, id, queue) WHERE available IS NOT NULL;

-- A name on a server belongs to one service only.
CREATE TABLE provisioning_names (
    server  TEXT NOT NULL,
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    service TEXT NOT NULL,
    PRIMARY KEY (server, kind, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX provisioning_names_service ON provisioning_names (service);

CREATE TABLE provisioning_chains (
    id      TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    doc     TEXT NOT NULL,
    state   TEXT NOT NULL,
    seller  TEXT NOT NULL,
    key     TEXT              -- NULL: none
) STRICT;
CREATE UNIQUE INDEX provisioning_chains_key ON provisioning_chains (seller, key) WHERE key IS NOT NULL;
CREATE INDEX provisioning_chains_state ON provisioning_chains (state, id);

CREATE TABLE provisioning_gates (
    server       TEXT NOT NULL PRIMARY KEY,
    doc          TEXT NOT NULL,
    closed_until INTEGER       -- NULL: it is open
) STRICT, WITHOUT ROWID;
CREATE INDEX provisioning_gates_closed ON provisioning_gates (closed_until) WHERE closed_until IS NOT NULL;

-- Samples that were counted.
CREATE TABLE provisioning_samples (
    service TEXT NOT NULL,
    server  TEXT NOT NULL,
    meter   TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (service, server, meter, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX provisioning_samples_at ON provisioning_samples (at);

CREATE TABLE provisioning_readings (
    service TEXT NOT NULL,
    server  TEXT NOT NULL,
    meter   TEXT NOT NULL,
    metric  TEXT NOT NULL,
    value   TEXT NOT NULL,
    epoch   TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (service, server, meter)
) STRICT, WITHOUT ROWID;

-- How far the samples of servers were read.
CREATE TABLE provisioning_collected (
    server TEXT NOT NULL,
    kind   TEXT NOT NULL,
    until  INTEGER NOT NULL,
    PRIMARY KEY (server, kind)
) STRICT, WITHOUT ROWID;
