-- +goose Up

-- A petition shows a tag as its author wrote it. Of petitions written so far nothing is known but how the tag was first
-- written.
ALTER TABLE petition_tags ADD COLUMN label text NOT NULL DEFAULT '';
UPDATE petition_tags SET label = t.label FROM tags AS t WHERE t.id = petition_tags.tag_id;
CREATE INDEX petitiontag_unlabelled ON petition_tags (tag_id) WHERE label = '';

-- How many public petitions write a tag in which way: by itself it is shown as most of them do.
CREATE TABLE tag_labels (
  tag_id uuid NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
  label text NOT NULL,
  public_petitions integer NOT NULL DEFAULT 0,
  PRIMARY KEY (tag_id, label)
);
INSERT INTO tag_labels (tag_id, label, public_petitions) SELECT pt.tag_id, pt.label, COUNT(*) FROM petition_tags AS pt
 WHERE pt.state IN ('OPEN', 'PAUSED', 'CLOSED', 'ARCHIVED') GROUP BY pt.tag_id, pt.label;
CREATE INDEX taglabel_most_used ON tag_labels (tag_id, public_petitions, label);

-- The rule of keys has changed: by which one a key was made, so that the server finds those to make again, and the key
-- that a tag had before, which goes on finding it.
ALTER TABLE tags ADD COLUMN former_key text NULL;
ALTER TABLE tags ADD COLUMN key_version integer NOT NULL DEFAULT 0;
CREATE INDEX tag_former_key ON tags (former_key) WHERE former_key IS NOT NULL;
CREATE INDEX tag_key_version ON tags (key_version);

-- The same for the terms of texts.
ALTER TABLE search_documents ADD COLUMN text_version integer NOT NULL DEFAULT 0;
CREATE INDEX search_documents_text_version ON search_documents (text_version);
