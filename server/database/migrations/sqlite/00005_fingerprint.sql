-- +goose Up

-- What the database keeps of the secret that it belongs to: one row, of the key whose id leads every sealed value.
CREATE TABLE fingerprints (
  key_id integer NOT NULL PRIMARY KEY,
  digest blob NOT NULL
);
