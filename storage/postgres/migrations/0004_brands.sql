-- The brands of package label. A brand is JSON: it is read and written whole.

CREATE TABLE {{schema}}.label_brands (
    seller  text COLLATE "C" PRIMARY KEY,
    version bigint NOT NULL,
    brand   json NOT NULL
);

-- A host name belongs to one brand only.
CREATE TABLE {{schema}}.label_hosts (
    host   text COLLATE "C" PRIMARY KEY,
    seller text COLLATE "C" NOT NULL
);
CREATE INDEX label_hosts_seller ON {{schema}}.label_hosts (seller);
