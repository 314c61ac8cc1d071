-- +goose Up

-- SQLite has one writer. To put the terms of a long text into the index, or to take them out, kept it for tenths of a
-- second, and what FTS5 merged meanwhile for seconds: inside the transactions that publish, edit and move a petition. Now
-- a long text is indexed behind them, in pieces, and so is the merging. The program does both (IndexTexts).
DROP TRIGGER search_documents_inserted;
DROP TRIGGER search_documents_deleted;
DROP TRIGGER search_documents_updating;
DROP TRIGGER search_documents_updated;
DROP TRIGGER petitions_deleted;
DROP TRIGGER petitions_moving;
DROP TRIGGER petitions_moved;
DROP TABLE search_index;
DROP VIEW search_texts;

-- What the index has of a petition. The text of an entry never changes: an edited text is another entry. So whatever is
-- in the index is either found, or grows, or is to be taken out.
CREATE TABLE search_entries (
  id integer PRIMARY KEY, -- the rowid in search_index
  petition_id uuid NOT NULL,
  state text, -- in which it is found, or NULL: it is not
  written integer, -- how many bytes of the body are in pieces while it grows, or NULL: it does not
  terms text NOT NULL -- a whole text, or that of a long one without its body
);
CREATE INDEX search_entries_petition ON search_entries (petition_id);
CREATE UNIQUE INDEX search_entries_found ON search_entries (petition_id) WHERE state IS NOT NULL;
CREATE INDEX search_entries_growing ON search_entries (id) WHERE written IS NOT NULL;
CREATE INDEX search_entries_left ON search_entries (id) WHERE state IS NULL AND written IS NULL;

-- More terms of an entry. The index keeps no text, and what leaves it must leave it with the words with which it came.
CREATE TABLE search_pieces (
  id integer PRIMARY KEY,
  entry integer NOT NULL REFERENCES search_entries (id),
  terms text NOT NULL
);
CREATE INDEX search_pieces_entry ON search_pieces (entry);

-- FTS5 merges nothing by itself, unless nobody else does for long: then there are five hundred lists of a kind.
CREATE VIRTUAL TABLE search_index USING fts5 (
  terms, state,
  content='', columnsize=0, tokenize = "ascii tokenchars '_'", prefix='1 2 3 4', detail='column'
);
INSERT INTO search_index (search_index, rank) VALUES ('automerge', 0);
INSERT INTO search_index (search_index, rank) VALUES ('crisismerge', 500);

-- +goose StatementBegin
CREATE TRIGGER search_entries_inserted AFTER INSERT ON search_entries BEGIN
  INSERT INTO search_index (rowid, terms, state) VALUES (new.id, new.terms, '_' || new.state);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER search_entries_moved AFTER UPDATE OF state ON search_entries WHEN old.state IS NOT new.state BEGIN
  INSERT INTO search_index (search_index, rowid, terms, state) VALUES ('delete', old.id, '', '_' || old.state);
  INSERT INTO search_index (rowid, terms, state) VALUES (new.id, '', '_' || new.state);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER search_entries_deleted AFTER DELETE ON search_entries BEGIN
  INSERT INTO search_index (search_index, rowid, terms, state) VALUES ('delete', old.id, old.terms, '_' || old.state);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER search_pieces_inserted AFTER INSERT ON search_pieces BEGIN
  INSERT INTO search_index (rowid, terms) VALUES (new.entry, new.terms);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER search_pieces_deleted AFTER DELETE ON search_pieces BEGIN
  INSERT INTO search_index (search_index, rowid, terms) VALUES ('delete', old.entry, old.terms);
END;
-- +goose StatementEnd

-- The texts of the petitions that everybody sees. A body of more than 16 KiB follows in pieces.
CREATE VIEW search_texts AS
 SELECT d.petition_id, p.state, octet_length(d.body) > 16384 AS long,
  d.title || ' ' || d.tags || ' ' || d.summary AS head, d.body
 FROM search_documents AS d JOIN petitions AS p ON p.id = d.petition_id
 WHERE p.state IN ('OPEN', 'PAUSED', 'CLOSED', 'ARCHIVED');

-- Enters a text into the index, in place of the former one: a short text at once. The body of a long one grows in an
-- entry that takes that place when it is complete, and until then the former one is found by the new title as well.
-- +goose StatementBegin
CREATE TRIGGER search_texts_entered INSTEAD OF UPDATE ON search_texts BEGIN
  UPDATE search_entries SET written = NULL WHERE petition_id = new.petition_id AND written IS NOT NULL;
  UPDATE search_entries SET state = NULL WHERE petition_id = new.petition_id AND state IS NOT NULL AND NOT new.long;
  INSERT INTO search_pieces (entry, terms)
  SELECT id, new.head FROM search_entries WHERE petition_id = new.petition_id AND state IS NOT NULL;
  INSERT INTO search_entries (petition_id, state, written, terms) SELECT new.petition_id,
   CASE WHEN EXISTS (SELECT 1 FROM search_entries WHERE petition_id = new.petition_id AND state IS NOT NULL) THEN NULL ELSE new.state END,
   CASE WHEN new.long THEN 0 END, CASE WHEN new.long THEN new.head ELSE new.head || ' ' || new.body END;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER search_documents_inserted AFTER INSERT ON search_documents BEGIN
  UPDATE search_texts SET head = head WHERE petition_id = new.petition_id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER search_documents_updated AFTER UPDATE ON search_documents
 WHEN old.title <> new.title OR old.tags <> new.tags OR old.summary <> new.summary OR old.body <> new.body BEGIN
  UPDATE search_texts SET head = head WHERE petition_id = new.petition_id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER search_documents_deleted AFTER DELETE ON search_documents BEGIN
  UPDATE search_entries SET state = NULL, written = NULL WHERE petition_id = old.petition_id;
END;
-- +goose StatementEnd

-- What is in the index moves to the state, or ceases to be found; what is not enters it.
-- +goose StatementBegin
CREATE TRIGGER petitions_moved AFTER UPDATE OF state ON petitions WHEN old.state <> new.state BEGIN
  UPDATE search_entries SET written = NULL WHERE petition_id = new.id AND written IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM search_texts WHERE petition_id = new.id);
  UPDATE search_entries SET state = (SELECT state FROM search_texts WHERE petition_id = new.id)
   WHERE petition_id = new.id AND state IS NOT NULL;
  UPDATE search_texts SET head = head WHERE petition_id = new.id
   AND NOT EXISTS (SELECT 1 FROM search_entries WHERE petition_id = new.id AND state IS NOT NULL);
END;
-- +goose StatementEnd

UPDATE search_texts SET head = head;
