"""The tables of a campaign, as numbered migrations.

Facts are appended and never changed: triggers refuse every update and delete. What follows from
the facts (a batch is closed, a run is interrupted) is derived by the queries, not kept twice.

A released migration is frozen: ``tests/data`` keeps one file of every released schema. Statements
keep to SQLite 3.22, which old systems still ship.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcal.errors import StoreError

from .database import Database

__all__ = ["APPLICATION_ID", "MIGRATIONS", "Migration", "migrate"]

Migration = tuple[str, ...]

APPLICATION_ID = 0x6D63616C  # "mcal" in ASCII, so that `file` and a stray database are told apart

_TABLES_1 = (
    """
    CREATE TABLE campaign (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        settings_json TEXT NOT NULL,
        n_pool INTEGER NOT NULL CHECK (n_pool > 0),
        classes TEXT NOT NULL,
        pool_kind TEXT NOT NULL,
        pool_fingerprint TEXT NOT NULL,
        mcal_version TEXT NOT NULL,
        created_at TEXT NOT NULL
    )""",
    """
    CREATE TABLE broken_items (
        item INTEGER PRIMARY KEY CHECK (item >= 0),
        reason TEXT NOT NULL
    )""",
    """
    CREATE TABLE batches (
        batch INTEGER PRIMARY KEY,
        batch_id TEXT NOT NULL UNIQUE,
        purpose TEXT NOT NULL CHECK (purpose IN ('test', 'train', 'audit', 'rest')),
        round INTEGER NOT NULL CHECK (round >= 0),
        selection TEXT NOT NULL,
        engine TEXT NOT NULL,
        price_nano INTEGER NOT NULL CHECK (typeof(price_nano) = 'integer' AND price_nano >= 0),
        n_items INTEGER NOT NULL CHECK (n_items > 0),
        reason TEXT NOT NULL,
        created_at TEXT NOT NULL
    )""",
    # One row per item that was ever ordered: the key is what keeps an item from being bought twice.
    """
    CREATE TABLE batch_items (
        item INTEGER PRIMARY KEY CHECK (item >= 0),
        batch INTEGER NOT NULL REFERENCES batches,
        position INTEGER NOT NULL CHECK (position >= 0)
    )""",
    """
    CREATE TABLE tickets (
        batch INTEGER PRIMARY KEY REFERENCES batches,
        ticket TEXT NOT NULL,
        submitted_at TEXT NOT NULL
    )""",
    """
    CREATE TABLE runs (
        run INTEGER PRIMARY KEY,
        round INTEGER NOT NULL CHECK (round >= 0),
        classifier TEXT NOT NULL,
        n_train INTEGER NOT NULL CHECK (n_train >= 0),
        seed INTEGER NOT NULL,
        device TEXT NOT NULL,
        started_at TEXT NOT NULL
    )""",
    """
    CREATE TABLE run_heartbeats (
        heartbeat INTEGER PRIMARY KEY,
        run INTEGER NOT NULL REFERENCES runs,
        train_s REAL NOT NULL CHECK (train_s >= 0),
        score_s REAL NOT NULL CHECK (score_s >= 0),
        seen_at TEXT NOT NULL
    )""",
    """
    CREATE TABLE run_ends (
        run INTEGER PRIMARY KEY REFERENCES runs,
        status TEXT NOT NULL CHECK (status IN ('finished', 'interrupted')),
        train_s REAL NOT NULL CHECK (train_s >= 0),
        score_s REAL NOT NULL CHECK (score_s >= 0),
        checkpoint TEXT,
        checkpoint_sha256 TEXT,
        ended_at TEXT NOT NULL,
        CHECK ((status = 'finished') = (checkpoint IS NOT NULL)),
        CHECK ((checkpoint IS NULL) = (checkpoint_sha256 IS NULL))
    )""",
    # Every dollar: one entry per event that costs, also when the price is nothing.
    """
    CREATE TABLE spend (
        entry INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('labels', 'machine_fee', 'training', 'fixed')),
        amount_nano INTEGER NOT NULL CHECK (typeof(amount_nano) = 'integer' AND amount_nano >= 0),
        batch INTEGER REFERENCES batches,
        n_labels INTEGER CHECK (n_labels > 0),
        run INTEGER REFERENCES runs,
        spent_at TEXT NOT NULL,
        CHECK ((kind = 'labels') = (batch IS NOT NULL)),
        CHECK ((kind = 'labels') = (n_labels IS NOT NULL)),
        CHECK ((kind IN ('training', 'fixed')) = (run IS NOT NULL))
    )""",
    """
    CREATE TABLE labels (
        item INTEGER PRIMARY KEY REFERENCES batch_items,
        label INTEGER NOT NULL CHECK (typeof(label) = 'integer' AND label >= -1),
        entry INTEGER NOT NULL REFERENCES spend
    )""",
    """
    CREATE TABLE estimates (
        estimate INTEGER PRIMARY KEY,
        round INTEGER NOT NULL CHECK (round >= 0),
        classifier TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('profile', 'fit', 'plan', 'cost')),
        payload TEXT NOT NULL,
        created_at TEXT NOT NULL,
        UNIQUE (round, classifier, kind)
    )""",
    """
    CREATE TABLE actions (
        action INTEGER PRIMARY KEY,
        round INTEGER NOT NULL CHECK (round >= 0),
        name TEXT NOT NULL,
        reason TEXT NOT NULL,
        details TEXT NOT NULL,
        created_at TEXT NOT NULL
    )""",
    """
    CREATE TABLE machine_labelling (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        round INTEGER NOT NULL CHECK (round >= 0),
        classifier TEXT NOT NULL,
        fee_nano INTEGER NOT NULL CHECK (typeof(fee_nano) = 'integer' AND fee_nano >= 0),
        n_items INTEGER NOT NULL CHECK (n_items >= 0),
        created_at TEXT NOT NULL
    )""",
    # Rows, not one blob: a second or two more to write, but SQL can keep them apart from people's.
    """
    CREATE TABLE machine_labels (
        item INTEGER PRIMARY KEY CHECK (item >= 0),
        label INTEGER NOT NULL CHECK (typeof(label) = 'integer' AND label >= 0),
        confidence REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1)
    )""",
    """
    CREATE TABLE finish (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        stop_reason TEXT NOT NULL,
        details TEXT NOT NULL,
        finished_at TEXT NOT NULL
    )""",
)

_INDEXES_1 = (
    "CREATE INDEX items_of_batch ON batch_items (batch)",
    "CREATE INDEX heartbeats_of_run ON run_heartbeats (run)",
    "CREATE INDEX spend_of_batch ON spend (batch) WHERE batch IS NOT NULL",
    "CREATE INDEX spend_of_run ON spend (run) WHERE run IS NOT NULL",
    "CREATE INDEX no_labels ON labels (item) WHERE label = -1",
)

_FACTS_1 = (
    "campaign",
    "broken_items",
    "batches",
    "batch_items",
    "tickets",
    "runs",
    "run_heartbeats",
    "run_ends",
    "spend",
    "labels",
    "estimates",
    "actions",
    "machine_labelling",
    "machine_labels",
    "finish",
)

_APPEND_ONLY_1 = tuple(
    f"""
    CREATE TRIGGER {table}_{verb.lower()} BEFORE {verb} ON {table}
    BEGIN SELECT RAISE(ABORT, 'facts are only appended'); END"""
    for table in _FACTS_1
    for verb in ("UPDATE", "DELETE")
)

_CLOSED_1 = tuple(
    f"""
    CREATE TRIGGER {table}_after_finish BEFORE INSERT ON {table}
    WHEN EXISTS (SELECT 1 FROM finish)
    BEGIN SELECT RAISE(ABORT, 'the campaign is finished'); END"""
    for table in ("batches", "spend", "runs", "machine_labelling", "estimates", "actions")
)

_ONE_LABELLER_1 = (
    """
    CREATE TRIGGER person_or_machine BEFORE INSERT ON batch_items
    WHEN EXISTS (SELECT 1 FROM machine_labels WHERE item = NEW.item)
    BEGIN SELECT RAISE(ABORT, 'an item of the batch has its machine label already'); END""",
    """
    CREATE TRIGGER machine_or_person BEFORE INSERT ON machine_labels
    WHEN EXISTS (SELECT 1 FROM batch_items WHERE item = NEW.item)
    BEGIN SELECT RAISE(ABORT, 'an item to be machine-labelled is with people already'); END""",
)

# The ranking that an audit was drawn from, most confident first: blobs of little-endian numbers,
# because it is written once, read whole, and never looked into by a query.
_RANKING_2 = (
    """
    CREATE TABLE ranking (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        round INTEGER NOT NULL CHECK (round >= 0),
        classifier TEXT NOT NULL,
        n_items INTEGER NOT NULL CHECK (n_items >= 0),
        items BLOB NOT NULL CHECK (typeof(items) = 'blob' AND length(items) = 8 * n_items),
        labels BLOB NOT NULL CHECK (typeof(labels) = 'blob' AND length(labels) = 4 * n_items),
        deficits BLOB NOT NULL CHECK (typeof(deficits) = 'blob' AND length(deficits) = 8 * n_items),
        created_at TEXT NOT NULL
    )""",
    *(
        f"""
    CREATE TRIGGER ranking_{verb.lower()} BEFORE {verb} ON ranking
    BEGIN SELECT RAISE(ABORT, 'facts are only appended'); END"""
        for verb in ("UPDATE", "DELETE")
    ),
    """
    CREATE TRIGGER ranking_after_finish BEFORE INSERT ON ranking
    WHEN EXISTS (SELECT 1 FROM finish)
    BEGIN SELECT RAISE(ABORT, 'the campaign is finished'); END""",
)

# Two more kinds of estimates. SQLite cannot change a constraint, so the table is made anew;
# dropping one fires no trigger.
_ESTIMATES_3 = (
    """
    CREATE TABLE estimates_3 (
        estimate INTEGER PRIMARY KEY,
        round INTEGER NOT NULL CHECK (round >= 0),
        classifier TEXT NOT NULL,
        kind TEXT NOT NULL
            CHECK (kind IN ('profile', 'fit', 'plan', 'cost', 'cells', 'outlook')),
        payload TEXT NOT NULL,
        created_at TEXT NOT NULL,
        UNIQUE (round, classifier, kind)
    )""",
    "INSERT INTO estimates_3 SELECT estimate, round, classifier, kind, payload, created_at"
    " FROM estimates",
    "DROP TABLE estimates",
    "ALTER TABLE estimates_3 RENAME TO estimates",
    *(
        f"""
    CREATE TRIGGER estimates_{verb.lower()} BEFORE {verb} ON estimates
    BEGIN SELECT RAISE(ABORT, 'facts are only appended'); END"""
        for verb in ("UPDATE", "DELETE")
    ),
    """
    CREATE TRIGGER estimates_after_finish BEFORE INSERT ON estimates
    WHEN EXISTS (SELECT 1 FROM finish)
    BEGIN SELECT RAISE(ABORT, 'the campaign is finished'); END""",
)

# Prices that change inside a batch, as volume prices do: its items at `first` and later, in the
# order chosen, cost so much each. A batch of one price has `batches.price_nano` alone.
_PRICE_STEPS_4 = (
    """
    CREATE TABLE price_steps (
        batch INTEGER NOT NULL REFERENCES batches,
        first INTEGER NOT NULL CHECK (first > 0),
        price_nano INTEGER NOT NULL CHECK (typeof(price_nano) = 'integer' AND price_nano >= 0),
        PRIMARY KEY (batch, first)
    ) WITHOUT ROWID""",
    *(
        f"""
    CREATE TRIGGER price_steps_{verb.lower()} BEFORE {verb} ON price_steps
    BEGIN SELECT RAISE(ABORT, 'facts are only appended'); END"""
        for verb in ("UPDATE", "DELETE")
    ),
    """
    CREATE TRIGGER price_steps_after_told BEFORE INSERT ON price_steps
    WHEN EXISTS (SELECT 1 FROM spend WHERE batch = NEW.batch)
    BEGIN SELECT RAISE(ABORT, 'labels of the batch are paid for'); END""",
)

# Who said what, before it was made one label. Judgements that were ordered with an item are paid by
# its price; one beyond those, such as a third where two people differ, brings a price of its own.
_JUDGEMENTS_5 = (
    """
    CREATE TABLE judgements (
        judgement INTEGER PRIMARY KEY,
        item INTEGER NOT NULL REFERENCES batch_items,
        person TEXT NOT NULL,
        label INTEGER NOT NULL CHECK (typeof(label) = 'integer' AND label >= -1),
        price_nano INTEGER NOT NULL CHECK (typeof(price_nano) = 'integer' AND price_nano >= 0),
        collected_at TEXT NOT NULL,
        UNIQUE (item, person)
    )""",
    "CREATE INDEX further_judgements ON judgements (item, price_nano) WHERE price_nano > 0",
    *(
        f"""
    CREATE TRIGGER judgements_{verb.lower()} BEFORE {verb} ON judgements
    BEGIN SELECT RAISE(ABORT, 'facts are only appended'); END"""
        for verb in ("UPDATE", "DELETE")
    ),
    """
    CREATE TRIGGER judgements_after_finish BEFORE INSERT ON judgements
    WHEN EXISTS (SELECT 1 FROM finish)
    BEGIN SELECT RAISE(ABORT, 'the campaign is finished'); END""",
)

# What people are shown of a model's opinion with a batch: blobs, as a ranking's. Whoever measures a
# model must not have seen its guess.
_GUESSES_5 = (
    """
    CREATE TABLE guesses (
        batch INTEGER PRIMARY KEY REFERENCES batches,
        model TEXT NOT NULL,
        n_items INTEGER NOT NULL CHECK (n_items > 0),
        labels BLOB NOT NULL CHECK (typeof(labels) = 'blob' AND length(labels) = 4 * n_items),
        confidences BLOB NOT NULL
            CHECK (typeof(confidences) = 'blob' AND length(confidences) = 8 * n_items)
    )""",
    *(
        f"""
    CREATE TRIGGER guesses_{verb.lower()} BEFORE {verb} ON guesses
    BEGIN SELECT RAISE(ABORT, 'facts are only appended'); END"""
        for verb in ("UPDATE", "DELETE")
    ),
    """
    CREATE TRIGGER guesses_before_ticket BEFORE INSERT ON guesses
    WHEN EXISTS (SELECT 1 FROM tickets WHERE batch = NEW.batch)
    BEGIN SELECT RAISE(ABORT, 'the batch was sent without guesses'); END""",
    """
    CREATE TRIGGER guesses_measure_nothing BEFORE INSERT ON guesses
    WHEN (SELECT purpose FROM batches WHERE batch = NEW.batch) IN ('test', 'audit')
    BEGIN SELECT RAISE(ABORT, 'people who measure a model see no guess of it'); END""",
)

MIGRATIONS: tuple[Migration, ...] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        *_TABLES_1,
        *_INDEXES_1,
        *_APPEND_ONLY_1,
        *_CLOSED_1,
        *_ONE_LABELLER_1,
    ),
    _RANKING_2,
    _ESTIMATES_3,
    _PRICE_STEPS_4,
    (*_JUDGEMENTS_5, *_GUESSES_5),
)
"""Migration n (counted from 1) takes a file from ``user_version`` n - 1 to n."""


def migrate(database: Database, migrations: Sequence[Migration]) -> None:
    """Bring a file to the newest schema, all steps in one transaction.

    Raises ``StoreError`` for a file that a newer mcal wrote, or that is no campaign.
    """
    (version,) = database.row("PRAGMA user_version")
    (application_id,) = database.row("PRAGMA application_id")
    (n_tables,) = database.row("SELECT COUNT(*) FROM sqlite_master")
    if application_id != APPLICATION_ID and n_tables:
        raise StoreError(f"{database.name}: expected a campaign of mcal, found another database")
    if version > len(migrations):
        raise StoreError(
            f"{database.name}: schema {version} was written by a newer mcal; this one knows "
            f"schemas up to {len(migrations)}: upgrade mcal"
        )
    if version == len(migrations):
        return
    with database.transaction():
        for statements in migrations[version:]:
            for statement in statements:
                database.execute(statement)
        database.execute(f"PRAGMA user_version = {len(migrations)}")
