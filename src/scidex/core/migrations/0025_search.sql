-- Artifacts are found by words of their title and id, or by how these begin.

CREATE INDEX IF NOT EXISTS entity_words ON entity USING gin (to_tsvector('simple'::regconfig, title || ' ' || entity_id));
