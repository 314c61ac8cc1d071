-- +goose Up

-- A tag's list walks along the petitions in its states alone, and not past all that are closed: so the state stands
-- beside the tag.
ALTER TABLE petition_tags ADD COLUMN state character varying NOT NULL DEFAULT 'DRAFT';
UPDATE petition_tags SET state = p.state FROM petitions AS p WHERE p.id = petition_tags.petition_id;
DROP INDEX petitiontag_listed;
CREATE INDEX petitiontag_listed ON petition_tags (tag_id, state, created, petition_id);
