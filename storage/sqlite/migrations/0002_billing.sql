-- The books of package billing.
--
-- Texts compare byte by byte, as Go does, so that pages come in the same order from
-- every store. Dates are civil, written YYYY-MM-DD; NULL is none. Instants are
-- microseconds since 1970, UTC. Amounts are minor units of the row's currency, which
-- is written with its digits, "USD:2"; NULL is no amount. Quantities, percents and
-- exact fractions ("7/3") are text; lists are JSON, NULL when they are empty.

CREATE TABLE billing_meta (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    installation TEXT NOT NULL,            -- tells this database from all others
    revision     INTEGER NOT NULL,
    last_account INTEGER NOT NULL          -- largest account ID drawn
) STRICT;
INSERT INTO billing_meta (id, installation, revision, last_account) VALUES (1, lower(hex(randomblob(16))), 0, 0);

CREATE TABLE billing_resources (
    id        TEXT NOT NULL PRIMARY KEY,
    kind      TEXT NOT NULL,
    step      TEXT NOT NULL,
    aggregate TEXT NOT NULL,
    unit      TEXT NOT NULL,
    measures  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE billing_sellers (
    id        TEXT NOT NULL PRIMARY KEY,
    name      TEXT NOT NULL,
    currency  TEXT NOT NULL,
    rounding  TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    taxes     TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE billing_plans (
    seller     TEXT NOT NULL,
    id         TEXT NOT NULL,
    name       TEXT NOT NULL,
    open       INTEGER NOT NULL,
    plan_group TEXT NOT NULL,
    access     TEXT NOT NULL,
    from_plans TEXT,
    latest     INTEGER NOT NULL,
    PRIMARY KEY (seller, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE billing_plan_versions (
    seller    TEXT NOT NULL,
    plan      TEXT NOT NULL,
    version   INTEGER NOT NULL,
    published INTEGER NOT NULL,
    terms     TEXT NOT NULL,
    PRIMARY KEY (seller, plan, version)
) STRICT;

CREATE TABLE billing_accounts (
    id                INTEGER PRIMARY KEY,
    version           INTEGER NOT NULL,
    -- What a run changes.
    period_from       TEXT,
    period_to         TEXT,
    month_from        TEXT,
    month_to          TEXT,
    month_charged     INTEGER NOT NULL,
    stretches         TEXT,
    tax_charged       TEXT,
    balance           INTEGER,
    next              TEXT,
    entry_seq         INTEGER NOT NULL,
    document_seq      INTEGER NOT NULL,
    period_seq        INTEGER NOT NULL,
    meter_scan        INTEGER NOT NULL,
    meter_seen        INTEGER NOT NULL,
    last_run          INTEGER,
    last_run_on       TEXT,
    acted_on          TEXT,
    debt_since        TEXT,
    -- What people change.
    seller            TEXT NOT NULL,
    name              TEXT NOT NULL,
    plan              TEXT NOT NULL,
    plan_version      INTEGER NOT NULL,
    period            TEXT NOT NULL,
    status            TEXT NOT NULL,
    signed_up         TEXT,
    activated         TEXT,
    anchor            TEXT,
    closed            TEXT,
    lapsed            INTEGER NOT NULL,
    cancelling        INTEGER NOT NULL,
    trial_ends        TEXT,
    pending_period    TEXT NOT NULL,
    pending_plan      TEXT NOT NULL,
    pending_version   INTEGER NOT NULL,
    refund_percent    TEXT NOT NULL,
    money_back_days   INTEGER NOT NULL,
    suspended_for     TEXT NOT NULL,
    suspended_by_role TEXT NOT NULL,
    suspended_by      TEXT NOT NULL,
    suspended_on      TEXT,
    suspended_note    TEXT NOT NULL,
    promotions        TEXT,
    exemption_code    TEXT NOT NULL,
    exemption_from    TEXT,
    currency          TEXT NOT NULL,
    credit_limit      TEXT,
    parked_code       TEXT NOT NULL,
    parked_reason     TEXT NOT NULL,
    parked_on         TEXT
) STRICT;
CREATE UNIQUE INDEX billing_accounts_name ON billing_accounts (seller, name);
CREATE INDEX billing_accounts_seller ON billing_accounts (seller, id);
-- By day and then by ID: the pages of a run come from it in order, however many
-- accounts are due, and a run that finds nothing reads nothing.
CREATE INDEX billing_accounts_due ON billing_accounts (next, id) WHERE next IS NOT NULL AND parked_code = '';
CREATE INDEX billing_accounts_parked ON billing_accounts (id) WHERE parked_code <> '';

CREATE TABLE billing_holdings (
    account            INTEGER NOT NULL,
    resource           TEXT NOT NULL,
    quantity           TEXT NOT NULL,
    paid               TEXT NOT NULL,
    top                TEXT NOT NULL,
    limits             TEXT,
    setup_units        TEXT NOT NULL,
    setup_paid         TEXT NOT NULL,
    setup_total        TEXT NOT NULL,
    setup_discount     TEXT NOT NULL,
    recurring_total    TEXT NOT NULL,
    recurring_discount TEXT NOT NULL,
    kept               INTEGER NOT NULL,
    trial_use          TEXT NOT NULL,
    PRIMARY KEY (account, resource)
) STRICT, WITHOUT ROWID;

CREATE TABLE billing_periods (
    account      INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    starts       TEXT,
    ends         TEXT,
    period       TEXT NOT NULL,
    plan         TEXT NOT NULL,
    plan_version INTEGER NOT NULL,
    opened       TEXT NOT NULL,
    PRIMARY KEY (account, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE billing_usage (
    account  INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    resource TEXT NOT NULL,
    day      TEXT,
    amount   TEXT NOT NULL,
    key      TEXT NOT NULL,
    recorded INTEGER NOT NULL,
    PRIMARY KEY (account, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX billing_usage_key ON billing_usage (account, resource, key) WHERE key <> '';

-- Entries and documents are wide and written in the order of the run: as tables with
-- a rowid they grow at one end, and only their narrow indexes in the middle.
CREATE TABLE billing_entries (
    account   INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    seller    TEXT NOT NULL,
    date      TEXT,
    document  INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    resource  TEXT NOT NULL,
    quantity  TEXT NOT NULL,
    starts    TEXT,
    ends      TEXT,
    amount    INTEGER,
    currency  TEXT NOT NULL,
    corrects  INTEGER NOT NULL,
    recorded  INTEGER NOT NULL,
    reference TEXT NOT NULL,
    basis     TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX billing_entries_id ON billing_entries (account, seq);
CREATE INDEX billing_entries_date ON billing_entries (seller, date, account, seq);

CREATE TABLE billing_documents (
    account     INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    seller      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    number      INTEGER,
    date        TEXT,
    issued      TEXT,
    currency    TEXT NOT NULL,
    net         INTEGER,
    tax         INTEGER,
    total       INTEGER,
    first_entry INTEGER NOT NULL,
    last_entry  INTEGER NOT NULL,
    recorded    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX billing_documents_id ON billing_documents (account, seq);
CREATE UNIQUE INDEX billing_documents_number ON billing_documents (seller, kind, number) WHERE number IS NOT NULL;
CREATE INDEX billing_documents_date ON billing_documents (seller, date, account, seq);

-- One row per series, which numbers its documents without gaps.
CREATE TABLE billing_series (
    seller TEXT NOT NULL,
    kind   TEXT NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (seller, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE billing_keys (
    scope          TEXT NOT NULL,          -- "seller/acme", "account/42"
    action         TEXT NOT NULL,
    key            TEXT NOT NULL,
    fingerprint    BLOB,
    account        INTEGER NOT NULL,
    entry_after    INTEGER NOT NULL,
    entry_last     INTEGER NOT NULL,
    document_after INTEGER NOT NULL,
    document_last  INTEGER NOT NULL,
    recorded       INTEGER NOT NULL,
    PRIMARY KEY (scope, action, key)
) STRICT, WITHOUT ROWID;

-- The books are never changed, whoever tries. Inserting pays nothing for these.
CREATE TRIGGER billing_entries_no_update BEFORE UPDATE ON billing_entries
BEGIN SELECT RAISE(ABORT, 'billing_entries is append-only: corrections are new entries'); END;
CREATE TRIGGER billing_entries_no_delete BEFORE DELETE ON billing_entries
BEGIN SELECT RAISE(ABORT, 'billing_entries is append-only: corrections are new entries'); END;
CREATE TRIGGER billing_documents_no_update BEFORE UPDATE ON billing_documents
BEGIN SELECT RAISE(ABORT, 'billing_documents is append-only: corrections are new documents'); END;
CREATE TRIGGER billing_documents_no_delete BEFORE DELETE ON billing_documents
BEGIN SELECT RAISE(ABORT, 'billing_documents is append-only: corrections are new documents'); END;
CREATE TRIGGER billing_periods_no_update BEFORE UPDATE ON billing_periods
BEGIN SELECT RAISE(ABORT, 'billing_periods is append-only'); END;
CREATE TRIGGER billing_periods_no_delete BEFORE DELETE ON billing_periods
BEGIN SELECT RAISE(ABORT, 'billing_periods is append-only'); END;
CREATE TRIGGER billing_usage_no_update BEFORE UPDATE ON billing_usage
BEGIN SELECT RAISE(ABORT, 'billing_usage is append-only'); END;
CREATE TRIGGER billing_usage_no_delete BEFORE DELETE ON billing_usage
BEGIN SELECT RAISE(ABORT, 'billing_usage is append-only'); END;
