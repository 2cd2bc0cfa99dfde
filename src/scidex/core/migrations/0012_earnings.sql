-- Earnings: outputs and what they build on, rewards once for each kind, the share of each payee, periods of emission,
-- debts of revoked rewards. Token parts; quality in thousandths.

CREATE TABLE IF NOT EXISTS earning_output (
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  producer text NOT NULL,
  owner text,
  builds_on_types text[] NOT NULL,
  builds_on_ids text[] NOT NULL,
  lineage_types text[] NOT NULL,
  lineage_ids text[] NOT NULL,
  lineage_producers text[] NOT NULL,
  lineage_owners text[] NOT NULL,
  lineage_depths integer[] NOT NULL,
  recorded_by text NOT NULL,
  recorded_at timestamptz NOT NULL,
  PRIMARY KEY (entity_type, entity_id),
  CHECK (cardinality(builds_on_types) = cardinality(builds_on_ids)),
  CHECK (0 < ALL (lineage_depths))
);
CREATE INDEX IF NOT EXISTS earning_output_producer ON earning_output (producer);

CREATE TABLE IF NOT EXISTS earning_standing (
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  retracted_at timestamptz,
  retracted_by text,
  reason text,
  PRIMARY KEY (entity_type, entity_id),
  CHECK (num_nulls(retracted_at, retracted_by, reason) IN (0, 3))
);

CREATE TABLE IF NOT EXISTS earning_mint (
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  kind text NOT NULL,
  number bigint NOT NULL,
  at timestamptz NOT NULL,
  producer text NOT NULL,
  reviewer text NOT NULL,
  quality integer NOT NULL CHECK (quality BETWEEN 0 AND 1000),
  amount bigint NOT NULL CHECK (amount > 0),
  period timestamptz NOT NULL,
  note text NOT NULL,
  revoked_at timestamptz,
  PRIMARY KEY (entity_type, entity_id, kind),
  CHECK (reviewer <> producer)
);
CREATE INDEX IF NOT EXISTS earning_mint_producer ON earning_mint (producer, number);

CREATE TABLE IF NOT EXISTS earning_line (
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  kind text NOT NULL,
  line integer NOT NULL,
  payee text NOT NULL,
  source_type text NOT NULL,
  source_id text NOT NULL,
  depth integer NOT NULL CHECK (depth >= 0),
  amount bigint NOT NULL CHECK (amount > 0),
  netted bigint NOT NULL CHECK (netted BETWEEN 0 AND amount),
  clawed bigint NOT NULL CHECK (clawed >= 0),
  owed bigint NOT NULL CHECK (owed >= 0),
  PRIMARY KEY (entity_type, entity_id, kind, line),
  CHECK (clawed + owed IN (0, amount)),
  CHECK ((depth = 0) = ((source_type, source_id) = (entity_type, entity_id)))
);
CREATE INDEX IF NOT EXISTS earning_line_payee ON earning_line (payee);

CREATE TABLE IF NOT EXISTS emission (
  unit text PRIMARY KEY,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  supply bigint NOT NULL CHECK (supply >= 0),
  budget bigint NOT NULL CHECK (budget >= 0),
  minted bigint NOT NULL CHECK (minted BETWEEN 0 AND budget),
  revoked bigint NOT NULL CHECK (revoked >= 0),
  policy_version integer NOT NULL,
  CHECK (starts_at < ends_at)
) WITH (fillfactor = 50); -- one row, changed by every reward

CREATE TABLE IF NOT EXISTS emission_period (
  unit text NOT NULL,
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  supply bigint NOT NULL,
  budget bigint NOT NULL,
  minted bigint NOT NULL CHECK (minted BETWEEN 0 AND budget),
  revoked bigint NOT NULL CHECK (revoked >= 0),
  policy_version integer NOT NULL,
  PRIMARY KEY (unit, starts_at)
);

CREATE TABLE IF NOT EXISTS earning_debt (
  actor text PRIMARY KEY,
  amount bigint NOT NULL CHECK (amount >= 0)
);

GRANT SELECT, INSERT ON earning_output, emission_period TO scidex_app;
GRANT SELECT, INSERT, UPDATE ON earning_standing, earning_mint, earning_line, emission, earning_debt TO scidex_app;
