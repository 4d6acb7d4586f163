-- +goose Up

-- A sync and its fence: whoever commits must hold the current epoch.
CREATE TABLE syncs (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  epoch INTEGER NOT NULL DEFAULT 0,
  run TEXT NOT NULL DEFAULT '',
  runs INTEGER NOT NULL DEFAULT 0,
  next_link INTEGER NOT NULL DEFAULT 1,
  purged INTEGER NOT NULL DEFAULT 0 -- epoch whose tombstones were forgotten last
);

-- Small stable ids, so that a definition may reorder, add and drop.
CREATE TABLE fields (
  sync INTEGER NOT NULL REFERENCES syncs (id),
  id INTEGER NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  place INTEGER NOT NULL, -- in the definition of the latest run; -1 is retired
  PRIMARY KEY (sync, id),
  UNIQUE (sync, name)
) WITHOUT ROWID;

CREATE TABLE systems (
  id INTEGER PRIMARY KEY,
  sync INTEGER NOT NULL REFERENCES syncs (id),
  name TEXT NOT NULL,
  place INTEGER NOT NULL,
  source TEXT NOT NULL DEFAULT '',
  position TEXT NOT NULL DEFAULT '',
  position_epoch INTEGER NOT NULL DEFAULT 0,
  listed INTEGER NOT NULL DEFAULT 0,
  swept INTEGER NOT NULL DEFAULT 0,
  live INTEGER NOT NULL DEFAULT 0,
  loose INTEGER NOT NULL DEFAULT 0,
  UNIQUE (sync, name)
);

CREATE TABLE revisions (
  sync INTEGER NOT NULL REFERENCES syncs (id),
  number INTEGER NOT NULL,
  yaml TEXT NOT NULL,
  hash TEXT NOT NULL,
  author TEXT NOT NULL,
  at INTEGER NOT NULL,
  deployed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (sync, number)
) WITHOUT ROWID;

CREATE TABLE pauses (
  sync INTEGER NOT NULL REFERENCES syncs (id),
  system TEXT NOT NULL, -- '' is all of them
  reason TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (sync, system)
) WITHOUT ROWID;

CREATE TABLE runs (
  id TEXT NOT NULL PRIMARY KEY,
  sync INTEGER NOT NULL REFERENCES syncs (id),
  number INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  cause TEXT NOT NULL,
  outcome TEXT NOT NULL DEFAULT '',
  started INTEGER NOT NULL,
  ended INTEGER NOT NULL DEFAULT 0,
  result BLOB,
  url TEXT NOT NULL,
  UNIQUE (sync, number)
);

-- What a run has committed already: a second attempt finds its mark.
CREATE TABLE marks (
  sync INTEGER NOT NULL REFERENCES syncs (id),
  run TEXT NOT NULL,
  step TEXT NOT NULL,
  part TEXT NOT NULL,
  result BLOB,
  PRIMARY KEY (sync, run, step, part)
) WITHOUT ROWID;

-- n is sync << 48 | home slot << 32 | serial number: links of one bucket lie
-- side by side. handle finds a link by its id. body is described in body.go.
CREATE TABLE links (
  n INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  handle INTEGER NOT NULL,
  rev INTEGER NOT NULL,
  dead INTEGER NOT NULL DEFAULT 0, -- epoch in which it became a tombstone
  owes INTEGER NOT NULL DEFAULT 0, -- how many systems it is owed to
  body BLOB NOT NULL
);
CREATE INDEX links_by_handle ON links (handle);
CREATE INDEX links_dead ON links (dead) WHERE dead > 0;

-- Every row ever seen, by key: where it belongs, what it is, and a print of
-- what was seen, so that a row that is as it was needs no second look. A print
-- of 0 asks for one. link 0 is a loose row.
CREATE TABLE members (
  system INTEGER NOT NULL REFERENCES systems (id),
  key BLOB NOT NULL,
  link INTEGER NOT NULL,
  state INTEGER NOT NULL, -- twice the state's number, plus 1 if seen since our last write
  print INTEGER NOT NULL,
  PRIMARY KEY (system, key)
) WITHOUT ROWID;

