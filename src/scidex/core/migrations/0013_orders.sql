-- Resting limit orders, fees, and liquidity that changes. Amounts and shares in 10^-6, prices in 10^-12.

ALTER TABLE market
  ADD COLUMN IF NOT EXISTS resting integer NOT NULL DEFAULT 0 CHECK (resting >= 0), -- open orders in its book
  ADD COLUMN IF NOT EXISTS anchor bigint[],           -- shares outstanding when the liquidity last changed
  ADD COLUMN IF NOT EXISTS surplus bigint NOT NULL DEFAULT 0, -- collateral above all subsidies, then
  ADD COLUMN IF NOT EXISTS fees bigint NOT NULL DEFAULT 0 CHECK (fees >= 0),
  ADD COLUMN IF NOT EXISTS opening bigint[];          -- the first prices, once the liquidity has changed
UPDATE market SET anchor = array_fill(0::bigint, ARRAY[cardinality(outcomes)]) WHERE anchor IS NULL;
ALTER TABLE market ALTER COLUMN anchor SET NOT NULL;
ALTER TABLE market_trade
  ADD COLUMN IF NOT EXISTS fee bigint NOT NULL DEFAULT 0 CHECK (fee >= 0),
  ADD COLUMN IF NOT EXISTS resting text;              -- the order of the book that was filled

CREATE TABLE IF NOT EXISTS market_order (
  market text NOT NULL,
  order_id text NOT NULL,
  owner text NOT NULL,
  outcome text NOT NULL,
  side text NOT NULL CHECK (side IN ('buy', 'sell')),
  shares bigint NOT NULL CHECK (shares >= 0),         -- left of it
  filled bigint NOT NULL CHECK (filled >= 0),
  limit_price bigint NOT NULL CHECK (limit_price > 0 AND limit_price < 1000000000000),
  escrow bigint NOT NULL CHECK (escrow >= 0),
  state text NOT NULL CHECK (state IN ('open', 'filled', 'cancelled', 'expired', 'ended')),
  placed_at timestamptz NOT NULL,
  expires_at timestamptz,
  ended_at timestamptz,
  PRIMARY KEY (market, order_id),
  CHECK ((state = 'open') = (ended_at IS NULL)),
  CHECK (state = 'open' OR escrow = 0),
  CHECK ((state = 'filled') = (shares = 0)),
  CHECK (side = 'buy' OR escrow = 0)
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS market_order_open ON market_order (market) WHERE state = 'open';
CREATE INDEX IF NOT EXISTS market_order_due ON market_order (expires_at) WHERE state = 'open';
GRANT SELECT, INSERT, UPDATE ON market_order TO scidex_app;
