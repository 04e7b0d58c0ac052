-- The key of a request for room is its seller's: others may have the same.

DROP INDEX {{schema}}.provisioning_reservations_key;
CREATE UNIQUE INDEX provisioning_reservations_key
    ON {{schema}}.provisioning_reservations (key, coalesce(doc ->> 'seller', ''), position) WHERE key IS NOT NULL;
