-- Metering: one row per use of a resource, by month of use; the ids that have counted; sums by the hour; what is stored.
-- Amounts in parts of the unit, money in 10^-6 dollar; NULL is a price that nobody knows.

CREATE TABLE IF NOT EXISTS resource_usage (
  number bigint NOT NULL,
  line integer NOT NULL,
  recorded_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL,   -- when it was used
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  actor text NOT NULL,
  work_item text,
  reservation text,
  resource text NOT NULL,
  unit text NOT NULL,
  tier text,
  amount bigint NOT NULL CHECK (amount > 0),
  model text,
  provider text,
  input_tokens bigint CHECK (input_tokens >= 0),
  output_tokens bigint CHECK (output_tokens >= 0),
  cached_tokens bigint CHECK (cached_tokens >= 0),
  cache_write_tokens bigint CHECK (cache_write_tokens >= 0),
  usd bigint CHECK (usd >= 0),
  price_source text,
  context text,
  source text NOT NULL,
  event text,
  amount_used bigint GENERATED ALWAYS AS (amount) STORED,
  "timestamp" timestamptz GENERATED ALWAYS AS (created_at) STORED,
  PRIMARY KEY (created_at, number, line),
  CHECK (input_tokens + output_tokens = amount),
  CHECK ((usd IS NULL) = (price_source IS NULL))
) PARTITION BY RANGE (created_at);
CREATE INDEX IF NOT EXISTS resource_usage_entity ON resource_usage (entity_type, entity_id, created_at);
CREATE INDEX IF NOT EXISTS resource_usage_model ON resource_usage (model, created_at) WHERE model IS NOT NULL;

-- Makes the month's partition if there is none. It runs with the owner's rights: the application may add rows, not
-- tables. A table of its own that is then attached lets others go on adding rows meanwhile.
DO $$
BEGIN
  EXECUTE format($make$
    CREATE OR REPLACE FUNCTION usage_partition(at timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = %I, pg_temp AS $body$
    DECLARE
      opens timestamptz := date_trunc('month', at, 'UTC');
      closes timestamptz := (opens AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
      name text := 'resource_usage_' || to_char(opens AT TIME ZONE 'UTC', 'YYYY_MM');
    BEGIN
      IF to_regclass(name) IS NOT NULL THEN
        RETURN;
      END IF;
      PERFORM pg_advisory_xact_lock(378845);
      -- Another may have made it meanwhile, which to_regclass need not have heard of; a query sees what is committed.
      IF EXISTS (SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                 WHERE inhparent = 'resource_usage'::regclass AND relname = name) THEN
        RETURN;
      END IF;
      EXECUTE format('CREATE TABLE IF NOT EXISTS %%I (LIKE resource_usage INCLUDING ALL)', name);
      EXECUTE format(
        'ALTER TABLE resource_usage ATTACH PARTITION %%I FOR VALUES FROM (%%L) TO (%%L)', name, opens, closes
      );
    END $body$
  $make$, current_schema());
END $$;
REVOKE ALL ON FUNCTION usage_partition(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION usage_partition(timestamptz) TO scidex_app;

CREATE TABLE IF NOT EXISTS usage_event (
  event text PRIMARY KEY,
  number bigint NOT NULL
);

CREATE TABLE IF NOT EXISTS usage_hour (
  hour timestamptz NOT NULL,
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  actor text NOT NULL,
  unit text NOT NULL,
  model text NOT NULL DEFAULT '',
  provider text NOT NULL DEFAULT '',
  amount bigint NOT NULL,
  calls bigint NOT NULL,
  input_tokens bigint NOT NULL,
  output_tokens bigint NOT NULL,
  cached_tokens bigint NOT NULL,
  usd bigint NOT NULL,
  usd_unknown bigint NOT NULL,       -- how many of the calls have no price
  PRIMARY KEY (hour, entity_type, entity_id, actor, unit, model, provider)
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS usage_hour_entity ON usage_hour (entity_type, entity_id, hour);

CREATE TABLE IF NOT EXISTS storage_size (
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  store text NOT NULL,
  size bigint NOT NULL CHECK (size >= 0),
  since timestamptz NOT NULL,
  remainder bigint NOT NULL CHECK (remainder BETWEEN 0 AND 3599999999999),
  PRIMARY KEY (entity_type, entity_id, store)
) WITH (fillfactor = 80);

GRANT SELECT, INSERT ON resource_usage, usage_event TO scidex_app;
GRANT SELECT, INSERT, UPDATE ON usage_hour, storage_size TO scidex_app;