-- Rows that were seen and belong to no link.
CREATE TABLE loose (
  system INTEGER NOT NULL REFERENCES systems (id),
  key BLOB NOT NULL,
  slot INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (system, key)
) WITHOUT ROWID;
CREATE INDEX loose_by_slot ON loose (system, slot);

-- Who holds a match text: a link, or (link 0) a loose row.
CREATE TABLE matches (
  sync INTEGER NOT NULL REFERENCES syncs (id),
  hash BLOB NOT NULL,
  link INTEGER NOT NULL,
  system INTEGER NOT NULL,
  key BLOB NOT NULL,
  PRIMARY KEY (sync, hash, link, system, key)
) WITHOUT ROWID;

CREATE TABLE owed (
  system INTEGER NOT NULL REFERENCES systems (id),
  link INTEGER NOT NULL,
  op TEXT NOT NULL,
  PRIMARY KEY (system, link)
) WITHOUT ROWID;
CREATE INDEX owed_by_op ON owed (system, op);

-- Creations that may have happened.
CREATE TABLE intents (
  system INTEGER NOT NULL REFERENCES systems (id),
  link_id TEXT NOT NULL,
  intent TEXT NOT NULL,
  PRIMARY KEY (system, link_id)
) WITHOUT ROWID;

CREATE TABLE conflicts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sync INTEGER NOT NULL REFERENCES syncs (id),
  subject INTEGER NOT NULL, -- hash of the link, or of the row without one
  link_id TEXT NOT NULL,
  system INTEGER NOT NULL,
  key BLOB NOT NULL,
  kind TEXT NOT NULL,
  field INTEGER NOT NULL,
  digest TEXT NOT NULL,
  opened INTEGER NOT NULL,
  deadline INTEGER NOT NULL,
  skip_until INTEGER NOT NULL,
  seen INTEGER NOT NULL,
  state TEXT NOT NULL,
  body BLOB NOT NULL
);
CREATE UNIQUE INDEX conflicts_open ON conflicts (sync, subject, kind, field) WHERE state <> 'closed';

CREATE TABLE decisions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sync INTEGER NOT NULL REFERENCES syncs (id),
  conflict INTEGER NOT NULL REFERENCES conflicts (id),
  digest TEXT NOT NULL,
  verb TEXT NOT NULL,
  system INTEGER NOT NULL,
  value BLOB NOT NULL,
  link_id TEXT NOT NULL,
  until INTEGER NOT NULL,
  who TEXT NOT NULL,
  why TEXT NOT NULL,
  at INTEGER NOT NULL,
  state TEXT NOT NULL
);
CREATE INDEX decisions_by_state ON decisions (sync, state);
CREATE INDEX decisions_by_conflict ON decisions (conflict);

CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  system INTEGER NOT NULL REFERENCES systems (id),
  key BLOB NOT NULL,
  link_id TEXT NOT NULL,
  field TEXT NOT NULL,
  reason TEXT NOT NULL,
  since INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  state TEXT NOT NULL,
  UNIQUE (system, key, link_id)
);

CREATE TABLE journal (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sync INTEGER NOT NULL REFERENCES syncs (id),
  run TEXT NOT NULL,
  system INTEGER NOT NULL, -- 0: the base itself
  link_id TEXT NOT NULL,
  handle INTEGER NOT NULL,
  key BLOB NOT NULL,
  op TEXT NOT NULL,
  rule TEXT NOT NULL,
  at INTEGER NOT NULL,
  body BLOB NOT NULL
);
CREATE INDEX journal_by_op ON journal (system, op, at);
CREATE INDEX journal_by_handle ON journal (handle);

CREATE TABLE approvals (
  sync INTEGER NOT NULL REFERENCES syncs (id),
  hash TEXT NOT NULL,
  run TEXT NOT NULL,
  count INTEGER NOT NULL,
  who TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (sync, hash)
) WITHOUT ROWID;

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
