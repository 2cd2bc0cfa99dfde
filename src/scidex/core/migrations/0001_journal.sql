-- The journal is the truth: every accepted command with its result, in an order in which they could have run.
-- All other tables are its projection. Immutability is by privilege: the role scidex_app may add rows, nothing else.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'scidex_app') THEN
    CREATE ROLE scidex_app NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL; -- another database of the same server was migrated at the same moment
END $$;

DO $$
BEGIN
  -- Whoever made a role may give it away but not take it on, since PostgreSQL 16; a superuser needs neither.
  IF NOT pg_has_role(current_user, 'scidex_app', 'MEMBER') THEN
    EXECUTE format('GRANT scidex_app TO %I', current_user);
  END IF;
END $$;

DO $$
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO scidex_app', current_schema());
END $$;

CREATE SEQUENCE IF NOT EXISTS journal_number;

CREATE TABLE IF NOT EXISTS journal (
  number bigint PRIMARY KEY,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  key text,
  kind text NOT NULL,
  policy integer NOT NULL,
  command text NOT NULL,
  receipt text NOT NULL,
  -- Sealed blocks cover whole ranges of transaction ids, because numbers are drawn before the commit and so are not
  -- the order of commits, while everything below pg_snapshot_xmin has ended for good.
  transaction_id bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint
);
CREATE UNIQUE INDEX IF NOT EXISTS journal_key ON journal (actor, key) WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS journal_transaction ON journal (transaction_id);

CREATE TABLE IF NOT EXISTS journal_block (
  height bigint PRIMARY KEY,
  from_transaction bigint NOT NULL,
  below_transaction bigint NOT NULL,
  first_number bigint NOT NULL,
  last_number bigint NOT NULL,
  leaves bytea NOT NULL,        -- the rows' leaf hashes in order of number, 32 bytes each
  root bytea NOT NULL,          -- Merkle root over them (RFC 9162)
  previous bytea NOT NULL,      -- hash of the block below, 32 zero bytes for the first
  hash bytea NOT NULL,
  sealed_at timestamptz NOT NULL,
  CHECK (length(leaves) % 32 = 0 AND length(leaves) > 0),
  CHECK (from_transaction < below_transaction)
);

GRANT SELECT ON scidex_migration TO scidex_app;
GRANT SELECT, INSERT ON journal, journal_block TO scidex_app;
GRANT USAGE ON SEQUENCE journal_number TO scidex_app;
