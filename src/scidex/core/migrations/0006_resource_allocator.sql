-- The allocator: when a pool was shared, and one row per grant and per spending. Amounts in parts of the unit;
-- demand, bounty and claim in token parts; price in 10^-12; theta the exact water level.

CREATE TABLE IF NOT EXISTS allocation_cycle (
  pool text NOT NULL,
  unit text NOT NULL,
  cycle text NOT NULL,
  number bigint NOT NULL,
  at timestamptz NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  granted bigint NOT NULL CHECK (granted BETWEEN 0 AND amount),
  claims integer NOT NULL CHECK (claims > 0),
  theta text NOT NULL,
  PRIMARY KEY (pool, unit, cycle)
);

CREATE TABLE IF NOT EXISTS resource_allocations (
  number bigint NOT NULL,
  line integer NOT NULL,
  created_at timestamptz NOT NULL,
  sort text NOT NULL CHECK (sort IN ('grant', 'spending')),
  artifact_type text NOT NULL,
  artifact_id text NOT NULL,
  unit text NOT NULL,
  amount bigint NOT NULL CHECK (amount >= 0),
  actor text NOT NULL,
  policy_version integer NOT NULL,
  pool text,
  cycle text,
  demand bigint,
  bounty bigint,
  price bigint,
  claim bigint,
  floor bigint,
  cap bigint,
  binding text CHECK (binding IN ('floor', 'cap', 'none')),
  note text,
  PRIMARY KEY (number, line),
  CHECK (sort <> 'grant' OR amount <= cap)
);
CREATE INDEX IF NOT EXISTS resource_allocations_artifact
  ON resource_allocations (artifact_type, artifact_id, number);

GRANT SELECT, INSERT ON allocation_cycle, resource_allocations TO scidex_app;
