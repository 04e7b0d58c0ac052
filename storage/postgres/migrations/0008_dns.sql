-- The rows of package dns. They are JSON, read and written whole; the columns beside it
-- are what they are found by.

CREATE TABLE {{schema}}.dns_servers (
    id      text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    doc     json NOT NULL
);

CREATE TABLE {{schema}}.dns_gates (
    server       text COLLATE "C" PRIMARY KEY,
    doc          json NOT NULL,
    closed_until timestamptz       -- NULL: it is open
);
CREATE INDEX dns_gates_closed ON {{schema}}.dns_gates (closed_until) WHERE closed_until IS NOT NULL;

-- The settings of sellers; id is the seller.
CREATE TABLE {{schema}}.dns_settings (
    id      text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    doc     json NOT NULL
);

-- All versions of templates and of sets of variables, which never change.
CREATE TABLE {{schema}}.dns_templates (
    id      text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    doc     json NOT NULL,
    PRIMARY KEY (id, version)
);
CREATE TABLE {{schema}}.dns_sets (
    id      text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    doc     json NOT NULL,
    PRIMARY KEY (id, version)
);

-- id is the name. reversed is its labels from the right: those below a name begin with
-- the name's own.
CREATE TABLE {{schema}}.dns_zones (
    id       text COLLATE "C" PRIMARY KEY,
    version  bigint NOT NULL,
    doc      json NOT NULL,
    seller   text COLLATE "C" NOT NULL,
    account  text COLLATE "C" NOT NULL,
    state    text COLLATE "C" NOT NULL,
    reversed text COLLATE "C"              -- NULL: removed
);
CREATE INDEX dns_zones_account ON {{schema}}.dns_zones (seller, account, id);
CREATE UNIQUE INDEX dns_zones_reversed ON {{schema}}.dns_zones (reversed) WHERE reversed IS NOT NULL;

-- What zones are made from.
CREATE TABLE {{schema}}.dns_zone_sources (
    kind   text COLLATE "C" NOT NULL,      -- template or set
    source text COLLATE "C" NOT NULL,
    zone   text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, source, zone)
);
CREATE INDEX dns_zone_sources_zone ON {{schema}}.dns_zone_sources (zone);

CREATE TABLE {{schema}}.dns_publications (
    zone      text COLLATE "C" NOT NULL,
    server    text COLLATE "C" NOT NULL,
    version   bigint NOT NULL,
    doc       json NOT NULL,
    state     text COLLATE "C" NOT NULL,
    available timestamptz,         -- NULL: never
    PRIMARY KEY (zone, server)
);
CREATE INDEX dns_publications_server ON {{schema}}.dns_publications (server, zone);
CREATE INDEX dns_publications_state ON {{schema}}.dns_publications (state, zone, server);
-- With the server, so that those of one that is passed over are not looked up.
CREATE INDEX dns_publications_available ON {{schema}}.dns_publications (available, zone, server) WHERE available IS NOT NULL;

-- id is the name.
CREATE TABLE {{schema}}.dns_aliases (
    id      text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    doc     json NOT NULL,
    zone    text COLLATE "C" NOT NULL,
    seller  text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    site    text COLLATE "C"               -- NULL: it was released
);
CREATE UNIQUE INDEX dns_aliases_site ON {{schema}}.dns_aliases (seller, account, site) WHERE site IS NOT NULL;
CREATE INDEX dns_aliases_zone ON {{schema}}.dns_aliases (zone, id);

-- What transactions lock that make zones: top-level names.
CREATE TABLE {{schema}}.dns_trees (
    top text COLLATE "C" PRIMARY KEY
);
