-- +goose Up

-- The epoch of the run that held the row last: a run that lists everything
-- releases what it did not have to hold again.
ALTER TABLE quarantine ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE quarantine DROP COLUMN epoch;
