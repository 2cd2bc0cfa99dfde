-- Reviews: when a pool's budgets were reviewed, and one row per artifact and review with every input and what follows.
-- Amounts in parts of the unit, one place per unit of the review; capital, credit, merit, market in token parts; fractions
-- in 10^-6. The decisions stand beside the journal, which has their fingerprint and what they change.

CREATE TABLE IF NOT EXISTS review (
  pool text NOT NULL,
  cycle text NOT NULL,
  sort text NOT NULL CHECK (sort IN ('daily', 'weekly')),
  number bigint NOT NULL UNIQUE,
  at timestamptz NOT NULL,
  policy_version integer NOT NULL,
  seed text NOT NULL,
  propensity integer NOT NULL CHECK (propensity BETWEEN 0 AND 1000000),
  artifacts integer NOT NULL CHECK (artifacts >= 0),
  changed integer NOT NULL CHECK (changed BETWEEN 0 AND artifacts),
  units jsonb NOT NULL, -- unit by unit: whole, sums before and after, reserve, raised, cut, distances, theta
  digest text NOT NULL,
  PRIMARY KEY (pool, cycle)
);

CREATE TABLE IF NOT EXISTS review_decision (
  number bigint NOT NULL,
  line integer NOT NULL,
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  score integer,
  market_weight integer,
  weight_before integer,
  capital bigint NOT NULL,
  credit bigint NOT NULL,
  edges bigint NOT NULL,
  tokens bigint NOT NULL,
  low integer,
  strong integer,
  low_reviews_before integer NOT NULL,
  old bigint[] NOT NULL,
  held bigint[] NOT NULL,
  spent bigint[] NOT NULL,
  voted bigint[] NOT NULL,
  spent_total bigint[] NOT NULL,
  direction bigint[] NOT NULL,
  moved_at bigint[] NOT NULL,
  merit bigint NOT NULL,
  market bigint NOT NULL,
  eligible boolean NOT NULL,
  drawn boolean NOT NULL,
  capped boolean NOT NULL,
  cut boolean NOT NULL,
  low_reviews integer NOT NULL,
  boost bigint NOT NULL,
  target bigint[] NOT NULL,
  least bigint[] NOT NULL,
  most bigint[] NOT NULL,
  new bigint[] NOT NULL,
  binding bigint[] NOT NULL,
  PRIMARY KEY (number, line)
);
CREATE INDEX IF NOT EXISTS review_decision_artifact ON review_decision (entity_type, entity_id, number);

GRANT SELECT, INSERT ON review, review_decision TO scidex_app;
