-- The services of package provisioning. Services, orders and gates are JSON, read and
-- written whole; the columns beside it are what they are found by.

CREATE TABLE {{schema}}.provisioning_services (
    id        text COLLATE "C" PRIMARY KEY,
    version   bigint NOT NULL,
    doc       json NOT NULL,
    seller    text COLLATE "C" NOT NULL,
    account   text COLLATE "C" NOT NULL,
    server    text COLLATE "C" NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    phase     text COLLATE "C" NOT NULL,
    chain     text COLLATE "C" NOT NULL,
    queue     text COLLATE "C" NOT NULL,
    available timestamptz          -- NULL: never
);
CREATE INDEX provisioning_services_account ON {{schema}}.provisioning_services (seller, account, id);
CREATE INDEX provisioning_services_server ON {{schema}}.provisioning_services (server, id);
CREATE INDEX provisioning_services_phase ON {{schema}}.provisioning_services (phase, id);
CREATE INDEX provisioning_services_chain ON {{schema}}.provisioning_services (chain, id);
-- With the queue, so that those of a server that is passed over are not looked up.
CREATE INDEX provisioning_services_available ON {{schema}}.provisioning_services (available, id, queue) WHERE available IS NOT NULL;

-- A name on a server belongs to one service only.
CREATE TABLE {{schema}}.provisioning_names (
    server  text COLLATE "C" NOT NULL,
    kind    text COLLATE "C" NOT NULL,
    name    text COLLATE "C" NOT NULL,
    service text COLLATE "C" NOT NULL,
    PRIMARY KEY (server, kind, name)
);
CREATE INDEX provisioning_names_service ON {{schema}}.provisioning_names (service);

CREATE TABLE {{schema}}.provisioning_chains (
    id      text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    doc     json NOT NULL,
    state   text COLLATE "C" NOT NULL,
    seller  text COLLATE "C" NOT NULL,
    key     text COLLATE "C"              -- NULL: none
);
CREATE UNIQUE INDEX provisioning_chains_key ON {{schema}}.provisioning_chains (seller, key) WHERE key IS NOT NULL;
CREATE INDEX provisioning_chains_state ON {{schema}}.provisioning_chains (state, id);

CREATE TABLE {{schema}}.provisioning_gates (
    server       text COLLATE "C" PRIMARY KEY,
    doc          json NOT NULL,
    closed_until timestamptz       -- NULL: it is open
);
CREATE INDEX provisioning_gates_closed ON {{schema}}.provisioning_gates (closed_until) WHERE closed_until IS NOT NULL;

-- Samples that were counted.
CREATE TABLE {{schema}}.provisioning_samples (
    service text COLLATE "C" NOT NULL,
    server  text COLLATE "C" NOT NULL,
    meter   text COLLATE "C" NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (service, server, meter, at)
);
CREATE INDEX provisioning_samples_at ON {{schema}}.provisioning_samples (at);

CREATE TABLE {{schema}}.provisioning_readings (
    service text COLLATE "C" NOT NULL,
    server  text COLLATE "C" NOT NULL,
    meter   text COLLATE "C" NOT NULL,
    metric  text COLLATE "C" NOT NULL,
    value   text COLLATE "C" NOT NULL,
    epoch   text COLLATE "C" NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (service, server, meter)
);

-- How far the samples of servers were read.
CREATE TABLE {{schema}}.provisioning_collected (
    server text COLLATE "C" NOT NULL,
    kind   text COLLATE "C" NOT NULL,
    until  timestamptz NOT NULL,
    PRIMARY KEY (server, kind)
);
