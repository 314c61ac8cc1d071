-- +goose Up

-- A list walks along the index of its order and reads the wide rows of one page alone: what lists are filtered by stands
-- in the index too. The last two are for counting, and for looking at many petitions by their ids.
DROP INDEX petition_state_created_at_id;
DROP INDEX petition_state_starts_at_id;
DROP INDEX petition_state_ends_at_id;
CREATE INDEX petition_created ON petitions (state, created_at, id, language, starts_at, ends_at);
CREATE INDEX petition_started ON petitions (state, starts_at, id, language, ends_at);
CREATE INDEX petition_ending ON petitions (state, ends_at, id, language, starts_at);
CREATE INDEX petition_state ON petitions (state);
CREATE INDEX petition_listed ON petitions (id, state, language, created_at, starts_at, ends_at);

-- The petitions of a tag are listed by their age, which never changes: so it stands beside the tag, in microseconds
-- since 1970.
ALTER TABLE petition_tags ADD COLUMN created bigint NOT NULL DEFAULT 0;
UPDATE petition_tags SET created = (SELECT (EXTRACT(EPOCH FROM p.created_at) * 1000000)::bigint
 FROM petitions AS p WHERE p.id = petition_tags.petition_id);
DROP INDEX petitiontag_tag_id_petition_id;
CREATE INDEX petitiontag_listed ON petition_tags (tag_id, created, petition_id);

-- Tags are listed by the code points of their names, on every database alike.
ALTER TABLE tags ALTER COLUMN key TYPE character varying COLLATE "C";
DROP INDEX tag_open_petitions_key;
