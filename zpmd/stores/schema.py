"""The tables of the embedded store, as the steps that made them.

Rules: a step that has been released is never edited; a change is a new step at the end. `PRAGMA user_version` is the
number of steps a file has behind it. An empty file goes through all of them.
"""

from __future__ import annotations

STEPS: tuple[str, ...] = (
    """
    CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

    CREATE TABLE intent (
        service TEXT PRIMARY KEY,
        stopped INTEGER NOT NULL DEFAULT 0,
        replicas INTEGER,
        generation INTEGER NOT NULL DEFAULT 0,
        approved INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;

    CREATE TABLE hold (
        service TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        reason TEXT NOT NULL,
        since REAL NOT NULL,
        until REAL
    ) WITHOUT ROWID;

    CREATE TABLE attempt (
        service TEXT NOT NULL,
        slot INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (service, slot)
    ) WITHOUT ROWID;

    CREATE TABLE revision (service TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE hooked (container TEXT PRIMARY KEY, started_at REAL NOT NULL) WITHOUT ROWID;
    CREATE TABLE pulled (image TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
    CREATE TABLE good (source TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;

    CREATE TABLE journal (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at REAL NOT NULL,
        kind TEXT NOT NULL,
        verb TEXT NOT NULL,
        subject TEXT NOT NULL,
        service TEXT NOT NULL,
        code TEXT NOT NULL,
        text TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        actor TEXT NOT NULL,
        result TEXT,
        detail TEXT NOT NULL,
        seconds REAL,
        container_id TEXT NOT NULL
    );
    CREATE INDEX journal_by_service ON journal (service, id);

    CREATE TABLE dossier (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        service TEXT NOT NULL,
        body TEXT NOT NULL
    );
    CREATE INDEX dossier_by_service ON dossier (service, id);
    """,
    # Bodies are sealed from here on (sealing.py). The services of `good` have rows of their own, so that one of
    # hundreds that changed is one row to write.
    """
    CREATE TABLE good_service (
        source TEXT NOT NULL,
        service TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (source, service)
    ) WITHOUT ROWID;

    CREATE TABLE sealed_fact (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE rows (collection TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;

    CREATE TABLE lease (
        tenantcode TEXT NOT NULL,
        integration_id INTEGER NOT NULL,
        port INTEGER NOT NULL,
        leased_at REAL NOT NULL,
        released_at REAL,
        PRIMARY KEY (tenantcode, integration_id)
    ) WITHOUT ROWID;

    CREATE TABLE connection (subject TEXT PRIMARY KEY, status TEXT NOT NULL) WITHOUT ROWID;
    """,
    # A number is never given twice (AUTOINCREMENT): what was said of one drop is not to be read as said of another.
    """
    CREATE TABLE patch (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL,
        stage TEXT NOT NULL,
        body TEXT NOT NULL,
        asked TEXT NOT NULL,
        filed TEXT NOT NULL
    );
    CREATE INDEX patch_by_id ON patch (id, number);

    CREATE TABLE timing (service TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
    """,
    # API keys, by their public half: the body holds a digest, never a key.
    """
    CREATE TABLE token (
        id TEXT PRIMARY KEY,
        body TEXT NOT NULL,
        used_at REAL,
        revoked_at REAL
    ) WITHOUT ROWID;
    """,
    # The head lies apart from the rows, so that rows that are missing at the end are missed.
    """
    CREATE TABLE audit (id INTEGER PRIMARY KEY, previous TEXT NOT NULL, hash TEXT NOT NULL, body TEXT NOT NULL);
    CREATE TABLE audit_head (only INTEGER PRIMARY KEY CHECK (only = 1), id INTEGER NOT NULL, hash TEXT NOT NULL);
    CREATE TABLE audit_begun (number INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
    """,
    # What the story of a replacement tells beside its causes; and the oldest lines are found by their age.
    """
    ALTER TABLE journal ADD COLUMN exit_code INTEGER;
    ALTER TABLE journal ADD COLUMN lived_seconds REAL;
    ALTER TABLE journal ADD COLUMN ready_seconds REAL;
    CREATE INDEX journal_by_time ON journal (at);
    """,
    # Answers to writes that may come again.
    """
    CREATE TABLE answer (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        actor TEXT NOT NULL,
        key TEXT NOT NULL,
        asked TEXT NOT NULL,
        at REAL NOT NULL,
        status INTEGER NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (actor, key)
    );
    """,
    # The ledger of jobs. `kind` and `began` say of the body what is asked for in SQL (jobs.py); logs lie apart, sealed.
    """
    CREATE TABLE run (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        job TEXT NOT NULL,
        due INTEGER NOT NULL,
        kind TEXT NOT NULL,
        began INTEGER NOT NULL,
        body TEXT NOT NULL,
        asked TEXT NOT NULL,
        evidence INTEGER NOT NULL,
        UNIQUE (job, due)
    );
    CREATE INDEX run_by_kind ON run (job, kind, number);
    CREATE INDEX run_by_due ON run (due DESC, job);

    CREATE TABLE run_log (job TEXT NOT NULL, due INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (job, due));
    CREATE TRIGGER run_log_goes AFTER DELETE ON run BEGIN
        DELETE FROM run_log WHERE job = OLD.job AND due = OLD.due;
    END;

    CREATE TABLE job_mark (job TEXT PRIMARY KEY, timetable TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
    ALTER TABLE intent ADD COLUMN suspended TEXT;
    """,
)

SCHEMA = len(STEPS)
