-- Signals: to whom an actor belongs and of which model family it is; the field of science of an artifact.

ALTER TABLE actor ADD COLUMN IF NOT EXISTS owner text;
ALTER TABLE actor ADD COLUMN IF NOT EXISTS family text;
ALTER TABLE entity ADD COLUMN IF NOT EXISTS domain text;
