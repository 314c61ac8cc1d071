-- +goose Up

-- Only SQLite's index changes here.
SELECT 1;
