-- +goose Up

-- A row is of a minute (span 1), or of an hour into which aged minutes were folded (60).
ALTER TABLE signature_buckets ADD COLUMN span integer NOT NULL DEFAULT 1;
DROP INDEX signaturebucket_petition_id_minute;
DROP INDEX signaturebucket_minute;
CREATE UNIQUE INDEX signaturebucket_petition_id_span_minute ON signature_buckets (petition_id, span, minute);
CREATE INDEX signaturebucket_span_minute ON signature_buckets (span, minute);

-- The same signatures by day, for long histories.
CREATE TABLE signature_days (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  petition_id uuid NOT NULL,
  day integer NOT NULL,
  added integer NOT NULL DEFAULT 0,
  removed integer NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX signatureday_petition_id_day ON signature_days (petition_id, day);
-- Division cuts towards zero; the remainder is made positive first, so that minutes before 1970 find their day too.
INSERT INTO signature_days (petition_id, day, added, removed)
 SELECT petition_id, minute - (minute % 1440 + 1440) % 1440, SUM(added), SUM(removed) FROM signature_buckets GROUP BY 1, 2;
