-- Bounties whole: several funders, claims for a lease, submitted work, awards in parts, refunds in proportion, draws for
-- compute. Token parts; spent is in parts of its unit. What is drawn, awarded and given back happens once, by the primary
-- key of bounty_payment.

CREATE TABLE IF NOT EXISTS bounty_listing (
  bounty text PRIMARY KEY,
  artifact_type text NOT NULL,
  artifact_id text NOT NULL
);

CREATE TABLE IF NOT EXISTS bounty_board (
  artifact_type text NOT NULL,
  artifact_id text NOT NULL,
  open text[] NOT NULL,
  units text[] NOT NULL,
  spent bigint[] NOT NULL,
  draws integer NOT NULL CHECK (draws >= 0),
  PRIMARY KEY (artifact_type, artifact_id),
  CHECK (cardinality(units) = cardinality(spent))
) WITH (fillfactor = 80);

CREATE TABLE IF NOT EXISTS bounty_funding (
  bounty text NOT NULL,
  funder text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  funded_at timestamptz NOT NULL,
  PRIMARY KEY (bounty, funder)
);

CREATE TABLE IF NOT EXISTS bounty_submission (
  bounty text NOT NULL,
  output_type text NOT NULL,
  output_id text NOT NULL,
  actor text NOT NULL,
  note text NOT NULL,
  submitted_at timestamptz NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'awarded', 'declined')),
  awarded bigint NOT NULL,
  judged_by text,
  judged_at timestamptz,
  PRIMARY KEY (bounty, output_type, output_id),
  CHECK ((state = 'waiting') = (judged_at IS NULL)),
  CHECK ((judged_by IS NULL) = (judged_at IS NULL)),
  CHECK (judged_by IS DISTINCT FROM actor),
  CHECK (awarded >= 0 AND (state = 'awarded') = (awarded > 0))
);

CREATE TABLE IF NOT EXISTS bounty_payment (
  bounty text NOT NULL,
  sort text NOT NULL CHECK (sort IN ('award', 'refund', 'draw')),
  subject text NOT NULL,
  number bigint NOT NULL,
  at timestamptz NOT NULL,
  paid_to text NOT NULL,
  amount bigint NOT NULL CHECK (amount > 0),
  PRIMARY KEY (bounty, sort, subject)
);

ALTER TABLE bounty ADD COLUMN IF NOT EXISTS due_at timestamptz;
ALTER TABLE bounty ADD COLUMN IF NOT EXISTS drawn bigint NOT NULL DEFAULT 0;
ALTER TABLE bounty ADD COLUMN IF NOT EXISTS awarded bigint NOT NULL DEFAULT 0;
ALTER TABLE bounty ADD COLUMN IF NOT EXISTS returned bigint NOT NULL DEFAULT 0;
ALTER TABLE bounty ADD COLUMN IF NOT EXISTS waiting integer NOT NULL DEFAULT 0;
ALTER TABLE bounty ADD COLUMN IF NOT EXISTS claimant text;
ALTER TABLE bounty ADD COLUMN IF NOT EXISTS claimed_at timestamptz;
ALTER TABLE bounty ADD COLUMN IF NOT EXISTS lease_until timestamptz;

-- What was offered before, as the same commands would have it now.
UPDATE bounty SET due_at = expires_at WHERE due_at IS NULL;
UPDATE bounty SET returned = amount - remaining WHERE state <> 'open' AND amount > remaining + drawn + awarded + returned;
INSERT INTO bounty_listing SELECT bounty, artifact_type, artifact_id FROM bounty ON CONFLICT DO NOTHING;
INSERT INTO bounty_funding SELECT bounty, funder, amount, offered_at FROM bounty ON CONFLICT DO NOTHING;
INSERT INTO bounty_payment
  SELECT bounty, 'refund', funder, moved.number, moved.at, funder, moved.amount
  FROM bounty JOIN token_ledger AS moved ON debit_owner = 'bounty:' || bounty AND debit_purpose = 'escrow'
  WHERE state IN ('refunded', 'expired') AND credit_owner = 'actor:' || funder
  ON CONFLICT DO NOTHING;
INSERT INTO ledger_account
  SELECT DISTINCT 'entity:' || artifact_type || ':' || artifact_id, 'spent', unit, 0, 0
  FROM bounty CROSS JOIN unnest(ARRAY['llm_reasoning', 'llm_standard', 'llm_batch', 'cpu_seconds', 'storage_gb_hours',
                                      'api_calls']) AS unit
  ON CONFLICT DO NOTHING;
INSERT INTO bounty_board
  WITH last AS ( -- the last command about any bounty of the artifact, which looked at what was spent until then
    SELECT artifact_type, artifact_id,
           max(greatest(substr(bounty, 2)::bigint, (SELECT max(number) FROM token_ledger
                                                    WHERE debit_owner = 'bounty:' || bounty))) AS number,
           array_remove(array_agg(CASE state WHEN 'open' THEN bounty END ORDER BY substr(bounty, 2)::bigint), NULL)
             AS names
    FROM bounty GROUP BY artifact_type, artifact_id
  )
  SELECT artifact_type, artifact_id, names, units,
         ARRAY(SELECT (SELECT coalesce(sum(amount), 0)::bigint FROM token_ledger AS used
                       WHERE used.credit_owner = 'entity:' || artifact_type || ':' || artifact_id
                         AND used.credit_purpose = 'spent' AND used.unit = asked.unit AND used.number < last.number)
               FROM unnest(units) WITH ORDINALITY AS asked (unit, place) ORDER BY place), 0
  FROM last CROSS JOIN (VALUES (ARRAY['llm_reasoning', 'llm_standard', 'llm_batch', 'cpu_seconds', 'storage_gb_hours',
                                      'api_calls'])) AS watched (units)
  ON CONFLICT DO NOTHING;

ALTER TABLE bounty ALTER COLUMN due_at SET NOT NULL;
ALTER TABLE bounty DROP CONSTRAINT IF EXISTS bounty_state_check, ADD CONSTRAINT bounty_state_check CHECK
  (state IN ('open', 'awarded', 'refunded', 'expired'));
ALTER TABLE bounty DROP CONSTRAINT IF EXISTS bounty_sums, ADD CONSTRAINT bounty_sums CHECK
  (amount = remaining + drawn + awarded + returned AND least(drawn, awarded, returned) >= 0);
ALTER TABLE bounty DROP CONSTRAINT IF EXISTS bounty_waiting, ADD CONSTRAINT bounty_waiting CHECK (waiting >= 0);
ALTER TABLE bounty DROP CONSTRAINT IF EXISTS bounty_claim, ADD CONSTRAINT bounty_claim CHECK
  (num_nulls(claimant, claimed_at, lease_until) IN (0, 3) AND lease_until <= expires_at AND claimant <> funder);
DROP INDEX IF EXISTS bounty_due;
CREATE INDEX IF NOT EXISTS bounty_due_at ON bounty (due_at) WHERE state = 'open';
CREATE INDEX IF NOT EXISTS bounty_submission_output ON bounty_submission (output_type, output_id);
CREATE INDEX IF NOT EXISTS bounty_funding_funder ON bounty_funding (funder);

GRANT SELECT, INSERT ON bounty_listing, bounty_payment TO scidex_app;
GRANT SELECT, INSERT, UPDATE ON bounty_board, bounty_funding, bounty_submission TO scidex_app;
