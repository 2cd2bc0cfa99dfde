-- Bounties: what remains of each lies in its escrow account, token parts.

CREATE TABLE IF NOT EXISTS bounty (
  bounty text PRIMARY KEY,
  artifact_type text NOT NULL,
  artifact_id text NOT NULL,
  funder text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  remaining bigint NOT NULL CHECK (remaining BETWEEN 0 AND amount),
  state text NOT NULL CHECK (state IN ('open', 'refunded', 'expired')),
  offered_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  purpose text NOT NULL,
  counted_at timestamptz,
  CHECK ((state = 'open') = (ended_at IS NULL)),
  CHECK (state = 'open' OR remaining = 0)
);
CREATE INDEX IF NOT EXISTS bounty_artifact ON bounty (artifact_type, artifact_id) WHERE state = 'open';
CREATE INDEX IF NOT EXISTS bounty_due ON bounty (expires_at) WHERE state = 'open';

GRANT SELECT, INSERT, UPDATE ON bounty TO scidex_app;
