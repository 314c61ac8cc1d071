-- +goose Up

-- Anybody can make drafts, and as many with a word as to make every search for it read them all. Now the state stands
-- beside the terms, and each state that everybody sees has an index of its own; the last one is for operators. Triggers
-- keep it right, also while a replica of an earlier version writes.
ALTER TABLE search_documents ADD COLUMN state text NOT NULL DEFAULT 'DRAFT';
DROP INDEX search_documents_document;
UPDATE search_documents SET state = p.state FROM petitions AS p WHERE p.id = search_documents.petition_id;
CREATE INDEX search_documents_open ON search_documents USING gin (document) WHERE state = 'OPEN';
CREATE INDEX search_documents_paused ON search_documents USING gin (document) WHERE state = 'PAUSED';
CREATE INDEX search_documents_closed ON search_documents USING gin (document) WHERE state = 'CLOSED';
CREATE INDEX search_documents_archived ON search_documents USING gin (document) WHERE state = 'ARCHIVED';
CREATE INDEX search_documents_unseen ON search_documents USING gin (document)
 WHERE state IN ('DRAFT', 'IN_REVIEW', 'REJECTED', 'HIDDEN');

-- +goose StatementBegin
CREATE FUNCTION state_of_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.state := COALESCE((SELECT p.state FROM petitions AS p WHERE p.id = NEW.petition_id), NEW.state);
  RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER search_documents_inserted BEFORE INSERT ON search_documents FOR EACH ROW EXECUTE FUNCTION state_of_document();

-- +goose StatementBegin
CREATE FUNCTION move_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE search_documents SET state = NEW.state WHERE petition_id = NEW.id;
  RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER petitions_moved AFTER UPDATE OF state ON petitions FOR EACH ROW
 WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION move_document();
