-- The sealer reads whole ranges of transaction ids, which grow with the table: a block range index finds them and costs
-- a command nothing.

DROP INDEX IF EXISTS journal_transaction;
CREATE INDEX IF NOT EXISTS journal_transactions ON journal USING brin (transaction_id)
  WITH (pages_per_range = 16, autosummarize = on);
