-- +goose Up

-- A sync and its fence: whoever commits must hold the current epoch.
CREATE TABLE syncs (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  epoch BIGINT NOT NULL DEFAULT 0,
  run TEXT NOT NULL DEFAULT '',
  runs BIGINT NOT NULL DEFAULT 0,
  next_link BIGINT NOT NULL DEFAULT 1,
  purged BIGINT NOT NULL DEFAULT 0 -- epoch whose tombstones were forgotten last
);

-- Small stable ids, so that a definition may reorder, add and drop.
CREATE TABLE fields (
  sync BIGINT NOT NULL REFERENCES syncs (id),
  id BIGINT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  place BIGINT NOT NULL, -- in the definition of the latest run; -1 is retired
  PRIMARY KEY (sync, id),
  UNIQUE (sync, name)
);

CREATE TABLE systems (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sync BIGINT NOT NULL REFERENCES syncs (id),
  name TEXT NOT NULL,
  place BIGINT NOT NULL,
  source TEXT NOT NULL DEFAULT '',
  position TEXT NOT NULL DEFAULT '',
  position_epoch BIGINT NOT NULL DEFAULT 0,
  listed BIGINT NOT NULL DEFAULT 0,
  swept BIGINT NOT NULL DEFAULT 0,
  live BIGINT NOT NULL DEFAULT 0,
  loose BIGINT NOT NULL DEFAULT 0,
  UNIQUE (sync, name)
);

CREATE TABLE revisions (
  sync BIGINT NOT NULL REFERENCES syncs (id),
  number BIGINT NOT NULL,
  yaml TEXT NOT NULL,
  hash TEXT NOT NULL,
  author TEXT NOT NULL,
  at BIGINT NOT NULL,
  deployed BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (sync, number)
);

CREATE TABLE pauses (
  sync BIGINT NOT NULL REFERENCES syncs (id),
  system TEXT NOT NULL, -- '' is all of them
  reason TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (sync, system)
);

CREATE TABLE runs (
  id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  sync BIGINT NOT NULL REFERENCES syncs (id),
  number BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  cause TEXT NOT NULL,
  outcome TEXT NOT NULL DEFAULT '',
  started BIGINT NOT NULL,
  ended BIGINT NOT NULL DEFAULT 0,
  result BYTEA,
  url TEXT NOT NULL,
  UNIQUE (sync, number)
);

-- What a run has committed already: a second attempt finds its mark.
CREATE TABLE marks (
  sync BIGINT NOT NULL REFERENCES syncs (id),
  run TEXT NOT NULL,
  step TEXT NOT NULL,
  part TEXT NOT NULL,
  result BYTEA,
  PRIMARY KEY (sync, run, step, part)
);

-- n is sync << 48 | home slot << 32 | serial number: links of one bucket lie
-- side by side. handle finds a link by its id. body is described in body.go.
CREATE TABLE links (
  n BIGINT PRIMARY KEY,
  id TEXT COLLATE "C" NOT NULL,
  handle BIGINT NOT NULL,
  rev BIGINT NOT NULL,
  dead BIGINT NOT NULL DEFAULT 0, -- epoch in which it became a tombstone
  owes BIGINT NOT NULL DEFAULT 0, -- how many systems it is owed to
  body BYTEA NOT NULL
);
CREATE INDEX links_by_handle ON links (handle);
CREATE INDEX links_dead ON links (dead) WHERE dead > 0;

-- Every row ever seen, by key: where it belongs, what it is, and a print of
-- what was seen, so that a row that is as it was needs no second look. A print
-- of 0 asks for one. link 0 is a loose row.
CREATE TABLE members (
  system BIGINT NOT NULL REFERENCES systems (id),
  key BYTEA NOT NULL,
  link BIGINT NOT NULL,
  state BIGINT NOT NULL, -- twice the state's number, plus 1 if seen since our last write
  print BIGINT NOT NULL,
  PRIMARY KEY (system, key)
);

-- Rows that were seen and belong to no link.
CREATE TABLE loose (
  system BIGINT NOT NULL REFERENCES systems (id),
  key BYTEA NOT NULL,
  slot BIGINT NOT NULL,
  body BYTEA NOT NULL,
  PRIMARY KEY (system, key)
);
CREATE INDEX loose_by_slot ON loose (system, slot);

