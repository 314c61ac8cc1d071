-- +goose Up

-- What the database keeps of the secret that it belongs to: one row, of the key whose id leads every sealed value.
CREATE TABLE fingerprints (
  key_id smallint NOT NULL PRIMARY KEY,
  digest bytea NOT NULL
);
