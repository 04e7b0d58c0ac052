-- The rows of package support: JSON, read and written whole, and the lists that they stand
-- in.

CREATE TABLE support_rows (
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    version INTEGER NOT NULL,
    doc     TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT;

CREATE TABLE support_places (
    list TEXT NOT NULL,
    sort TEXT NOT NULL,
    id   TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (list, sort, id, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX support_places_row ON support_places (kind, id);

-- The last numbers that were drawn.
CREATE TABLE support_counters (
    counter TEXT NOT NULL PRIMARY KEY,
    number  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
