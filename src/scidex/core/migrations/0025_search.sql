-- Artifacts are found by words of their title and id, or by how these begin. A dash parts words, or the 7 of idea-7 would
-- be a number below zero.

CREATE INDEX IF NOT EXISTS entity_words ON entity USING gin (
  to_tsvector('simple'::regconfig, regexp_replace(title || ' ' || entity_id, '[[:punct:][:space:]]+', ' ', 'g'))
);
