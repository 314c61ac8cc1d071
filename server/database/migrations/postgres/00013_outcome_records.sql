-- +goose Up

-- Each outcome that was recorded for a petition: a newer one takes the place of the one before in the petition itself.
CREATE TABLE outcome_records (
  id uuid NOT NULL,
  petition_id uuid NOT NULL,
  outcome character varying NOT NULL,
  version bigint NOT NULL,
  recorded_at timestamptz NOT NULL,
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX outcomerecord_petition_id_version ON outcome_records (petition_id, version);

-- Of those recorded so far the last one of each petition is known; its own id serves the row.
INSERT INTO outcome_records (id, petition_id, outcome, version, recorded_at)
 SELECT id, id, outcome, version, updated_at FROM petitions WHERE outcome IS NOT NULL;
