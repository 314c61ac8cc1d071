-- +goose Up

-- A petition may have a few signatures that are in no sum of minutes, days or countries yet: those with numbers above the
-- first and up to the second. So far every signature is in all of them.
ALTER TABLE counters ADD COLUMN unsummed_after integer NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN unsummed_to integer NOT NULL DEFAULT 0;

-- The petitions that have any. Rows come and go.
CREATE TABLE unsummed (
  petition_id uuid NOT NULL,
  PRIMARY KEY (petition_id)
);
