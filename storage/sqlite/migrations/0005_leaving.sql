-- Accounts that are cancelled because they go on at another seller.

ALTER TABLE billing_accounts ADD COLUMN leaving INTEGER NOT NULL DEFAULT 0;
