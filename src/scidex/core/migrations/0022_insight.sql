-- What was put in, spent and learned within a period is found by its time. These rows are written in the order of time, so
-- ranges of pages find them and cost a command nothing; what goes to and from pools is few among all that moves.

CREATE INDEX IF NOT EXISTS market_trade_times ON market_trade USING brin (at) WITH (autosummarize = on);
CREATE INDEX IF NOT EXISTS market_opened ON market USING brin (opened_at) WITH (autosummarize = on);
CREATE INDEX IF NOT EXISTS bounty_funding_times ON bounty_funding USING brin (funded_at) WITH (autosummarize = on);
CREATE INDEX IF NOT EXISTS knowledge_submission_times ON knowledge_submission USING brin (at) WITH (autosummarize = on);
CREATE INDEX IF NOT EXISTS resource_allocations_times ON resource_allocations USING brin (created_at)
  WITH (autosummarize = on);
CREATE INDEX IF NOT EXISTS token_ledger_pools ON token_ledger (at)
  WHERE debit_purpose = 'pool' OR credit_purpose = 'pool';
CREATE INDEX IF NOT EXISTS budget_event_debts ON budget_event (number) WHERE sort = 'debt';
