-- Settlement on evidence: where each market's end stands, every proposal with what became of it, the stages of those that
-- go through stages, and what each party is due, was paid and has held back. Amounts in 10^-6 tokens.

CREATE TABLE IF NOT EXISTS settlement (
  market text PRIMARY KEY,
  state text NOT NULL CHECK (state IN ('waiting', 'proposed', 'disputed', 'final', 'done')),
  version integer NOT NULL CHECK (version >= 0),
  cases integer NOT NULL CHECK (cases >= 0),
  staged boolean NOT NULL,
  traded_until timestamptz,
  due_at timestamptz,
  appeal_until timestamptz,
  bonds bigint NOT NULL CHECK (bonds >= 0),
  withheld bigint NOT NULL CHECK (withheld >= 0),
  -- A bond lies here while its case is open, and not a moment longer.
  CHECK ((state IN ('proposed', 'disputed')) = (bonds > 0)),
  CHECK ((state IN ('proposed', 'disputed', 'final')) = (due_at IS NOT NULL)),
  CHECK (state NOT IN ('final', 'done') OR version > 0),
  CHECK (state <> 'waiting' OR version = 0),
  CHECK (state NOT IN ('waiting', 'done') OR withheld = 0)
);
CREATE INDEX IF NOT EXISTS settlement_due ON settlement (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS settlement_bonds ON settlement (market) WHERE version = 0 AND bonds > 0;
CREATE INDEX IF NOT EXISTS market_unresolved ON market (coalesce(ended_at, closes_at))
  WHERE state IN ('open', 'closed');

CREATE TABLE IF NOT EXISTS settlement_case (
  market text NOT NULL,
  number integer NOT NULL CHECK (number > 0),
  replaces integer NOT NULL CHECK (replaces >= 0),
  proposer text NOT NULL,
  ruling text NOT NULL CHECK (ruling IN ('outcome', 'void')),
  outcome text,
  evidence jsonb NOT NULL CHECK (jsonb_array_length(evidence) > 0),
  bond bigint NOT NULL CHECK (bond > 0),
  proposed_at timestamptz NOT NULL,
  disputable_until timestamptz NOT NULL,
  disputer text CHECK (disputer <> proposer),
  counter_ruling text CHECK (counter_ruling IN ('outcome', 'void', 'unproven')),
  counter_outcome text,
  counter_evidence jsonb NOT NULL,
  disputed_at timestamptz,
  decide_until timestamptz,
  authority text,
  decided_ruling text CHECK (decided_ruling IN ('outcome', 'void', 'unproven')),
  decided_outcome text,
  reason text,
  ended_at timestamptz,
  how text CHECK (how IN ('upheld', 'overturned', 'rejected', 'lapsed', 'overtaken')),
  PRIMARY KEY (market, number),
  CHECK ((ruling = 'outcome') = (outcome IS NOT NULL)),
  CHECK ((disputer IS NULL) = (counter_ruling IS NULL) AND (disputer IS NULL) = (disputed_at IS NULL)),
  CHECK ((disputer IS NOT NULL) = (jsonb_array_length(counter_evidence) > 0)),
  CHECK (coalesce(counter_ruling = 'outcome', false) = (counter_outcome IS NOT NULL)),
  CHECK (coalesce(decided_ruling = 'outcome', false) = (decided_outcome IS NOT NULL)),
  CHECK ((authority IS NULL) = (decided_ruling IS NULL)),
  CHECK ((how IS NULL) = (ended_at IS NULL))
);
-- A version of a settlement is replaced by one proposal at a time.
CREATE UNIQUE INDEX IF NOT EXISTS settlement_case_open ON settlement_case (market) WHERE how IS NULL;

CREATE TABLE IF NOT EXISTS settlement_stage (
  market text NOT NULL,
  stage text NOT NULL CHECK (stage IN ('registered', 'run', 'replicated', 'reviewed')),
  actor text NOT NULL,
  evidence jsonb NOT NULL CHECK (jsonb_array_length(evidence) > 0),
  recorded_at timestamptz NOT NULL,
  PRIMARY KEY (market, stage)
);

CREATE TABLE IF NOT EXISTS settlement_portion (
  market text NOT NULL,
  party text NOT NULL,
  due bigint NOT NULL CHECK (due >= 0),
  paid bigint NOT NULL CHECK (paid >= 0),
  withheld bigint NOT NULL CHECK (withheld BETWEEN 0 AND paid),
  PRIMARY KEY (market, party)
);

GRANT SELECT, INSERT, UPDATE ON settlement, settlement_case, settlement_portion TO scidex_app;
GRANT SELECT, INSERT ON settlement_stage TO scidex_app;
