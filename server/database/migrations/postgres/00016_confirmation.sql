-- +goose Up

-- A signature may wait for its mailbox. What it has meanwhile: the digest of the token in its mails, and of the code that
-- can be typed instead, which goes once it counts; the reason for signing, sealed until it becomes a comment; whether news
-- may be sent; and which mails were. All columns may be empty, as for those that counted at once.
ALTER TABLE signatures ADD COLUMN token bytea NULL;
ALTER TABLE signatures ADD COLUMN code bytea NULL;
ALTER TABLE signatures ADD COLUMN reason bytea NULL;
ALTER TABLE signatures ADD COLUMN updates boolean NOT NULL DEFAULT false;
ALTER TABLE signatures ADD COLUMN confirmed_at timestamptz NULL;
ALTER TABLE signatures ADD COLUMN mails smallint NOT NULL DEFAULT 0;
ALTER TABLE signatures ADD COLUMN mailed_at timestamptz NULL;
ALTER TABLE signatures ADD COLUMN reminded_at timestamptz NULL;
CREATE UNIQUE INDEX signature_token ON signatures (token) WHERE token IS NOT NULL;
CREATE UNIQUE INDEX signature_code ON signatures (code) WHERE code IS NOT NULL;

-- What waits, the oldest first.
CREATE INDEX signature_pending ON signatures (signed_at, id) WHERE state = 'PENDING';
