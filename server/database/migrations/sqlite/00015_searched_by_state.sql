-- +goose Up

-- Anybody can make drafts, and as many with a word as to make every search for it read them all. Now only what everybody
-- sees is in the index. With it stands its state, as a term that no text and no search can have, by which a search passes
-- by what it does not ask for.
DROP TRIGGER search_documents_inserted;
DROP TRIGGER search_documents_deleted;
DROP TRIGGER search_documents_updated;
DROP TABLE search_index;
CREATE VIEW search_texts AS
 SELECT d.id, d.petition_id, d.title, d.tags, d.summary, d.body, '_' || p.state AS state
 FROM search_documents AS d JOIN petitions AS p ON p.id = d.petition_id
 WHERE p.state IN ('OPEN', 'PAUSED', 'CLOSED', 'ARCHIVED');
CREATE VIRTUAL TABLE search_index USING fts5 (
  title, tags, summary, body, state,
  content='search_texts', content_rowid='id', tokenize = "ascii tokenchars '_'", prefix='1 2 3 4', detail='column'
);
INSERT INTO search_index (search_index) VALUES ('rebuild');

-- Its words, so that those that begin alike can be counted.
CREATE VIRTUAL TABLE search_terms USING fts5vocab('search_index', 'row');

-- What leaves the index must leave it with the words with which it came: so it is deleted before a change, and inserted
-- after it.

-- +goose StatementBegin
CREATE TRIGGER search_documents_inserted AFTER INSERT ON search_documents BEGIN
  INSERT INTO search_index (rowid, title, tags, summary, body, state)
  SELECT id, title, tags, summary, body, state FROM search_texts WHERE id = new.id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER search_documents_deleted BEFORE DELETE ON search_documents BEGIN
  INSERT INTO search_index (search_index, rowid, title, tags, summary, body, state)
  SELECT 'delete', id, title, tags, summary, body, state FROM search_texts WHERE id = old.id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER search_documents_updating BEFORE UPDATE ON search_documents BEGIN
  INSERT INTO search_index (search_index, rowid, title, tags, summary, body, state)
  SELECT 'delete', id, title, tags, summary, body, state FROM search_texts WHERE id = old.id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER search_documents_updated AFTER UPDATE ON search_documents BEGIN
  INSERT INTO search_index (rowid, title, tags, summary, body, state)
  SELECT id, title, tags, summary, body, state FROM search_texts WHERE id = new.id;
END;
-- +goose StatementEnd

-- A petition takes its document with it, which by then has no state any more.
-- +goose StatementBegin
CREATE TRIGGER petitions_deleted BEFORE DELETE ON petitions BEGIN
  INSERT INTO search_index (search_index, rowid, title, tags, summary, body, state)
  SELECT 'delete', id, title, tags, summary, body, state FROM search_texts WHERE petition_id = old.id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER petitions_moving BEFORE UPDATE OF state ON petitions WHEN old.state <> new.state BEGIN
  INSERT INTO search_index (search_index, rowid, title, tags, summary, body, state)
  SELECT 'delete', id, title, tags, summary, body, state FROM search_texts WHERE petition_id = old.id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER petitions_moved AFTER UPDATE OF state ON petitions WHEN old.state <> new.state BEGIN
  INSERT INTO search_index (rowid, title, tags, summary, body, state)
  SELECT id, title, tags, summary, body, state FROM search_texts WHERE petition_id = new.id;
END;
-- +goose StatementEnd
