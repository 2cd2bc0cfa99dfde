-- The Atlas: edges of the knowledge graph, unique by content; the statements that they are counted in; who brought them,
-- with what share (parts of 10^-6 edge); judgements; other gains; and what work on each entity has brought.

CREATE TABLE IF NOT EXISTS knowledge_edge (
  edge text PRIMARY KEY,
  subject text NOT NULL,
  predicate text NOT NULL,
  object text NOT NULL,
  statement text NOT NULL,
  number bigint NOT NULL,
  at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS knowledge_edge_subject ON knowledge_edge (lower(subject));

CREATE TABLE IF NOT EXISTS knowledge_statement (
  statement text PRIMARY KEY,
  edges text[] NOT NULL CHECK (cardinality(edges) > 0),
  state text NOT NULL CHECK (state IN ('standing', 'withdrawn', 'retracted', 'merged')),
  same_as text,
  ended_at timestamptz,
  ended_by text,
  reason text,
  CHECK ((state = 'merged') = (same_as IS NOT NULL)),
  CHECK (num_nulls(ended_at, ended_by, reason) = CASE state WHEN 'standing' THEN 3 ELSE 0 END)
);

CREATE TABLE IF NOT EXISTS knowledge_submission (
  edge text NOT NULL,
  owner text NOT NULL,
  actor text NOT NULL,
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  work_item text,
  source text NOT NULL,
  confidence integer CHECK (confidence BETWEEN 0 AND 1000),
  number bigint NOT NULL,
  line integer NOT NULL,
  at timestamptz NOT NULL,
  role text NOT NULL CHECK (role IN ('first', 'confirms', 'repeats', 'retracted', 'withdrawn')),
  parts bigint NOT NULL CHECK (parts BETWEEN 0 AND 1000000),
  PRIMARY KEY (edge, owner),
  CHECK (parts = 0 OR role IN ('first', 'confirms'))
);
CREATE INDEX IF NOT EXISTS knowledge_submission_entity ON knowledge_submission (entity_type, entity_id, number, line);
CREATE INDEX IF NOT EXISTS knowledge_submission_actor ON knowledge_submission (actor, number, line);

CREATE TABLE IF NOT EXISTS knowledge_judgement (
  edge text PRIMARY KEY,
  is_right boolean NOT NULL,
  reviewer text NOT NULL,
  note text NOT NULL,
  number bigint NOT NULL,
  at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS knowledge_gain (
  kind text NOT NULL CHECK (kind IN ('paper', 'hypothesis', 'quality')),
  reference text NOT NULL,
  said text NOT NULL,
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  actor text NOT NULL,
  owner text NOT NULL,
  work_item text,
  amount integer NOT NULL CHECK (amount = 1 OR kind = 'quality'),
  number bigint NOT NULL,
  at timestamptz NOT NULL,
  retracted_at timestamptz,
  retracted_by text,
  reason text,
  PRIMARY KEY (kind, reference),
  CHECK (num_nulls(retracted_at, retracted_by, reason) IN (0, 3))
);
CREATE INDEX IF NOT EXISTS knowledge_gain_entity ON knowledge_gain (entity_type, entity_id, number);

CREATE TABLE IF NOT EXISTS knowledge_of_entity (
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  edges_gained bigint NOT NULL CHECK (edges_gained >= 0),
  submitted bigint NOT NULL CHECK (submitted >= 0),
  retracted bigint NOT NULL CHECK (retracted BETWEEN 0 AND submitted),
  judged_right bigint NOT NULL CHECK (judged_right >= 0),
  judged_wrong bigint NOT NULL CHECK (judged_wrong >= 0),
  papers bigint NOT NULL CHECK (papers >= 0),
  hypotheses bigint NOT NULL CHECK (hypotheses >= 0),
  quality bigint NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (entity_type, entity_id),
  CHECK (edges_gained <= 1000000 * submitted),
  CHECK (judged_right + judged_wrong <= submitted)
) WITH (fillfactor = 80); -- room on the page for the new version of a row that every submission changes

GRANT SELECT, INSERT, UPDATE ON knowledge_edge, knowledge_statement, knowledge_submission, knowledge_judgement,
  knowledge_gain, knowledge_of_entity TO scidex_app;
