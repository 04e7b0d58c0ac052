-- The books of package reseller, and what billing keeps of resellers. Values are
-- written as in 0002_billing.sql.

ALTER TABLE billing_sellers ADD COLUMN parent TEXT NOT NULL DEFAULT '';
ALTER TABLE billing_sellers ADD COLUMN double INTEGER NOT NULL DEFAULT 0; -- its account at the parent

ALTER TABLE billing_accounts ADD COLUMN above TEXT;                       -- doubles of the sellers above, the highest first
ALTER TABLE billing_accounts ADD COLUMN sells TEXT NOT NULL DEFAULT '';   -- the seller whose double it is
ALTER TABLE billing_accounts ADD COLUMN suspended_cause INTEGER NOT NULL DEFAULT 0;

ALTER TABLE billing_usage ADD COLUMN source INTEGER NOT NULL DEFAULT 0;   -- account below that it comes from
ALTER TABLE billing_usage ADD COLUMN rolled_up TEXT;                      -- doubles above that got a copy

-- Who is due, of which seller and below whom, without a look at the accounts.
DROP INDEX billing_accounts_due;
CREATE INDEX billing_accounts_due ON billing_accounts (next, id, seller, above) WHERE next IS NOT NULL AND parked_code = '';

-- What resellers pay for what their customers hold. The accounts need not be there
-- yet: they are written after these in a transaction.
CREATE TABLE reseller_holdings (
    account         INTEGER NOT NULL,
    seller          TEXT NOT NULL,
    resource        TEXT NOT NULL,
    pooled          TEXT NOT NULL,
    billable        TEXT NOT NULL,
    charged         TEXT NOT NULL,
    list_plan       TEXT NOT NULL,
    list_version    INTEGER NOT NULL,
    limits          TEXT,
    setup_total     TEXT NOT NULL,
    recurring_total TEXT NOT NULL,
    PRIMARY KEY (account, seller, resource)
) STRICT, WITHOUT ROWID;
CREATE INDEX reseller_holdings_seller ON reseller_holdings (seller, account, resource);

CREATE TABLE reseller_stocks (
    seller   TEXT NOT NULL,
    resource TEXT NOT NULL,                -- '' counts customers
    pooled   TEXT NOT NULL,
    returns  TEXT,
    bound    TEXT,                         -- the most that customers may hold; NULL: no bound
    held     TEXT NOT NULL,
    PRIMARY KEY (seller, resource)
) STRICT, WITHOUT ROWID;

CREATE TABLE reseller_books (
    seller  TEXT NOT NULL PRIMARY KEY,
    through TEXT                           -- the last day that is closed
) STRICT, WITHOUT ROWID;

-- As billing_entries: wide, and written at the end.
CREATE TABLE reseller_shadows (
    seq          INTEGER PRIMARY KEY,
    seller       TEXT NOT NULL,
    account      INTEGER NOT NULL,
    date         TEXT,
    day          TEXT NOT NULL,            -- with which it is billed; part of keys, so '' is none
    kind         TEXT NOT NULL,
    resource     TEXT NOT NULL,
    quantity     TEXT NOT NULL,
    starts       TEXT,
    ends         TEXT,
    amount       INTEGER,
    currency     TEXT NOT NULL,
    entry        INTEGER NOT NULL,
    plan         TEXT NOT NULL,
    plan_version INTEGER NOT NULL,
    recorded     INTEGER NOT NULL,
    basis        TEXT NOT NULL
) STRICT;
-- The pages of a seller in order, and the sums of a day without a look at the shadows.
CREATE INDEX reseller_shadows_day ON reseller_shadows (seller, day, seq, resource, currency, amount);
-- By account first: a run writes the shadows of one account after the other.
CREATE INDEX reseller_shadows_account ON reseller_shadows (account, seller, day, seq);

CREATE TABLE reseller_bills (
    seller   TEXT NOT NULL,
    day      TEXT NOT NULL,
    resource TEXT NOT NULL,
    amount   INTEGER,
    currency TEXT NOT NULL,
    shadows  INTEGER NOT NULL,
    account  INTEGER NOT NULL,
    document INTEGER NOT NULL,
    entry    INTEGER NOT NULL,
    recorded INTEGER NOT NULL,
    PRIMARY KEY (seller, day, resource)
) STRICT, WITHOUT ROWID;

CREATE TABLE reseller_transfers (
    account     INTEGER PRIMARY KEY,
    from_seller TEXT NOT NULL,
    to_seller   TEXT NOT NULL,
    name        TEXT NOT NULL,
    plan        TEXT NOT NULL,
    period      TEXT NOT NULL,
    state       TEXT NOT NULL,
    opened      INTEGER NOT NULL,
    requested   TEXT,
    ended       TEXT,
    reason      TEXT NOT NULL,
    by_role     TEXT NOT NULL,
    by_name     TEXT NOT NULL
) STRICT;
CREATE INDEX reseller_transfers_state ON reseller_transfers (state, account);

CREATE TRIGGER reseller_shadows_no_update BEFORE UPDATE ON reseller_shadows
BEGIN SELECT RAISE(ABORT, 'reseller_shadows is append-only: corrections are new shadows'); END;
CREATE TRIGGER reseller_shadows_no_delete BEFORE DELETE ON reseller_shadows
BEGIN SELECT RAISE(ABORT, 'reseller_shadows is append-only: corrections are new shadows'); END;
CREATE TRIGGER reseller_bills_no_update BEFORE UPDATE ON reseller_bills
BEGIN SELECT RAISE(ABORT, 'reseller_bills is append-only'); END;
CREATE TRIGGER reseller_bills_no_delete BEFORE DELETE ON reseller_bills
BEGIN SELECT RAISE(ABORT, 'reseller_bills is append-only'); END;
