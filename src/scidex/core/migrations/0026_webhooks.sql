-- Who is told of what happens, up to where, and how the latest attempts went. These tables are no part of the state
-- that the journal makes: to lose them loses no value, and a secret has no place in a journal that people export.

CREATE TABLE IF NOT EXISTS webhook (
  webhook text PRIMARY KEY,
  owner text NOT NULL,
  url text NOT NULL,
  topics text[] NOT NULL,
  subject text,
  private boolean NOT NULL,           -- whether it may lead to addresses that are not public
  secret text NOT NULL,               -- signs every message, so it is kept as it is; empty once removed
  state text NOT NULL CHECK (state IN ('active', 'disabled', 'removed')),
  reason text,                        -- why it was disabled
  number bigint NOT NULL,             -- everything up to this line of this journal row was delivered or not wanted
  line integer NOT NULL,
  delivered bigint NOT NULL,
  attempts bigint NOT NULL,
  failures integer NOT NULL,          -- in a row
  failing_since timestamptz,
  next_at timestamptz NOT NULL,
  lease text,                         -- of the process that delivers
  leased_until timestamptz,
  created_at timestamptz NOT NULL,
  delivered_at timestamptz,
  CHECK ((failures > 0) = (failing_since IS NOT NULL)),
  CHECK ((lease IS NULL) = (leased_until IS NULL))
) WITH (fillfactor = 50); -- few rows, hot ones: room on the page for their new versions

CREATE TABLE IF NOT EXISTS webhook_attempt (
  webhook text NOT NULL,
  slot integer NOT NULL,              -- the attempt's number modulo how many are kept
  attempt bigint NOT NULL,
  at timestamptz NOT NULL,
  event text NOT NULL,
  status integer,
  ms integer NOT NULL,
  problem text,
  PRIMARY KEY (webhook, slot)
);

GRANT SELECT, INSERT, UPDATE ON webhook, webhook_attempt TO scidex_app;

-- Pools are few among very many accounts, and whoever watches asks for them every few seconds.
CREATE INDEX IF NOT EXISTS ledger_account_pools ON ledger_account (owner, unit) WHERE purpose = 'pool';
