-- Work: the queue that agents pull from, their claims, and what was learned of where work pays. Amounts in parts of their
-- unit; scores, ranks, rewards and propensities in 10^-6.

CREATE TABLE IF NOT EXISTS work_item (
  item text PRIMARY KEY,
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  kind text NOT NULL,
  payload text NOT NULL,
  units text[] NOT NULL,
  amounts bigint[] NOT NULL CHECK (0 < ALL (amounts)),
  usd bigint CHECK (usd >= 0),
  model text,
  provider text,
  max_output_tokens bigint CHECK (max_output_tokens > 0),
  proposer text NOT NULL,
  after text[] NOT NULL,
  attempts_max integer NOT NULL CHECK (attempts_max > 0),
  added_at timestamptz NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'open', 'claimed', 'finished', 'dead', 'withdrawn')),
  attempts integer NOT NULL CHECK (attempts BETWEEN 0 AND attempts_max),
  since timestamptz NOT NULL,
  not_before timestamptz NOT NULL,
  claim text,
  ended_at timestamptz,
  reason text,
  number bigint GENERATED ALWAYS AS (substr(item, 2)::bigint) STORED,
  CHECK (cardinality(units) = cardinality(amounts) AND cardinality(units) > 0),
  CHECK ((state IN ('claimed', 'finished')) = (claim IS NOT NULL)),
  CHECK ((state IN ('finished', 'dead', 'withdrawn')) = (ended_at IS NOT NULL)),
  CHECK (state NOT IN ('dead', 'withdrawn') OR reason IS NOT NULL)
) WITH (fillfactor = 80);
-- The next items of an entity, of any kind and of one.
CREATE INDEX IF NOT EXISTS work_item_next ON work_item (entity_type, entity_id, since, number) WHERE state = 'open';
CREATE INDEX IF NOT EXISTS work_item_next_of_kind ON work_item (entity_type, entity_id, kind, since, number)
  WHERE state = 'open';
CREATE INDEX IF NOT EXISTS work_item_waiting ON work_item USING gin (after) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS work_item_state ON work_item (state, number);
CREATE INDEX IF NOT EXISTS work_item_entity ON work_item (entity_type, entity_id, number);

CREATE TABLE IF NOT EXISTS work_claim (
  claim text PRIMARY KEY,
  item text NOT NULL,
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  actor text NOT NULL,
  reservation text NOT NULL,
  claimed_at timestamptz NOT NULL,
  pulls integer NOT NULL CHECK (pulls >= 0),
  total integer NOT NULL CHECK (total >= pulls),
  mean integer NOT NULL CHECK (mean BETWEEN 0 AND 1000000),
  bonus bigint NOT NULL CHECK (bonus >= 0),
  ucb integer NOT NULL CHECK (ucb BETWEEN 0 AND 1000000),
  budget_rank integer NOT NULL CHECK (budget_rank BETWEEN 0 AND 1000000),
  rivals integer NOT NULL CHECK (rivals > 0),
  first boolean NOT NULL,
  draw bigint NOT NULL CHECK (draw >= 0),
  score integer NOT NULL,
  ageing bigint NOT NULL CHECK (ageing >= 0),
  sleeve text NOT NULL CHECK (sleeve IN ('best', 'random')),
  propensity integer NOT NULL CHECK (propensity BETWEEN 0 AND 1000000),
  expires_at timestamptz NOT NULL,
  state text NOT NULL CHECK (state IN ('held', 'finished', 'failed', 'returned', 'expired', 'late')),
  ended_at timestamptz,
  reward integer CHECK (reward BETWEEN 0 AND 1000000),
  note text,
  number bigint GENERATED ALWAYS AS (substr(claim, 2)::bigint) STORED,
  CHECK ((state = 'held') = (ended_at IS NULL)),
  CHECK (state <> 'finished' OR reward IS NOT NULL)
) WITH (fillfactor = 80);
-- Nobody else can hold what somebody holds.
CREATE UNIQUE INDEX IF NOT EXISTS work_claim_held ON work_claim (item) WHERE state = 'held';
CREATE INDEX IF NOT EXISTS work_claim_due ON work_claim (expires_at) WHERE state = 'held';
CREATE INDEX IF NOT EXISTS work_claim_of_actor ON work_claim (actor, number);
CREATE INDEX IF NOT EXISTS work_claim_of_item ON work_claim (item, number);

CREATE TABLE IF NOT EXISTS work_arm (
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  pulls integer NOT NULL CHECK (pulls >= 0),
  rewards bigint NOT NULL CHECK (rewards BETWEEN 0 AND 1000000 * pulls::bigint),
  open integer NOT NULL CHECK (open >= 0),
  PRIMARY KEY (entity_type, entity_id)
) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS work_arm_open ON work_arm (entity_type, entity_id) WHERE open > 0;

GRANT SELECT, INSERT, UPDATE ON work_item, work_claim, work_arm TO scidex_app;
