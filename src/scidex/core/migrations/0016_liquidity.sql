-- Changes of a market's liquidity that are planned for later. Liquidity and what was paid in 10^-6 tokens.

CREATE TABLE IF NOT EXISTS market_liquidity (
  market text NOT NULL,
  change text NOT NULL,
  at timestamptz NOT NULL,
  liquidity bigint NOT NULL CHECK (liquidity > 0),
  planner text NOT NULL,
  state text NOT NULL CHECK (state IN ('planned', 'done', 'skipped', 'cancelled')),
  planned_at timestamptz NOT NULL,
  ended_at timestamptz,
  paid bigint,                                        -- added to the subsidy; below zero it came back
  why text,                                           -- why it was skipped
  PRIMARY KEY (market, change),
  CHECK ((state = 'planned') = (ended_at IS NULL)),
  CHECK ((state = 'done') = (paid IS NOT NULL)),
  CHECK ((state = 'skipped') = (why IS NOT NULL)),
  CHECK (state NOT IN ('done', 'skipped') OR ended_at >= at)
);
CREATE UNIQUE INDEX IF NOT EXISTS market_liquidity_waiting ON market_liquidity (market, at) WHERE state = 'planned';
CREATE INDEX IF NOT EXISTS market_liquidity_due ON market_liquidity (at) WHERE state = 'planned';
CREATE INDEX IF NOT EXISTS market_funded ON market (funder) WHERE state = 'open';
GRANT SELECT, INSERT, UPDATE ON market_liquidity TO scidex_app;
