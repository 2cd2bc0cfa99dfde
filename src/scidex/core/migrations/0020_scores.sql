-- Scores: what was found about artifacts, and what it came to. Values, weights and scores in 10^-6; NULL is unknown.

CREATE TABLE IF NOT EXISTS score_signal (
  number bigint PRIMARY KEY,
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('paper', 'debate', 'replication', 'kg_link', 'goal', 'interest')),
  value integer NOT NULL CHECK (value BETWEEN 0 AND 1000000),
  weight integer NOT NULL CHECK (weight BETWEEN 0 AND 1000000),
  source text NOT NULL,
  actor text NOT NULL,
  at timestamptz NOT NULL,
  CHECK ((kind = 'interest') = (source = ''))
);
CREATE INDEX IF NOT EXISTS score_signal_entity ON score_signal (entity_type, entity_id, number);

CREATE TABLE IF NOT EXISTS allocation_score (
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  evidence_strength integer CHECK (evidence_strength BETWEEN 0 AND 1000000),
  novelty integer CHECK (novelty BETWEEN 0 AND 1000000),
  strategic_alignment integer CHECK (strategic_alignment BETWEEN 0 AND 1000000),
  community_interest integer CHECK (community_interest BETWEEN 0 AND 1000000),
  score integer,
  low integer NOT NULL,
  high integer NOT NULL CHECK (high >= low),
  signals integer NOT NULL CHECK (signals >= 0),
  newest bigint NOT NULL,
  computed_at timestamptz NOT NULL,
  policy_version integer NOT NULL,
  PRIMARY KEY (entity_type, entity_id),
  -- Unknown where any of its components is, and never a guess.
  CHECK ((score IS NULL) = (num_nulls(evidence_strength, novelty, strategic_alignment, community_interest) > 0)),
  CHECK (score IS NULL OR (score = low AND score = high))
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS allocation_score_rank ON allocation_score (score DESC NULLS LAST, entity_type, entity_id);

GRANT SELECT, INSERT ON score_signal TO scidex_app;
GRANT SELECT, INSERT, UPDATE ON allocation_score TO scidex_app;
