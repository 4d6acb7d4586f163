-- +goose Up

-- By which mappings the system's rows were read, as JSON: where a definition
-- changes, only the fields that are read otherwise meet for the first time.
ALTER TABLE systems ADD COLUMN mappings TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE systems DROP COLUMN mappings;
