-- +goose Up

-- What a system looked like when it was last reached, as JSON: while it cannot
-- be reached, the others go on by it.
ALTER TABLE systems ADD COLUMN described TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE systems DROP COLUMN described;
