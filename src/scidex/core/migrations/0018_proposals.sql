-- Proposals: what is asked of a pool or of the policy, who votes, and how it ended. Amounts in parts of their unit, shares
-- and thresholds in 10^-6. The columns of the specification come from those of the house and cannot drift.

CREATE TABLE IF NOT EXISTS allocation_proposals (
  id text PRIMARY KEY,
  sort text NOT NULL CHECK (sort IN ('grant', 'policy')),
  proposer_id text NOT NULL,
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  pool text,
  units text[] NOT NULL,
  amounts bigint[] NOT NULL CHECK (0 < ALL (amounts)),
  requested_tokens bigint NOT NULL CHECK (requested_tokens >= 0), -- LLM tokens of all tiers
  changes jsonb NOT NULL,
  justification text NOT NULL,
  expected jsonb NOT NULL,
  evidence jsonb NOT NULL,
  state text NOT NULL CHECK (
    state IN ('draft', 'open', 'approved', 'rejected', 'deferred', 'expired', 'withdrawn', 'enacted')
  ),
  created_at timestamptz NOT NULL,
  opened_at timestamptz,
  due_at timestamptz,
  decided_at timestamptz,
  ended_at timestamptz,
  quorum integer NOT NULL CHECK (quorum >= 0),
  threshold integer NOT NULL CHECK (threshold BETWEEN 0 AND 1000000),
  share integer NOT NULL CHECK (share BETWEEN 0 AND 1000000),
  seed text,
  reviewers text[] NOT NULL,
  alternates text[] NOT NULL,
  votes jsonb NOT NULL CHECK (jsonb_typeof(votes) = 'array'),
  short_units text[] NOT NULL,
  short_amounts bigint[] NOT NULL CHECK (0 < ALL (short_amounts)),
  note text,
  policy_version integer NOT NULL,
  proposer text GENERATED ALWAYS AS (proposer_id) STORED,
  requested_amount bigint GENERATED ALWAYS AS (requested_tokens) STORED,
  status text GENERATED ALWAYS AS (state) STORED,
  CHECK (cardinality(units) = cardinality(amounts) AND cardinality(short_units) = cardinality(short_amounts)),
  CHECK ((sort = 'grant') = (cardinality(units) > 0) AND (sort = 'grant') = (pool IS NOT NULL)),
  CHECK ((sort = 'policy') = (jsonb_array_length(changes) > 0)),
  CHECK ((state IN ('rejected', 'expired', 'withdrawn', 'enacted')) = (ended_at IS NOT NULL)),
  CHECK ((state IN ('open', 'approved', 'deferred')) = (due_at IS NOT NULL)),
  CHECK (state IN ('draft', 'withdrawn') OR (opened_at IS NOT NULL AND seed IS NOT NULL)),
  CHECK (state = 'deferred' OR ended_at IS NOT NULL OR cardinality(short_units) = 0),
  CHECK (NOT proposer_id = ANY (reviewers))
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS allocation_proposals_due ON allocation_proposals (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS allocation_proposals_entity ON allocation_proposals (entity_type, entity_id, created_at);
CREATE INDEX IF NOT EXISTS allocation_proposals_newest ON allocation_proposals (created_at);
CREATE INDEX IF NOT EXISTS allocation_proposals_open ON allocation_proposals (proposer_id) WHERE state = 'open';

CREATE TABLE IF NOT EXISTS proposal_vote (
  proposal text NOT NULL,
  voter text NOT NULL,
  choice text NOT NULL CHECK (choice IN ('approve', 'reject', 'defer', 'abstain')),
  reason text NOT NULL,
  cast_at timestamptz NOT NULL,
  counts boolean NOT NULL,
  PRIMARY KEY (proposal, voter),
  CHECK (choice <> 'abstain' OR NOT counts)
);

CREATE TABLE IF NOT EXISTS proposal_event (
  number bigint NOT NULL,
  line integer NOT NULL,
  proposal text NOT NULL,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  event text NOT NULL,
  note text,
  PRIMARY KEY (number, line)
);
CREATE INDEX IF NOT EXISTS proposal_event_proposal ON proposal_event (proposal, number, line);

GRANT SELECT, INSERT, UPDATE ON allocation_proposals, proposal_vote TO scidex_app;
GRANT SELECT, INSERT ON proposal_event TO scidex_app;
