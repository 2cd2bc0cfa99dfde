-- Policy: one row per version, the newest in force. Actors: who acts, in which roles. Entities: what is researched.

CREATE TABLE IF NOT EXISTS policy (
  version integer PRIMARY KEY CHECK (version > 0),
  body jsonb NOT NULL,
  enacted_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS actor (
  name text PRIMARY KEY,
  sort text NOT NULL CHECK (sort IN ('agent', 'person', 'service')),
  roles text[] NOT NULL,
  registered_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS entity (
  entity_type text NOT NULL,
  entity_id text NOT NULL,
  title text NOT NULL,
  proposer text NOT NULL,
  registered_at timestamptz NOT NULL,
  PRIMARY KEY (entity_type, entity_id)
);
CREATE INDEX IF NOT EXISTS entity_by_id ON entity (entity_id);

GRANT SELECT, INSERT ON policy, entity TO scidex_app;
GRANT SELECT, INSERT, UPDATE ON actor TO scidex_app;
