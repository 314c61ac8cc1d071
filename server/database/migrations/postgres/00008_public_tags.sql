-- +goose Up

-- Anybody can make drafts, and with them tags that nobody else sees: lists of tags must not walk past those.
ALTER TABLE tags ADD COLUMN public_petitions bigint NOT NULL DEFAULT 0;
UPDATE tags SET public_petitions = (SELECT COUNT(*) FROM petition_tags AS pt JOIN petitions AS p ON p.id = pt.petition_id
 WHERE pt.tag_id = tags.id AND p.state IN ('OPEN', 'PAUSED', 'CLOSED', 'ARCHIVED'));
CREATE INDEX tag_public ON tags (key) WHERE public_petitions > 0;
