-- Markets: the maker's curve and what is outstanding, one row per position, one row per trade with the prices after
-- it. Amounts and shares in 10^-6, prices in 10^-12, offsets in 10^-15 nat.

CREATE TABLE IF NOT EXISTS market (
  market text PRIMARY KEY,
  artifact_type text NOT NULL,
  artifact_id text NOT NULL,
  question text NOT NULL,
  outcomes text[] NOT NULL,
  liquidity bigint NOT NULL CHECK (liquidity > 0),
  offsets bigint[] NOT NULL,
  shares bigint[] NOT NULL,
  prices bigint[] NOT NULL,
  subsidy bigint NOT NULL CHECK (subsidy > 0),
  funder text NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'closed', 'resolved', 'void')),
  trades integer NOT NULL CHECK (trades >= 0),
  at_risk bigint NOT NULL CHECK (at_risk >= 0),
  opened_at timestamptz NOT NULL,
  moved_at timestamptz NOT NULL,
  closes_at timestamptz,
  ended_at timestamptz,
  outcome text,
  maker_result bigint,
  CHECK (cardinality(outcomes) >= 2),
  CHECK (cardinality(shares) = cardinality(outcomes) AND cardinality(prices) = cardinality(outcomes)),
  CHECK (0 <= ALL (shares)),
  CHECK ((state IN ('resolved', 'void')) = (maker_result IS NOT NULL)),
  CHECK ((state = 'resolved') = (outcome IS NOT NULL)),
  CHECK (maker_result >= -subsidy)
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS market_artifact ON market (artifact_type, artifact_id);

CREATE TABLE IF NOT EXISTS market_listing (
  artifact_type text NOT NULL,
  artifact_id text NOT NULL,
  market text NOT NULL,
  PRIMARY KEY (artifact_type, artifact_id)
);

CREATE TABLE IF NOT EXISTS market_position (
  market text NOT NULL,
  owner text NOT NULL,
  shares bigint[] NOT NULL,
  cost bigint[] NOT NULL,
  paid bigint NOT NULL,
  at_risk bigint NOT NULL CHECK (at_risk >= 0),
  payout bigint,
  PRIMARY KEY (market, owner),
  CHECK (0 <= ALL (shares)),
  CHECK (0 <= ALL (cost))
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS market_position_owner ON market_position (owner, market);

CREATE TABLE IF NOT EXISTS market_trade (
  market text NOT NULL,
  trade integer NOT NULL CHECK (trade > 0),
  at timestamptz NOT NULL,
  owner text NOT NULL,
  outcome text NOT NULL,
  side text NOT NULL CHECK (side IN ('buy', 'sell')),
  shares bigint NOT NULL CHECK (shares > 0),
  redeemed bigint NOT NULL CHECK (redeemed BETWEEN 0 AND shares),
  paid bigint NOT NULL,
  prices bigint[] NOT NULL,
  PRIMARY KEY (market, trade)
);

GRANT SELECT, INSERT, UPDATE ON market, market_listing, market_position TO scidex_app;
GRANT SELECT, INSERT ON market_trade TO scidex_app;
