-- Resellers: sellers form a tree, accounts know who is above them, and the books of
-- package reseller.

ALTER TABLE {{schema}}.billing_sellers
    ADD COLUMN parent  text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN account bigint NOT NULL DEFAULT 0; -- its double

-- Lists of accounts are written "1,20,300"; '' is none.
ALTER TABLE {{schema}}.billing_accounts
    ADD COLUMN above          text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN sells          text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN suspended_with bigint NOT NULL DEFAULT 0;

ALTER TABLE {{schema}}.billing_usage
    ADD COLUMN source    bigint NOT NULL DEFAULT 0,
    ADD COLUMN rolled_up text COLLATE "C" NOT NULL DEFAULT '';

-- With all that a run asks of the accounts that are due, so that it is read from the
-- index alone where the table was vacuumed.
DROP INDEX {{schema}}.billing_accounts_due;
CREATE INDEX billing_accounts_due ON {{schema}}.billing_accounts (next, id) INCLUDE (seller, above)
    WHERE next IS NOT NULL AND parked_code = '';

CREATE TABLE {{schema}}.reseller_holdings (
    account         bigint NOT NULL,
    seller          text COLLATE "C" NOT NULL,
    resource        text COLLATE "C" NOT NULL,
    pooled          numeric NOT NULL,
    billable        numeric NOT NULL,
    charged         numeric NOT NULL,
    list_plan       text COLLATE "C" NOT NULL,
    list_version    bigint NOT NULL,
    limits          text,
    setup_total     text COLLATE "C" NOT NULL,
    recurring_total text COLLATE "C" NOT NULL,
    PRIMARY KEY (account, seller, resource)
) WITH (fillfactor = 70);
CREATE INDEX reseller_holdings_seller ON {{schema}}.reseller_holdings (seller, account, resource);

-- One that is made in order to be locked is empty.
CREATE TABLE {{schema}}.reseller_stocks (
    seller   text COLLATE "C" NOT NULL,
    resource text COLLATE "C" NOT NULL,
    pooled   numeric NOT NULL DEFAULT 0,
    returns  text,
    most     numeric,                      -- the limit
    held     numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (seller, resource)
) WITH (fillfactor = 30);

CREATE TABLE {{schema}}.reseller_books (
    seller  text COLLATE "C" PRIMARY KEY,
    through date
) WITH (fillfactor = 50);

-- The days with which shadows and bills are billed are part of keys: no day at all is
-- the one before 1 January of the year 1.
CREATE SEQUENCE {{schema}}.reseller_shadow_seq;
CREATE TABLE {{schema}}.reseller_shadows (
    seq          bigint NOT NULL DEFAULT nextval('{{schema}}.reseller_shadow_seq'),
    seller       text COLLATE "C" NOT NULL,
    account      bigint NOT NULL,
    date         date,
    day          date NOT NULL,
    kind         text COLLATE "C" NOT NULL,
    resource     text COLLATE "C" NOT NULL,
    quantity     numeric NOT NULL,
    starts       date,
    ends         date,
    currency     text COLLATE "C" NOT NULL,
    amount       bigint,
    entry        bigint NOT NULL,
    plan         text COLLATE "C" NOT NULL,
    plan_version bigint NOT NULL,
    basis        text NOT NULL,
    recorded     timestamptz NOT NULL,
    -- Lists a seller's in order, and adds a day up without the table.
    PRIMARY KEY (seller, day, seq) INCLUDE (resource, currency, amount)
);
-- By account first: a run writes the shadows of one account after the other.
CREATE INDEX reseller_shadows_account ON {{schema}}.reseller_shadows (account, seller, day, seq);

CREATE TABLE {{schema}}.reseller_bills (
    seller   text COLLATE "C" NOT NULL,
    day      date NOT NULL,
    resource text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount   bigint,
    shadows  bigint NOT NULL,
    account  bigint NOT NULL,
    document bigint NOT NULL,
    entry    bigint NOT NULL,
    recorded timestamptz NOT NULL,
    PRIMARY KEY (seller, day, resource)
);

CREATE TABLE {{schema}}.reseller_transfers (
    account     bigint PRIMARY KEY,
    from_seller text COLLATE "C" NOT NULL,
    to_seller   text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    plan        text COLLATE "C" NOT NULL,
    period      text COLLATE "C" NOT NULL,
    state       text COLLATE "C" NOT NULL,
    opened      bigint NOT NULL,
    requested   date,
    ended       date,
    reason      text COLLATE "C" NOT NULL,
    by_role     text COLLATE "C" NOT NULL,
    by_name     text NOT NULL
);
CREATE INDEX reseller_transfers_state ON {{schema}}.reseller_transfers (state, account);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {{schema}}.reseller_shadows
    FOR EACH STATEMENT EXECUTE FUNCTION {{schema}}.tierhost_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {{schema}}.reseller_bills
    FOR EACH STATEMENT EXECUTE FUNCTION {{schema}}.tierhost_append_only();
ALTER TABLE {{schema}}.reseller_shadows ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE {{schema}}.reseller_bills ENABLE ALWAYS TRIGGER append_only;
