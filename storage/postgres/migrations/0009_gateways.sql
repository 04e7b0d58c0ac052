-- The rows of package gateways. They are JSON, read and written whole; the columns beside
-- it are what they are found by.

CREATE TABLE {{schema}}.gateway_accounts (
    id      text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    doc     json NOT NULL,
    seller  text COLLATE "C" NOT NULL
);
CREATE INDEX gateway_accounts_seller ON {{schema}}.gateway_accounts (seller, id);

-- Where the brands of cards go, of accounts that are active: one account at each place.
CREATE TABLE {{schema}}.gateway_routes (
    seller  text COLLATE "C" NOT NULL,
    brand   text COLLATE "C" NOT NULL,
    place   bigint NOT NULL,
    account text COLLATE "C" NOT NULL,
    PRIMARY KEY (seller, brand, place)
);
CREATE INDEX gateway_routes_account ON {{schema}}.gateway_routes (account);

CREATE TABLE {{schema}}.gateway_instruments (
    id       text COLLATE "C" PRIMARY KEY,
    version  bigint NOT NULL,
    doc      json NOT NULL,
    seller   text COLLATE "C" NOT NULL,
    customer text COLLATE "C" NOT NULL
);
CREATE INDEX gateway_instruments_customer ON {{schema}}.gateway_instruments (seller, customer, id);

CREATE TABLE {{schema}}.gateway_payments (
    id         text COLLATE "C" PRIMARY KEY,
    version    bigint NOT NULL,
    doc        json NOT NULL,
    seller     text COLLATE "C" NOT NULL,
    customer   text COLLATE "C" NOT NULL,
    account    text COLLATE "C" NOT NULL,
    instrument text COLLATE "C" NOT NULL,
    phase      text COLLATE "C" NOT NULL,
    key        text COLLATE "C",    -- NULL: it has none
    parked     boolean,             -- NULL: nobody has to look at it
    available  timestamptz          -- NULL: never
);
CREATE UNIQUE INDEX gateway_payments_key ON {{schema}}.gateway_payments (seller, key) WHERE key IS NOT NULL;
CREATE INDEX gateway_payments_customer ON {{schema}}.gateway_payments (seller, customer, id);
CREATE INDEX gateway_payments_account ON {{schema}}.gateway_payments (account, id);
CREATE INDEX gateway_payments_instrument ON {{schema}}.gateway_payments (instrument, id);
CREATE INDEX gateway_payments_parked ON {{schema}}.gateway_payments (id) WHERE parked;
CREATE INDEX gateway_payments_available ON {{schema}}.gateway_payments (available, id) WHERE available IS NOT NULL;

-- The operations of payments: each is one payment's for ever.
CREATE TABLE {{schema}}.gateway_operations (
    id      text COLLATE "C" PRIMARY KEY,
    payment text COLLATE "C" NOT NULL
);
CREATE INDEX gateway_operations_payment ON {{schema}}.gateway_operations (payment);

-- What providers call payments.
CREATE TABLE {{schema}}.gateway_references (
    account   text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    payment   text COLLATE "C" NOT NULL,
    PRIMARY KEY (account, reference, payment)
);
CREATE INDEX gateway_references_payment ON {{schema}}.gateway_references (payment);

-- The charge log.
CREATE TABLE {{schema}}.gateway_exchanges (
    number  bigint GENERATED ALWAYS AS IDENTITY,
    payment text COLLATE "C" NOT NULL,
    doc     json NOT NULL,
    PRIMARY KEY (payment, number)
);

-- Statistics. One count is spread over some rows, so that transactions at the same time
-- do not wait for each other; it is their sum.
CREATE TABLE {{schema}}.gateway_counts (
    account  text COLLATE "C" NOT NULL,
    day      text COLLATE "C" NOT NULL,
    brand    text COLLATE "C" NOT NULL,
    verb     text COLLATE "C" NOT NULL,
    outcome  text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    slot     bigint NOT NULL,
    number   bigint NOT NULL,
    minor    bigint NOT NULL,
    PRIMARY KEY (account, day, brand, verb, outcome, currency, slot)
);

-- The inbox of notifications.
CREATE TABLE {{schema}}.gateway_notices (
    account text COLLATE "C" NOT NULL,
    event   text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    doc     json NOT NULL,
    due     timestamptz,            -- NULL: never
    done    timestamptz,            -- NULL: not
    PRIMARY KEY (account, event)
);
CREATE INDEX gateway_notices_due ON {{schema}}.gateway_notices (due, account, event) WHERE due IS NOT NULL;
CREATE INDEX gateway_notices_done ON {{schema}}.gateway_notices (done) WHERE done IS NOT NULL;
