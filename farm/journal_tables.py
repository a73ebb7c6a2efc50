"""The tables of a journal. Table ``log`` numbers everything that is written to the others, in the order of commits."""

FORMAT = 2
UPGRADES = {1: "ALTER TABLE attempts ADD COLUMN slot INTEGER"}
"""What makes a journal of a former format one of the next."""

_ENTRY = "INSERT INTO log (at, kind, name, attempt, state, detail) VALUES ((julianday('now') - 2440587.5) * 86400.0,"

TABLES = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tasks (
    position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, command TEXT NOT NULL, timeout REAL,
    ok TEXT NOT NULL, detail TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, accepted INTEGER,
    forgiven INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE attempts (
    task TEXT NOT NULL, attempt INTEGER NOT NULL, worker TEXT NOT NULL, mark TEXT NOT NULL, state TEXT NOT NULL,
    started REAL NOT NULL, ended REAL, code INTEGER, signal INTEGER, reason TEXT, wall REAL, cpu REAL, rss INTEGER,
    result TEXT, slot INTEGER, PRIMARY KEY (task, attempt)
) WITHOUT ROWID;
CREATE TABLE events (at REAL NOT NULL, worker TEXT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE log (
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, attempt INTEGER,
    state TEXT NOT NULL, detail TEXT
);
CREATE TRIGGER run_noted AFTER INSERT ON meta WHEN new.key IN ('begun', 'ended') BEGIN
    {_ENTRY} 'run', '', NULL, new.key, NULL);
END;
CREATE TRIGGER task_settled AFTER UPDATE OF state ON tasks WHEN old.state != new.state BEGIN
    {_ENTRY} 'task', new.id, new.accepted, new.state, nullif(new.reason, ''));
END;
CREATE TRIGGER attempt_started AFTER INSERT ON attempts BEGIN
    {_ENTRY} 'attempt', new.task, new.attempt, new.state, NULL);
END;
CREATE TRIGGER attempt_changed AFTER UPDATE OF state ON attempts WHEN old.state != new.state BEGIN
    {_ENTRY} 'attempt', new.task, new.attempt, new.state, new.reason);
END;
CREATE TRIGGER event_happened AFTER INSERT ON events BEGIN
    {_ENTRY} 'worker', new.worker, NULL, new.what, new.detail);
END;
"""
