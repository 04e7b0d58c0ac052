-- The rows of package dns. They are JSON, read and written whole; the columns beside it
-- are what they are found by.

CREATE TABLE dns_servers (
    id      TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    doc     TEXT NOT NULL
) STRICT;

CREATE TABLE dns_gates (
    server       TEXT NOT NULL PRIMARY KEY,
    doc          TEXT NOT NULL,
    closed_until INTEGER       -- NULL: it is open
) STRICT, WITHOUT ROWID;
CREATE INDEX dns_gates_closed ON dns_gates (closed_until) WHERE closed_until IS NOT NULL;

-- The settings of sellers; id is the seller.
CREATE TABLE dns_settings (
    id      TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    doc     TEXT NOT NULL
) STRICT;

-- All versions of templates and of sets of variables, which never change.
CREATE TABLE dns_templates (
    id      TEXT NOT NULL,
    version INTEGER NOT NULL,
    doc     TEXT NOT NULL,
    PRIMARY KEY (id, version)
) STRICT;
CREATE TABLE dns_sets (
    id      TEXT NOT NULL,
    version INTEGER NOT NULL,
    doc     TEXT NOT NULL,
    PRIMARY KEY (id, version)
) STRICT;

-- id is the name. reversed is its labels from the right: those below a name begin with
-- the name's own.
CREATE TABLE dns_zones (
    id       TEXT NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    doc      TEXT NOT NULL,
    seller   TEXT NOT NULL,
    account  TEXT NOT NULL,
    state    TEXT NOT NULL,
    reversed TEXT              -- NULL: removed
) STRICT;
CREATE INDEX dns_zones_account ON dns_zones (seller, account, id);
CREATE UNIQUE INDEX dns_zones_reversed ON dns_zones (reversed) WHERE reversed IS NOT NULL;

-- What zones are made from.
CREATE TABLE dns_zone_sources (
    kind   TEXT NOT NULL,      -- template or set
    source TEXT NOT NULL,
    zone   TEXT NOT NULL,
    PRIMARY KEY (kind, source, zone)
) STRICT, WITHOUT ROWID;
CREATE INDEX dns_zone_sources_zone ON dns_zone_sources (zone);

CREATE TABLE dns_publications (
    zone      TEXT NOT NULL,
    server    TEXT NOT NULL,
    version   INTEGER NOT NULL,
    doc       TEXT NOT NULL,
    state     TEXT NOT NULL,
    available INTEGER,         -- NULL: never
    PRIMARY KEY (zone, server)
) STRICT;
CREATE INDEX dns_publications_server ON dns_publications (server, zone);
CREATE INDEX dns_publications_state ON dns_publications (state, zone, server);
-- With the server, so that those of one that is passed over are not looked up.
CREATE INDEX dns_publications_available ON dns_publications (available, zone, server) WHERE available IS NOT NULL;

-- id is the name.
CREATE TABLE dns_aliases (
    id      TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    doc     TEXT NOT NULL,
    zone    TEXT NOT NULL,
    seller  TEXT NOT NULL,
    account TEXT NOT NULL,
    site    TEXT               -- NULL: it was released
) STRICT;
CREATE UNIQUE INDEX dns_aliases_site ON dns_aliases (seller, account, site) WHERE site IS NOT NULL;
CREATE INDEX dns_aliases_zone ON dns_aliases (zone, id);
