-- +goose Up

-- How many mails an address has got in a day that others can have sent to it. The digest of an address is another one
-- each day, so that what is here cannot be linked to anything; rows of days that are over are deleted.
CREATE TABLE mailbox_days (
  mailbox blob NOT NULL PRIMARY KEY,
  day integer NOT NULL, -- from 1970, in UTC
  mails integer NOT NULL
);
CREATE INDEX mailbox_days_day ON mailbox_days (day);

-- What waits and was not reminded yet, the oldest first.
CREATE INDEX signature_unreminded ON signatures (signed_at, id) WHERE state = 'PENDING' AND reminded_at IS NULL;
