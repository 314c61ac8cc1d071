-- +goose Up

-- A search for the beginning of a word merged the lists of all words that begin so: thousands, if somebody writes a text
-- for that. The beginnings of one to four letters now have lists of their own, and lists name columns without places,
-- which no search asks for: a text is in a list once, however many of its words begin so.
DROP TRIGGER search_documents_inserted;
DROP TRIGGER search_documents_deleted;
DROP TRIGGER search_documents_updated;
DROP TABLE search_index;
CREATE VIRTUAL TABLE search_index USING fts5 (
  title, tags, summary, body,
  content='search_documents', content_rowid='id', tokenize = 'ascii', prefix='1 2 3 4', detail='column'
);
INSERT INTO search_index (search_index) VALUES ('rebuild');

-- +goose StatementBegin
CREATE TRIGGER search_documents_inserted AFTER INSERT ON search_documents BEGIN
  INSERT INTO search_index (rowid, title, tags, summary, body)
  VALUES (new.id, new.title, new.tags, new.summary, new.body);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER search_documents_deleted AFTER DELETE ON search_documents BEGIN
  INSERT INTO search_index (search_index, rowid, title, tags, summary, body)
  VALUES ('delete', old.id, old.title, old.tags, old.summary, old.body);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER search_documents_updated AFTER UPDATE ON search_documents BEGIN
  INSERT INTO search_index (search_index, rowid, title, tags, summary, body)
  VALUES ('delete', old.id, old.title, old.tags, old.summary, old.body);
  INSERT INTO search_index (rowid, title, tags, summary, body)
  VALUES (new.id, new.title, new.tags, new.summary, new.body);
END;
-- +goose StatementEnd
