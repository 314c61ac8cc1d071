-- +goose Up

-- Not everything that is sent is about one petition. What somebody waits for has priority 0.
ALTER TABLE outbox ALTER COLUMN petition_id DROP NOT NULL;
ALTER TABLE outbox ADD COLUMN priority bigint NOT NULL DEFAULT 0;
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (kind, priority, due_at, id) WHERE parked_at IS NULL;
CREATE INDEX outbox_fresh ON outbox (kind, due_at, id) WHERE parked_at IS NULL AND priority = 0 AND tries = 0;
CREATE INDEX outbox_parked ON outbox (parked_at) WHERE parked_at IS NOT NULL;

-- When the next entry of a kind is in step with the pace at which they are sent. ent does not know this table.
CREATE TABLE outbox_paces (
  kind text PRIMARY KEY,
  next_at timestamptz NOT NULL
);
