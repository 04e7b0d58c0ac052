-- The books of package billing.
--
-- Texts compare byte by byte, as Go does, so that pages come in the same order from
-- every store. Dates are civil; NULL is none. Amounts are minor units of the row's
-- currency, written "USD:2" with its digits. Exact fractions ("7/3") are text.

CREATE FUNCTION {{schema}}.tierhost_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % refused: its rows are never changed or removed', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'Corrections are new entries that name what they correct.';
END
$$;

-- Raises what a transaction that came too late is told.
CREATE FUNCTION {{schema}}.tierhost_conflict(written bigint, given bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % accounts written: the others have another version', written, given
        USING ERRCODE = 'serialization_failure';
END
$$;

CREATE SEQUENCE {{schema}}.billing_revisions;
CREATE TABLE {{schema}}.billing_meta (
    id       integer PRIMARY KEY CHECK (id = 1),
    revision bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO {{schema}}.billing_meta (id, revision) VALUES (1, 0);

CREATE TABLE {{schema}}.billing_resources (
    id        text COLLATE "C" PRIMARY KEY,
    kind      text COLLATE "C" NOT NULL,
    step      numeric NOT NULL,
    aggregate text COLLATE "C" NOT NULL,
    unit      text NOT NULL,
    measures  text COLLATE "C" NOT NULL
);

CREATE TABLE {{schema}}.billing_sellers (
    id        text COLLATE "C" PRIMARY KEY,
    name      text NOT NULL,
    currency  text COLLATE "C" NOT NULL,
    rounding  text COLLATE "C" NOT NULL,
    time_zone text COLLATE "C" NOT NULL,
    taxes     text
);

CREATE TABLE {{schema}}.billing_plans (
    seller     text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    name       text NOT NULL,
    open       boolean NOT NULL,
    plan_group text COLLATE "C" NOT NULL,
    access     text COLLATE "C" NOT NULL,
    from_plans text,
    latest     bigint NOT NULL,
    PRIMARY KEY (seller, id)
);

CREATE TABLE {{schema}}.billing_plan_versions (
    seller    text COLLATE "C" NOT NULL,
    plan      text COLLATE "C" NOT NULL,
    version   bigint NOT NULL,
    published timestamptz NOT NULL,
    terms     json NOT NULL,               -- not jsonb: it must come back exactly
    PRIMARY KEY (seller, plan, version)
);

CREATE SEQUENCE {{schema}}.billing_account_ids;
CREATE TABLE {{schema}}.billing_accounts (
    id                bigint PRIMARY KEY,
    seller            text COLLATE "C" NOT NULL,
    name              text COLLATE "C" NOT NULL,
    version           bigint NOT NULL,
    plan              text COLLATE "C" NOT NULL,
    plan_version      bigint NOT NULL,
    period            text COLLATE "C" NOT NULL,
    status            text COLLATE "C" NOT NULL,
    signed_up         date,
    activated         date,
    anchor            date,
    closed            date,
    period_from       date,
    period_to         date,
    month_from        date,
    month_to          date,
    month_charged     boolean NOT NULL,
    lapsed            boolean NOT NULL,
    cancelling        boolean NOT NULL,
    trial_ends        date,
    pending_period    text COLLATE "C" NOT NULL,
    pending_plan      text COLLATE "C" NOT NULL,
    pending_version   bigint NOT NULL,
    refund_percent    numeric NOT NULL,
    money_back_days   bigint NOT NULL,
    suspended_for     text COLLATE "C" NOT NULL,
    suspended_by_role text COLLATE "C" NOT NULL,
    suspended_by      text NOT NULL,
    suspended_on      date,
    suspended_note    text NOT NULL,
    stretches         text,
    promotions        text,
    exemption_code    text NOT NULL,
    exemption_from    date,
    tax_charged       text,
    currency          text COLLATE "C" NOT NULL,
    balance           bigint,
    credit_limit      numeric,
    next              date,
    parked_code       text COLLATE "C" NOT NULL,
    parked_reason     text NOT NULL,
    parked_on         date,
    entry_seq         bigint NOT NULL,
    document_seq      bigint NOT NULL,
    period_seq        bigint NOT NULL,
    meter_scan        bigint NOT NULL,
    meter_seen        bigint NOT NULL,
    last_run          bigint,
    last_run_on       date,
    acted_on          date,
    debt_since        date
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX billing_accounts_name ON {{schema}}.billing_accounts (seller, name);
CREATE INDEX billing_accounts_seller ON {{schema}}.billing_accounts (seller, id);
CREATE INDEX billing_accounts_due ON {{schema}}.billing_accounts (next, id)
    WHERE next IS NOT NULL AND parked_code = '';
CREATE INDEX billing_accounts_parked ON {{schema}}.billing_accounts (id) WHERE parked_code <> '';

CREATE TABLE {{schema}}.billing_holdings (
    account            bigint NOT NULL,
    resource           text COLLATE "C" NOT NULL,
    quantity           numeric NOT NULL,
    paid               numeric NOT NULL,
    top                numeric NOT NULL,
    limits             text,
    setup_units        numeric NOT NULL,
    setup_paid         text COLLATE "C" NOT NULL,
    setup_total        text COLLATE "C" NOT NULL,
    setup_discount     text COLLATE "C" NOT NULL,
    recurring_total    text COLLATE "C" NOT NULL,
    recurring_discount text COLLATE "C" NOT NULL,
    kept               bigint NOT NULL,
    trial_use          numeric NOT NULL,
    PRIMARY KEY (account, resource)
) WITH (fillfactor = 70);

CREATE TABLE {{schema}}.billing_periods (
    account      bigint NOT NULL,
    seq          bigint NOT NULL,
    starts       date,
    ends         date,
    period       text COLLATE "C" NOT NULL,
    plan         text COLLATE "C" NOT NULL,
    plan_version bigint NOT NULL,
    opened       text COLLATE "C" NOT NULL,
    PRIMARY KEY (account, seq)
);

CREATE SEQUENCE {{schema}}.billing_usage_seq;
CREATE TABLE {{schema}}.billing_usage (
    account  bigint NOT NULL,
    seq      bigint NOT NULL DEFAULT nextval('{{schema}}.billing_usage_seq'),
    resource text COLLATE "C" NOT NULL,
    day      date,
    amount   numeric NOT NULL,
    key      text COLLATE "C" NOT NULL,
    recorded timestamptz NOT NULL,
    PRIMARY KEY (account, seq)
);
CREATE UNIQUE INDEX billing_usage_key ON {{schema}}.billing_usage (account, resource, key) WHERE key <> '';

CREATE TABLE {{schema}}.billing_entries (
    account   bigint NOT NULL,
    seq       bigint NOT NULL,
    seller    text COLLATE "C" NOT NULL,
    date      date,
    document  bigint NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    resource  text COLLATE "C" NOT NULL,
    quantity  numeric NOT NULL,
    starts    date,
    ends      date,
    currency  text COLLATE "C" NOT NULL,
    amount    bigint,
    reference text NOT NULL,
    corrects  bigint NOT NULL,
    basis     text NOT NULL,
    recorded  timestamptz NOT NULL,
    PRIMARY KEY (account, seq)
);
CREATE INDEX billing_entries_date ON {{schema}}.billing_entries (seller, date, account, seq);

CREATE TABLE {{schema}}.billing_documents (
    account     bigint NOT NULL,
    seq         bigint NOT NULL,
    seller      text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    number      bigint,
    date        date,
    issued      date,
    currency    text COLLATE "C" NOT NULL,
    net         bigint,
    tax         bigint,
    total       bigint,
    first_entry bigint NOT NULL,
    last_entry  bigint NOT NULL,
    recorded    timestamptz NOT NULL,
    PRIMARY KEY (account, seq)
);
CREATE UNIQUE INDEX billing_documents_number ON {{schema}}.billing_documents (seller, kind, number)
    WHERE number IS NOT NULL;
CREATE INDEX billing_documents_date ON {{schema}}.billing_documents (seller, date, account, seq);

-- One row per series, which numbers its documents without gaps: a sequence would
-- leave one at every rollback.
CREATE TABLE {{schema}}.billing_series (
    seller text COLLATE "C" NOT NULL,
    kind   text COLLATE "C" NOT NULL,
    last   bigint NOT NULL,
    PRIMARY KEY (seller, kind)
) WITH (fillfactor = 10);

CREATE TABLE {{schema}}.billing_keys (
    scope          text COLLATE "C" NOT NULL,
    action         text COLLATE "C" NOT NULL,
    key            text COLLATE "C" NOT NULL,
    fingerprint    bytea,
    account        bigint NOT NULL,
    entry_after    bigint NOT NULL,
    entry_last     bigint NOT NULL,
    document_after bigint NOT NULL,
    document_last  bigint NOT NULL,
    recorded       timestamptz NOT NULL,
    PRIMARY KEY (scope, action, key)
);

-- Per statement, so that inserting pays nothing; ALWAYS, so that
-- session_replication_role does not get around them.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {{schema}}.billing_periods
    FOR EACH STATEMENT EXECUTE FUNCTION {{schema}}.tierhost_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {{schema}}.billing_usage
    FOR EACH STATEMENT EXECUTE FUNCTION {{schema}}.tierhost_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {{schema}}.billing_entries
    FOR EACH STATEMENT EXECUTE FUNCTION {{schema}}.tierhost_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {{schema}}.billing_documents
    FOR EACH STATEMENT EXECUTE FUNCTION {{schema}}.tierhost_append_only();
ALTER TABLE {{schema}}.billing_periods ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE {{schema}}.billing_usage ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE {{schema}}.billing_entries ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE {{schema}}.billing_documents ENABLE ALWAYS TRIGGER append_only;
