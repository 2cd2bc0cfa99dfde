-- The ledger: one row per account with its balance, one row per movement with both sides and both balances after.
-- The sum of all balances of a unit is zero by construction: every movement takes from one account what it adds to
-- another, in one row.

CREATE TABLE IF NOT EXISTS ledger_account (
  owner text NOT NULL,
  purpose text NOT NULL,
  unit text NOT NULL,
  balance bigint NOT NULL,
  held bigint NOT NULL,
  PRIMARY KEY (owner, purpose, unit),
  CHECK (held >= 0),
  CHECK ((owner, purpose) = ('system', 'issuance') OR balance >= held)
) WITH (fillfactor = 80); -- room on the page for the new version of a hot balance

CREATE TABLE IF NOT EXISTS token_ledger (
  number bigint NOT NULL,
  leg integer NOT NULL,
  at timestamptz NOT NULL,
  debit_owner text NOT NULL,
  debit_purpose text NOT NULL,
  credit_owner text NOT NULL,
  credit_purpose text NOT NULL,
  unit text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  debit_balance bigint NOT NULL,
  credit_balance bigint NOT NULL,
  reason text NOT NULL,
  PRIMARY KEY (number, leg),
  CHECK ((debit_owner, debit_purpose) IS DISTINCT FROM (credit_owner, credit_purpose))
);
CREATE INDEX IF NOT EXISTS token_ledger_debit ON token_ledger (debit_owner, number, leg);
CREATE INDEX IF NOT EXISTS token_ledger_credit ON token_ledger (credit_owner, number, leg);

CREATE OR REPLACE VIEW ledger_entry AS
  SELECT number, leg, at, debit_owner AS owner, debit_purpose AS purpose, unit, -amount AS amount,
         debit_balance AS balance, credit_owner AS other_owner, credit_purpose AS other_purpose, reason
  FROM token_ledger
  UNION ALL
  SELECT number, leg, at, credit_owner, credit_purpose, unit, amount,
         credit_balance, debit_owner, debit_purpose, reason
  FROM token_ledger;

CREATE TABLE IF NOT EXISTS ledger_hold (
  hold text PRIMARY KEY,
  debit_owner text NOT NULL,
  debit_purpose text NOT NULL,
  credit_owner text NOT NULL,
  credit_purpose text NOT NULL,
  unit text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  posted bigint NOT NULL CHECK (posted BETWEEN 0 AND amount),
  state text NOT NULL CHECK (state IN ('pending', 'posted', 'voided', 'expired')),
  placed_by text NOT NULL,
  placed_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  reason text NOT NULL,
  CHECK ((state = 'pending') = (ended_at IS NULL)),
  CHECK ((state = 'posted') = (posted > 0))
);
CREATE INDEX IF NOT EXISTS ledger_hold_due ON ledger_hold (expires_at) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS ledger_hold_debit ON ledger_hold (debit_owner, placed_at);

GRANT SELECT, INSERT, UPDATE ON ledger_account, ledger_hold TO scidex_app;
GRANT SELECT, INSERT ON token_ledger TO scidex_app;
GRANT SELECT ON ledger_entry TO scidex_app;
