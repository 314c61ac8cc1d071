-- +goose Up

-- A list by rank walks along the petitions in its states alone, and not past all that are closed: so the state stands
-- beside the rank.
ALTER TABLE ranks ADD COLUMN state text NOT NULL DEFAULT 'DRAFT';
UPDATE ranks SET state = p.state FROM petitions AS p WHERE p.id = ranks.petition_id;
DROP INDEX rank_signatures_petition_id;
DROP INDEX rank_trending_petition_id;
CREATE INDEX rank_state_signatures_petition_id ON ranks (state, signatures, petition_id);
CREATE INDEX rank_state_trending_petition_id ON ranks (state, trending, petition_id);
