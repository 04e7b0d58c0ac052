-- The brands of package label. A brand is JSON: it is read and written whole.

CREATE TABLE label_brands (
    seller  TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    brand   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A host name belongs to one brand only.
CREATE TABLE label_hosts (
    host   TEXT NOT NULL PRIMARY KEY,
    seller TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX label_hosts_seller ON label_hosts (seller);
