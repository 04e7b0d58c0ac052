-- What package provisioning places services on. Groups, machines, servers, pools and
-- reservations are JSON, read and written whole; the columns beside it are what they are
-- found by.

CREATE TABLE {{schema}}.provisioning_inventory (
    id      bigint PRIMARY KEY CHECK (id = 1),
    number  bigint NOT NULL, -- of the revision
    removal bigint NOT NULL
);
INSERT INTO {{schema}}.provisioning_inventory VALUES (1, 0, 0);

CREATE TABLE {{schema}}.provisioning_groups (
    id      text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    doc     json NOT NULL
);

CREATE TABLE {{schema}}.provisioning_machines (
    id         text COLLATE "C" PRIMARY KEY,
    version    bigint NOT NULL,
    doc        json NOT NULL,
    allocation text COLLATE "C" NOT NULL,
    seller     text COLLATE "C" NOT NULL,
    revision   bigint NOT NULL -- at which it was written
);
CREATE INDEX provisioning_machines_allocation ON {{schema}}.provisioning_machines (allocation, id);
CREATE INDEX provisioning_machines_revision ON {{schema}}.provisioning_machines (revision);

CREATE TABLE {{schema}}.provisioning_servers (
    id         text COLLATE "C" PRIMARY KEY,
    version    bigint NOT NULL,
    doc        json NOT NULL,
    machine    text COLLATE "C" NOT NULL,
    group_id   text COLLATE "C" NOT NULL,
    revision   bigint NOT NULL
);
CREATE INDEX provisioning_servers_machine ON {{schema}}.provisioning_servers (machine, id);
CREATE INDEX provisioning_servers_group ON {{schema}}.provisioning_servers (group_id, id);
CREATE INDEX provisioning_servers_revision ON {{schema}}.provisioning_servers (revision);

-- The holder is "m/" and a machine or "s/" and a server: machines come first.
CREATE TABLE {{schema}}.provisioning_loads (
    holder    text COLLATE "C" NOT NULL,
    dimension text COLLATE "C" NOT NULL,
    version   bigint NOT NULL, -- of the machine or server; 0: none yet
    used      bigint NOT NULL CHECK (used >= 0),
    capacity  bigint,          -- NULL: no limit
    changed   timestamptz NOT NULL,
    PRIMARY KEY (holder, dimension)
) WITH (fillfactor = 50);

CREATE TABLE {{schema}}.provisioning_reservations (
    id       text COLLATE "C" PRIMARY KEY,
    token    bigint NOT NULL,
    doc      json NOT NULL,
    state    text COLLATE "C" NOT NULL,
    server   text COLLATE "C" NOT NULL,
    key      text COLLATE "C",              -- NULL: none
    position bigint NOT NULL,
    expires  timestamptz NOT NULL,
    ended    timestamptz            -- NULL: it takes room
);
CREATE UNIQUE INDEX provisioning_reservations_key ON {{schema}}.provisioning_reservations (key, position) WHERE key IS NOT NULL;
CREATE INDEX provisioning_reservations_due ON {{schema}}.provisioning_reservations (expires, id) WHERE state = 'held';
CREATE INDEX provisioning_reservations_ended ON {{schema}}.provisioning_reservations (ended, id) WHERE ended IS NOT NULL;
CREATE INDEX provisioning_reservations_server ON {{schema}}.provisioning_reservations (server, id);

CREATE TABLE {{schema}}.provisioning_pools (
    id      text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    doc     json NOT NULL,
    server  text COLLATE "C" NOT NULL,
    last    text COLLATE "C" NOT NULL       -- the address that was handed out for the first time last; '': none
);
CREATE INDEX provisioning_pools_server ON {{schema}}.provisioning_pools (server, id);

-- Addresses that were ever handed out.
CREATE TABLE {{schema}}.provisioning_addresses (
    network text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    pool    text COLLATE "C" NOT NULL,      -- that it was handed out from last
    kind    text COLLATE "C" NOT NULL,
    owners  bigint NOT NULL CHECK (owners >= 0),
    free    timestamptz NOT NULL,   -- from when on it may be handed out, without owners
    PRIMARY KEY (network, address)
);
CREATE INDEX provisioning_addresses_pool ON {{schema}}.provisioning_addresses (pool, owners, free, network, address);

CREATE TABLE {{schema}}.provisioning_address_owners (
    server  text COLLATE "C" NOT NULL,
    kind    text COLLATE "C" NOT NULL,
    owner   text COLLATE "C" NOT NULL,
    network text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    pool    text COLLATE "C" NOT NULL,
    since   timestamptz NOT NULL,
    PRIMARY KEY (server, kind, owner)
);

-- Changes loads and inserts reservations, or does neither. Those of one server or machine
-- are locked with "services" first, for which whoever changes their capacity waits as well.
-- The first row says if it was done, the others are the loads as they are then.
CREATE FUNCTION {{schema}}.provisioning_change_loads(
    holders text[], dimensions text[], amounts bigint[], versions bigint[], at timestamptz,
    ids text[], tokens bigint[], docs text[], states text[], servers text[], keys text[], positions bigint[],
    expiries timestamptz[], endings timestamptz[]
) RETURNS TABLE (done boolean, holder text, dimension text, version bigint, used bigint, capacity bigint, changed timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    ok boolean := true;
    x {{schema}}.provisioning_loads%ROWTYPE;
    found_loads {{schema}}.provisioning_loads[];
BEGIN
    FOR i IN 1 .. cardinality(holders) LOOP
        SELECT * INTO x FROM {{schema}}.provisioning_loads AS l
            WHERE l.holder = holders[i] AND l.dimension = dimensions[i] FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            ok := ok AND dimensions[i] <> 'services' AND versions[i] = 0;
            CONTINUE;
        END IF;
        found_loads := found_loads || x;
        IF versions[i] <> 0 AND versions[i] <> x.version OR amounts[i] > 0 AND amounts[i] > x.capacity - x.used THEN
            ok := false;
        END IF;
    END LOOP;
    done := ok;
    RETURN NEXT;
    IF NOT ok THEN
        RETURN QUERY SELECT ok, l.* FROM unnest(found_loads) AS l;
        RETURN;
    END IF;
    FOR i IN 1 .. cardinality(holders) LOOP
        UPDATE {{schema}}.provisioning_loads AS l SET used = l.used + amounts[i], changed = greatest(l.changed, at)
            WHERE l.holder = holders[i] AND l.dimension = dimensions[i]
            RETURNING l.holder, l.dimension, l.version, l.used, l.capacity, l.changed
            INTO holder, dimension, version, used, capacity, changed;
        IF NOT FOUND THEN
            INSERT INTO {{schema}}.provisioning_loads AS l (holder, dimension, version, used, changed)
                VALUES (holders[i], dimensions[i], 0, amounts[i], at)
                RETURNING l.holder, l.dimension, l.version, l.used, l.capacity, l.changed
                INTO holder, dimension, version, used, capacity, changed;
        END IF;
        RETURN NEXT;
    END LOOP;
    FOR i IN 1 .. cardinality(ids) LOOP
        INSERT INTO {{schema}}.provisioning_reservations (id, token, doc, state, server, key, position, expires, ended)
            VALUES (ids[i], tokens[i], docs[i]::json, states[i], servers[i], nullif(keys[i], ''), positions[i], expiries[i],
                CASE WHEN states[i] IN ('held', 'committed') THEN NULL ELSE endings[i] END);
    END LOOP;
END
$$;
