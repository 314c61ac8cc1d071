-- +goose Up

-- What people sign. What moves with every signature stands in counters, so that this wide row is written
-- only when somebody edits it.
CREATE TABLE petitions (
  id uuid NOT NULL,
  slug text NOT NULL,
  title text NOT NULL,
  summary text NOT NULL DEFAULT '',
  body text NOT NULL,
  language text NOT NULL,
  addressees json NOT NULL,
  state text NOT NULL,
  outcome text NULL,
  petitioner text NOT NULL,
  petitioner_address blob NULL,
  starts_at datetime NULL,
  ends_at datetime NULL,
  closed_at datetime NULL,
  created_at datetime NOT NULL,
  updated_at datetime NOT NULL,
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX petitions_slug_key ON petitions (slug);
CREATE INDEX petition_state_created_at_id ON petitions (state, created_at, id);
CREATE INDEX petition_state_starts_at_id ON petitions (state, starts_at, id);
CREATE INDEX petition_state_ends_at_id ON petitions (state, ends_at, id);

-- Names in a petition's address, present and past. One is never given to another petition.
CREATE TABLE slugs (
  slug text NOT NULL,
  created_at datetime NOT NULL,
  petition_id uuid NOT NULL,
  PRIMARY KEY (slug),
  CONSTRAINT slugs_petitions_slugs FOREIGN KEY (petition_id) REFERENCES petitions (id) ON DELETE NO ACTION
);
CREATE INDEX slug_petition_id ON slugs (petition_id);

-- Subjects that petitions share.
CREATE TABLE tags (
  id uuid NOT NULL,
  key text NOT NULL,
  label text NOT NULL,
  open_petitions integer NOT NULL DEFAULT 0,
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX tags_key_key ON tags (key);
CREATE INDEX tag_open_petitions_key ON tags (open_petitions, key);

-- Which petition bears which tag, and at which place.
CREATE TABLE petition_tags (
  position integer NOT NULL DEFAULT 0,
  petition_id uuid NOT NULL,
  tag_id uuid NOT NULL,
  PRIMARY KEY (petition_id, tag_id),
  CONSTRAINT petition_tags_petitions_petition FOREIGN KEY (petition_id) REFERENCES petitions (id) ON DELETE NO ACTION,
  CONSTRAINT petition_tags_tags_tag FOREIGN KEY (tag_id) REFERENCES tags (id) ON DELETE NO ACTION
);
CREATE INDEX petitiontag_tag_id_petition_id ON petition_tags (tag_id, petition_id);

-- The signatures. The two unique keys guard the count: one address signs once, one number is given once.
-- Name and address are sealed; digest, name and address are NULL once a signature is anonymised.
CREATE TABLE signatures (
  id uuid NOT NULL,
  number integer NULL,
  state text NOT NULL,
  digest blob NULL,
  name blob NULL,
  address blob NULL,
  show_name bool NOT NULL,
  country text NULL,
  locale text NULL,
  statement_version text NULL,
  signed_at datetime NOT NULL,
  petition_id uuid NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT signatures_petitions_signatures FOREIGN KEY (petition_id) REFERENCES petitions (id) ON DELETE NO ACTION
);
CREATE UNIQUE INDEX signature_petition_id_digest ON signatures (petition_id, digest);
CREATE UNIQUE INDEX signature_petition_id_number ON signatures (petition_id, number);
CREATE INDEX signature_public ON signatures (petition_id, number) WHERE show_name AND state = 'COUNTED';

-- The figures of each petition, and the lock of all that moves them.
CREATE TABLE counters (
  petition_id uuid NOT NULL,
  total integer NOT NULL DEFAULT 0,
  issued integer NOT NULL DEFAULT 0,
  version integer NOT NULL DEFAULT 0,
  as_of datetime NOT NULL,
  goal integer NOT NULL,
  pending integer NOT NULL DEFAULT 0,
  named integer NOT NULL DEFAULT 0,
  threads integer NOT NULL DEFAULT 0,
  comments integer NOT NULL DEFAULT 0,
  comments_issued integer NOT NULL DEFAULT 0,
  trending real NOT NULL DEFAULT 0,
  accepting bool NOT NULL DEFAULT false,
  since datetime NULL,
  until datetime NULL,
  PRIMARY KEY (petition_id)
);

-- Slightly late copies of the counters by which lists are ordered.
CREATE TABLE ranks (
  petition_id uuid NOT NULL,
  signatures integer NOT NULL DEFAULT 0,
  trending real NOT NULL DEFAULT 0,
  PRIMARY KEY (petition_id)
);
CREATE INDEX rank_signatures_petition_id ON ranks (signatures, petition_id);
CREATE INDEX rank_trending_petition_id ON ranks (trending, petition_id);

-- Signatures added and taken back in each minute.
CREATE TABLE signature_buckets (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  petition_id uuid NOT NULL,
  minute integer NOT NULL,
  added integer NOT NULL DEFAULT 0,
  removed integer NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX signaturebucket_petition_id_minute ON signature_buckets (petition_id, minute);
CREATE INDEX signaturebucket_minute ON signature_buckets (minute);

-- The same by country, over all time.
CREATE TABLE signature_country_buckets (
  id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
  petition_id uuid NOT NULL,
  country text NOT NULL,
  added integer NOT NULL DEFAULT 0,
  removed integer NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX signaturecountrybucket_petition_id_country ON signature_country_buckets (petition_id, country);

-- What was said under petitions, two levels deep.
CREATE TABLE comments (
  id uuid NOT NULL,
  number integer NOT NULL,
  author_name text NULL,
  from_signatory bool NOT NULL DEFAULT false,
  signatory blob NULL,
  body text NOT NULL,
  state text NOT NULL DEFAULT 'VISIBLE',
  likes integer NOT NULL DEFAULT 0,
  replies integer NOT NULL DEFAULT 0,
  created_at datetime NOT NULL,
  edited_at datetime NULL,
  parent_id uuid NULL,
  petition_id uuid NOT NULL,
  PRIMARY KEY (id),
  CONSTRAINT comments_comments_answers FOREIGN KEY (parent_id) REFERENCES comments (id) ON DELETE SET NULL,
  CONSTRAINT comments_petitions_comments FOREIGN KEY (petition_id) REFERENCES petitions (id) ON DELETE NO ACTION
);
CREATE UNIQUE INDEX comment_petition_id_number ON comments (petition_id, number);
CREATE INDEX comment_threads ON comments (petition_id, number) WHERE parent_id IS NULL AND state = 'VISIBLE';
CREATE INDEX comment_liked ON comments (petition_id, likes, number) WHERE parent_id IS NULL AND state = 'VISIBLE';
CREATE INDEX comment_answers ON comments (parent_id, number) WHERE state = 'VISIBLE';
CREATE INDEX comment_signatory ON comments (signatory) WHERE signatory IS NOT NULL;

-- Secrets handed to people, as SHA-256.
CREATE TABLE tokens (
  id uuid NOT NULL,
  hash blob NOT NULL,
  purpose text NOT NULL,
  petition_id uuid NOT NULL,
  created_at datetime NOT NULL,
  expires_at datetime NULL,
  used_at datetime NULL,
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX tokens_hash_key ON tokens (hash);
CREATE INDEX token_petition_id ON tokens (petition_id);

-- Credentials of partners' programs, as SHA-256.
CREATE TABLE api_keys (
  id uuid NOT NULL,
  name text NOT NULL,
  hash blob NOT NULL,
  scopes json NOT NULL,
  created_at datetime NOT NULL,
  expires_at datetime NULL,
  revoked_at datetime NULL,
  PRIMARY KEY (id)
);
CREATE UNIQUE INDEX api_keys_hash_key ON api_keys (hash);

-- What was answered to a caller's key, for 48 hours.
CREATE TABLE idempotency_keys (
  id text NOT NULL,
  input blob NOT NULL,
  answer uuid NOT NULL,
  created_at datetime NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX idempotency_created_at ON idempotency_keys (created_at);

-- What must be sent because something was committed.
CREATE TABLE outbox (
  id uuid NOT NULL,
  kind text NOT NULL,
  petition_id uuid NOT NULL,
  payload blob NOT NULL,
  tries integer NOT NULL DEFAULT 0,
  due_at datetime NOT NULL,
  parked_at datetime NULL,
  created_at datetime NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX outbox_due ON outbox (due_at, id) WHERE parked_at IS NULL;

-- The text by which petitions are found, folded by the program. ent does not know this table. Change its
-- rows by INSERT, UPDATE, DELETE and upsert; REPLACE would pass by the triggers.
CREATE TABLE search_documents (
  id integer PRIMARY KEY,
  petition_id uuid NOT NULL UNIQUE REFERENCES petitions (id) ON DELETE CASCADE,
  title text NOT NULL,
  summary text NOT NULL,
  body text NOT NULL,
  tags text NOT NULL
);

-- Its index, which keeps no text of its own and is moved by the triggers below.
CREATE VIRTUAL TABLE search_index USING fts5 (
  title, tags, summary, body,
  content='search_documents', content_rowid='id', tokenize = 'ascii'
);

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
