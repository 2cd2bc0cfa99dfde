-- An event's id is its sender's own: it counts once for who used it and for each unit, and what it counted is kept beside
-- it, so that the same id with something else is told from a repetition. Dollars of an hour, which no account bounds, are
-- summed without an end.

ALTER TABLE usage_event
  ADD COLUMN IF NOT EXISTS actor text,
  ADD COLUMN IF NOT EXISTS unit text,
  ADD COLUMN IF NOT EXISTS amount bigint,
  ADD COLUMN IF NOT EXISTS entity_type text,
  ADD COLUMN IF NOT EXISTS entity_id text;
UPDATE usage_event
  SET actor = used.actor, unit = used.unit, amount = used.amount, entity_type = used.entity_type,
      entity_id = used.entity_id
  FROM resource_usage AS used
  WHERE usage_event.actor IS NULL AND used.number = usage_event.number AND used.event = usage_event.event;
ALTER TABLE usage_event
  ALTER COLUMN actor SET NOT NULL,
  ALTER COLUMN unit SET NOT NULL,
  ALTER COLUMN amount SET NOT NULL,
  ALTER COLUMN entity_type SET NOT NULL,
  ALTER COLUMN entity_id SET NOT NULL,
  DROP CONSTRAINT IF EXISTS usage_event_pkey, ADD PRIMARY KEY (actor, event, unit);

ALTER TABLE usage_hour ALTER COLUMN usd TYPE numeric;
