-- The journal: append-only events, and the text of every program they speak of.
CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  at REAL NOT NULL,
  name TEXT NOT NULL,
  experiment TEXT,
  body TEXT NOT NULL
) STRICT;

CREATE INDEX events_by_experiment ON events (experiment) WHERE experiment IS NOT NULL;

CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

-- zlib-compressed UTF-8 of the surface, by the commit that holds it: enough to make the repository anew.
CREATE TABLE sources (
  commit_id TEXT PRIMARY KEY,
  body BLOB NOT NULL
) STRICT;
