-- The rows of package support: JSON, read and written whole, and the lists that they stand
-- in.

CREATE TABLE {{schema}}.support_rows (
    kind    text COLLATE "C" NOT NULL,
    id      text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    doc     json NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE TABLE {{schema}}.support_places (
    list text COLLATE "C" NOT NULL,
    sort text COLLATE "C" NOT NULL,
    id   text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    PRIMARY KEY (list, sort, id, kind)
);
CREATE INDEX support_places_row ON {{schema}}.support_places (kind, id);

-- The last numbers that were drawn.
CREATE TABLE {{schema}}.support_counters (
    counter text COLLATE "C" PRIMARY KEY,
    number  bigint NOT NULL
);
