-- Budgets that bind: what operators set, what is reserved, the caps, and what people should see. Amounts in parts of the
-- unit. What was granted, spent and is set aside stands in the ledger's accounts and nowhere else.

CREATE TABLE IF NOT EXISTS resource_budgets (
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  pool text,
  llm_reasoning_budget bigint CHECK (llm_reasoning_budget >= 0),
  llm_standard_budget bigint CHECK (llm_standard_budget >= 0),
  llm_batch_budget bigint CHECK (llm_batch_budget >= 0),
  cpu_parts bigint CHECK (cpu_parts >= 0),
  storage_parts bigint CHECK (storage_parts >= 0),
  api_call_budget bigint CHECK (api_call_budget >= 0),
  usd_parts bigint CHECK (usd_parts >= 0),
  storage_hours integer NOT NULL,
  priority_score double precision,
  market_weight double precision CHECK (market_weight BETWEEN -1 AND 1),
  roi_score double precision,
  cycle text,
  updated_at timestamptz NOT NULL,
  version integer NOT NULL,
  used_at timestamptz NOT NULL,
  noticed_at timestamptz,
  token_budget bigint GENERATED ALWAYS AS (
    coalesce(llm_reasoning_budget, 0) + coalesce(llm_standard_budget, 0) + coalesce(llm_batch_budget, 0)
  ) STORED,
  cpu_budget numeric GENERATED ALWAYS AS (cpu_parts / 1000.0) STORED,
  storage_budget_gb numeric GENERATED ALWAYS AS (storage_parts / 1000000.0 / storage_hours) STORED,
  usd_budget numeric GENERATED ALWAYS AS (usd_parts / 1000000.0) STORED,
  PRIMARY KEY (entity_type, entity_id)
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS resource_budgets_noticed ON resource_budgets (noticed_at) WHERE noticed_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS budget_reservation (
  reservation text PRIMARY KEY,
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  actor text NOT NULL,
  units text[] NOT NULL,
  amounts bigint[] NOT NULL,
  usd bigint NOT NULL CHECK (usd >= 0),
  counted text[] NOT NULL,            -- the limits that hold it, as "scope unit"
  model text,
  provider text,
  work_item text,
  max_output_tokens bigint,
  estimated boolean NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'settled', 'voided', 'expired')),
  late boolean NOT NULL,
  placed_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  used_units text[] NOT NULL,
  used_amounts bigint[] NOT NULL,
  used_usd bigint NOT NULL CHECK (used_usd >= 0),
  CHECK ((state = 'open') = (ended_at IS NULL)),
  CHECK (cardinality(units) = cardinality(amounts)),
  CHECK (cardinality(used_units) = cardinality(used_amounts)),
  CHECK (state = 'settled' OR (cardinality(used_units) = 0 AND used_usd = 0))
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS budget_reservation_due ON budget_reservation (expires_at) WHERE state = 'open';
-- Open reservations are few: those of one artifact are found among the open ones. An index on the artifact would be
-- written twice for every reservation.

CREATE TABLE IF NOT EXISTS budget_limit (
  scope text NOT NULL CHECK (scope IN ('fleet', 'actor', 'provider', 'entity')),
  subject text NOT NULL,
  unit text NOT NULL,
  window_sort text NOT NULL CHECK (window_sort IN ('second', 'day', 'total')),
  cap bigint CHECK (cap >= 0),        -- NULL: the policy's
  used bigint NOT NULL CHECK (used >= 0),
  held bigint NOT NULL CHECK (held >= 0),
  window_started_at timestamptz NOT NULL,
  warned boolean NOT NULL,
  override_cap bigint CHECK (override_cap >= 0),
  PRIMARY KEY (scope, subject, unit)
) WITH (fillfactor = 50); -- few rows, hot ones: room on the page for their new versions

CREATE TABLE IF NOT EXISTS budget_event (
  number bigint NOT NULL,
  line integer NOT NULL,
  at timestamptz NOT NULL,
  sort text NOT NULL CHECK (sort IN ('warning', 'override', 'debt', 'notice', 'returned')),
  scope text NOT NULL,
  subject text NOT NULL,
  unit text NOT NULL,
  amount bigint NOT NULL,
  cap bigint,
  note text,
  PRIMARY KEY (number, line)
);
CREATE INDEX IF NOT EXISTS budget_event_subject ON budget_event (scope, subject, number);

-- A budget goes into debt where more was used than it had: the usage has happened, and nothing new is admitted until a
-- grant has repaid it. The checks were made without names, so these are PostgreSQL's.
ALTER TABLE ledger_account
  DROP CONSTRAINT IF EXISTS ledger_account_check, ADD CONSTRAINT ledger_account_check
  CHECK ((owner, purpose) = ('system', 'issuance') OR purpose = 'budget' OR balance >= held);

-- What each artifact has spent, movement by movement.
CREATE OR REPLACE VIEW resource_spending AS
  SELECT number, leg, at AS created_at, split_part(credit_owner, ':', 2) AS artifact_type,
         substr(credit_owner, length(split_part(credit_owner, ':', 2)) + 9) AS artifact_id,
         unit, amount, credit_balance AS spent, debit_balance AS remaining, reason
  FROM token_ledger
  WHERE credit_purpose = 'spent' AND credit_owner LIKE 'entity:%';

GRANT SELECT, INSERT, UPDATE ON resource_budgets, budget_reservation, budget_limit TO scidex_app;
GRANT SELECT, INSERT ON budget_event TO scidex_app;
GRANT SELECT ON resource_spending TO scidex_app;
