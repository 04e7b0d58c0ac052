-- Accounts that are cancelled because they go on at another seller.

ALTER TABLE {{schema}}.billing_accounts ADD COLUMN leaving boolean NOT NULL DEFAULT false;
