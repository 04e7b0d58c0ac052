-- The rows of package gateways. They are JSON, read and written whole; the columns beside
-- it are what they are found by.

CREATE TABLE gateway_accounts (
    id      TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    doc     TEXT NOT NULL,
    seller  TEXT NOT NULL
) STRICT;
CREATE INDEX gateway_accounts_seller ON gateway_accounts (seller, id);

-- Where the brands of cards go, of accounts that are active: one account at each place.
CREATE TABLE gateway_routes (
    seller  TEXT NOT NULL,
    brand   TEXT NOT NULL,
    place   INTEGER NOT NULL,
    account TEXT NOT NULL,
    PRIMARY KEY (seller, brand, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX gateway_routes_account ON gateway_routes (account);

CREATE TABLE gateway_instruments (
    id       TEXT NOT NULL PRIMARY KEY,
    version  INTEGER NOT NULL,
    doc      TEXT NOT NULL,
    seller   TEXT NOT NULL,
    customer TEXT NOT NULL
) STRICT;
CREATE INDEX gateway_instruments_customer ON gateway_instruments (seller, customer, id);

CREATE TABLE gateway_payments (
    id         TEXT NOT NULL PRIMARY KEY,
    version    INTEGER NOT NULL,
    doc        TEXT NOT NULL,
    seller     TEXT NOT NULL,
    customer   TEXT NOT NULL,
    account    TEXT NOT NULL,
    instrument TEXT NOT NULL,
    phase      TEXT NOT NULL,
    key        TEXT,          -- NULL: it has none
    parked     INTEGER,       -- NULL: nobody has to look at it
    available  INTEGER        -- NULL: never
) STRICT;
CREATE UNIQUE INDEX gateway_payments_key ON gateway_payments (seller, key) WHERE key IS NOT NULL;
CREATE INDEX gateway_payments_customer ON gateway_payments (seller, customer, id);
CREATE INDEX gateway_payments_account ON gateway_payments (account, id);
CREATE INDEX gateway_payments_instrument ON gateway_payments (instrument, id);
CREATE INDEX gateway_payments_parked ON gateway_payments (id) WHERE parked IS NOT NULL;
CREATE INDEX gateway_payments_available ON gateway_payments (available, id) WHERE available IS NOT NULL;

-- The operations of payments: each is one payment's for ever.
CREATE TABLE gateway_operations (
    id      TEXT NOT NULL PRIMARY KEY,
    payment TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX gateway_operations_payment ON gateway_operations (payment);

-- What providers call payments.
CREATE TABLE gateway_references (
    account   TEXT NOT NULL,
    reference TEXT NOT NULL,
    payment   TEXT NOT NULL,
    PRIMARY KEY (account, reference, payment)
) STRICT, WITHOUT ROWID;
CREATE INDEX gateway_references_payment ON gateway_references (payment);

-- The charge log.
CREATE TABLE gateway_exchanges (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    payment TEXT NOT NULL,
    doc     TEXT NOT NULL
) STRICT;
CREATE INDEX gateway_exchanges_payment ON gateway_exchanges (payment, number);

CREATE TABLE gateway_counts (
    account  TEXT NOT NULL,
    day      TEXT NOT NULL,
    brand    TEXT NOT NULL,
    verb     TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    currency TEXT NOT NULL,
    number   INTEGER NOT NULL,
    minor    INTEGER NOT NULL,
    PRIMARY KEY (account, day, brand, verb, outcome, currency)
) STRICT, WITHOUT ROWID;

-- The inbox of notifications.
CREATE TABLE gateway_notices (
    account TEXT NOT NULL,
    event   TEXT NOT NULL,
    version INTEGER NOT NULL,
    doc     TEXT NOT NULL,
    due     INTEGER,          -- NULL: never
    done    INTEGER,          -- NULL: not
    PRIMARY KEY (account, event)
) STRICT;
CREATE INDEX gateway_notices_due ON gateway_notices (due, account, event) WHERE due IS NOT NULL;
CREATE INDEX gateway_notices_done ON gateway_notices (done) WHERE done IS NOT NULL;