-- Who holds a match text: a link, or (link 0) a loose row.
CREATE TABLE matches (
  sync BIGINT NOT NULL REFERENCES syncs (id),
  hash BYTEA NOT NULL,
  link BIGINT NOT NULL,
  system BIGINT NOT NULL,
  key BYTEA NOT NULL,
  PRIMARY KEY (sync, hash, link, system, key)
);

CREATE TABLE owed (
  system BIGINT NOT NULL REFERENCES systems (id),
  link BIGINT NOT NULL,
  op TEXT NOT NULL,
  PRIMARY KEY (system, link)
);
CREATE INDEX owed_by_op ON owed (system, op);

-- Creations that may have happened.
CREATE TABLE intents (
  system BIGINT NOT NULL REFERENCES systems (id),
  link_id TEXT NOT NULL,
  intent TEXT NOT NULL,
  PRIMARY KEY (system, link_id)
);

CREATE TABLE conflicts (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sync BIGINT NOT NULL REFERENCES syncs (id),
  subject BIGINT NOT NULL, -- hash of the link, or of the row without one
  link_id TEXT NOT NULL,
  system BIGINT NOT NULL,
  key BYTEA NOT NULL,
  kind TEXT NOT NULL,
  field BIGINT NOT NULL,
  digest TEXT NOT NULL,
  opened BIGINT NOT NULL,
  deadline BIGINT NOT NULL,
  skip_until BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  state TEXT NOT NULL,
  body BYTEA NOT NULL
);
CREATE UNIQUE INDEX conflicts_open ON conflicts (sync, subject, kind, field) WHERE state <> 'closed';

CREATE TABLE decisions (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sync BIGINT NOT NULL REFERENCES syncs (id),
  conflict BIGINT NOT NULL REFERENCES conflicts (id),
  digest TEXT NOT NULL,
  verb TEXT NOT NULL,
  system BIGINT NOT NULL,
  value BYTEA NOT NULL,
  link_id TEXT NOT NULL,
  until BIGINT NOT NULL,
  who TEXT NOT NULL,
  why TEXT NOT NULL,
  at BIGINT NOT NULL,
  state TEXT NOT NULL
);
CREATE INDEX decisions_by_state ON decisions (sync, state);
CREATE INDEX decisions_by_conflict ON decisions (conflict);

CREATE TABLE quarantine (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  system BIGINT NOT NULL REFERENCES systems (id),
  key BYTEA NOT NULL,
  link_id TEXT NOT NULL,
  field TEXT NOT NULL,
  reason TEXT NOT NULL,
  since BIGINT NOT NULL,
  tries BIGINT NOT NULL,
  state TEXT NOT NULL,
  UNIQUE (system, key, link_id)
);

CREATE TABLE journal (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sync BIGINT NOT NULL REFERENCES syncs (id),
  run TEXT NOT NULL,
  system BIGINT NOT NULL, -- 0: the base itself
  link_id TEXT NOT NULL,
  handle BIGINT NOT NULL,
  key BYTEA NOT NULL,
  op TEXT NOT NULL,
  rule TEXT NOT NULL,
  at BIGINT NOT NULL,
  body BYTEA NOT NULL
);
CREATE INDEX journal_by_op ON journal (system, op, at);
CREATE INDEX journal_by_handle ON journal (handle);

CREATE TABLE approvals (
  sync BIGINT NOT NULL REFERENCES syncs (id),
  hash TEXT NOT NULL,
  run TEXT NOT NULL,
  count BIGINT NOT NULL,
  who TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (sync, hash)
);

-- +goose Down
DROP TABLE approvals;
DROP TABLE journal;
DROP TABLE quarantine;
DROP TABLE decisions;
DROP TABLE conflicts;
DROP TABLE intents;
DROP TABLE owed;
DROP TABLE matches;
DROP TABLE loose;
DROP TABLE members;
DROP TABLE links;
DROP TABLE marks;
DROP TABLE runs;
DROP TABLE pauses;
DROP TABLE revisions;
DROP TABLE systems;
DROP TABLE fields;
DROP TABLE syncs;
