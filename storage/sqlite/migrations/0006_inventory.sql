-- What package provisioning places services on. Groups, machines, servers, pools and
-- reservations are JSON, read and written whole; the columns beside it are what they are
-- found by.

CREATE TABLE provisioning_inventory (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    number  INTEGER NOT NULL, -- of the revision
    removal INTEGER NOT NULL
) STRICT;
INSERT INTO provisioning_inventory VALUES (1, 0, 0);

CREATE TABLE provisioning_groups (
    id      TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    doc     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE provisioning_machines (
    id         TEXT NOT NULL PRIMARY KEY,
    version    INTEGER NOT NULL,
    doc        TEXT NOT NULL,
    allocation TEXT NOT NULL,
    seller     TEXT NOT NULL,
    revision   INTEGER NOT NULL -- at which it was written
) STRICT, WITHOUT ROWID;
CREATE INDEX provisioning_machines_allocation ON provisioning_machines (allocation, id);
CREATE INDEX provisioning_machines_revision ON provisioning_machines (revision);

CREATE TABLE provisioning_servers (
    id         TEXT NOT NULL PRIMARY KEY,
    version    INTEGER NOT NULL,
    doc        TEXT NOT NULL,
    machine    TEXT NOT NULL,
    group_id   TEXT NOT NULL,
    revision   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX provisioning_servers_machine ON provisioning_servers (machine, id);
CREATE INDEX provisioning_servers_group ON provisioning_servers (group_id, id);
CREATE INDEX provisioning_servers_revision ON provisioning_servers (revision);

-- The holder is "m/" and a machine or "s/" and a server: machines come first.
CREATE TABLE provisioning_loads (
    holder    TEXT NOT NULL,
    dimension TEXT NOT NULL,
    version   INTEGER NOT NULL, -- of the machine or server; 0: none yet
    used      INTEGER NOT NULL CHECK (used >= 0),
    capacity  INTEGER,          -- NULL: no limit
    changed   INTEGER NOT NULL,
    PRIMARY KEY (holder, dimension)
) STRICT, WITHOUT ROWID;

CREATE TABLE provisioning_reservations (
    id       TEXT NOT NULL PRIMARY KEY,
    token    INTEGER NOT NULL,
    doc      TEXT NOT NULL,
    state    TEXT NOT NULL,
    server   TEXT NOT NULL,
    key      TEXT,              -- NULL: none
    position INTEGER NOT NULL,
    expires  INTEGER NOT NULL,
    ended    INTEGER            -- NULL: it takes room
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX provisioning_reservations_key ON provisioning_reservations (key, position) WHERE key IS NOT NULL;
CREATE INDEX provisioning_reservations_due ON provisioning_reservations (expires, id) WHERE state = 'held';
CREATE INDEX provisioning_reservations_ended ON provisioning_reservations (ended, id) WHERE ended IS NOT NULL;
CREATE INDEX provisioning_reservations_server ON provisioning_reservations (server, id);

CREATE TABLE provisioning_pools (
    id      TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    doc     TEXT NOT NULL,
    server  TEXT NOT NULL,
    last    TEXT NOT NULL       -- the address that was handed out for the first time last; '': none
) STRICT, WITHOUT ROWID;
CREATE INDEX provisioning_pools_server ON provisioning_pools (server, id);

-- Addresses that were ever handed out.
CREATE TABLE provisioning_addresses (
    network TEXT NOT NULL,
    address TEXT NOT NULL,
    pool    TEXT NOT NULL,      -- that it was handed out from last
    kind    TEXT NOT NULL,
    owners  INTEGER NOT NULL CHECK (owners >= 0),
    free    INTEGER NOT NULL,   -- from when on it may be handed out, without owners
    PRIMARY KEY (network, address)
) STRICT, WITHOUT ROWID;
CREATE INDEX provisioning_addresses_pool ON provisioning_addresses (pool, owners, free, network, address);

CREATE TABLE provisioning_address_owners (
    server  TEXT NOT NULL,
    kind    TEXT NOT NULL,
    owner   TEXT NOT NULL,
    network TEXT NOT NULL,
    address TEXT NOT NULL,
    pool    TEXT NOT NULL,
    since   INTEGER NOT NULL,
    PRIMARY KEY (server, kind, owner)
) STRICT, WITHOUT ROWID;
