-- +goose Up

-- A digest is of petition and address together, so that it needs no petition beside it to be one of a kind, and half of
-- it is enough. Every signature enters this index at random; now it has half the pages.
DROP INDEX signature_petition_id_digest;
UPDATE signatures SET digest = substr(digest, 1, 16) WHERE length(digest) > 16;
CREATE UNIQUE INDEX signature_digest ON signatures (digest);
