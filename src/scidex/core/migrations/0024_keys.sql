-- Keys of actors. Of a secret only its SHA-256 is kept, in hex. When a key was last used is no command and stands apart.

CREATE TABLE IF NOT EXISTS access_key (
  key text PRIMARY KEY,
  actor text NOT NULL,
  scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
  label text NOT NULL,
  per_minute integer NOT NULL CHECK (per_minute > 0),
  issued_by text NOT NULL,
  issued_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  digest text NOT NULL CHECK (digest ~ '^[0-9a-f]{64}$'),
  rotated_at timestamptz,
  earlier text CHECK (earlier ~ '^[0-9a-f]{64}$'),
  earlier_until timestamptz,
  revoked_at timestamptz,
  revoked_by text,
  CHECK (expires_at > issued_at),
  CHECK ((earlier IS NULL) = (earlier_until IS NULL)),
  CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX IF NOT EXISTS access_key_actor ON access_key (actor);
CREATE INDEX IF NOT EXISTS access_key_number ON access_key ((substr(key, 2)::bigint));

CREATE TABLE IF NOT EXISTS access_key_use (
  key text PRIMARY KEY REFERENCES access_key,
  used_at timestamptz NOT NULL
);

GRANT SELECT, INSERT, UPDATE ON access_key, access_key_use TO scidex_app;
