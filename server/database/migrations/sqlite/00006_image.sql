-- +goose Up

-- A picture for previews of links: an https address, which nobody here loads.
ALTER TABLE petitions ADD COLUMN image_url text NULL;
