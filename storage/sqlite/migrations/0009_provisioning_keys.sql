-- The key of a request for room is its seller's: others may have the same.

DROP INDEX provisioning_reservations_key;
CREATE UNIQUE INDEX provisioning_reservations_key
    ON provisioning_reservations (key, ifnull(json_extract(doc, '$.seller'), ''), position) WHERE key IS NOT NULL;
