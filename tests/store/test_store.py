"""Beginning, opening, locking, migrating; what happens to a store when things go wrong."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from mcal.errors import CampaignBusyError, StoreError
from mcal.store import FILE_NAME, KNOWN, Store
from mcal.store import store as store_module
from mcal.store.schema import MIGRATIONS


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_a_campaign_began_with_is_read_back(create, tmp_path):
    with create() as store:
        written = store.campaign
    with Store.open(tmp_path / "campaign") as store:
        assert store.campaign == written
    assert written.classes == ("cat", "dog", "émeu")
    assert written.broken == {7: "truncated file"}
    assert written.n_pool == 100
    assert written.created_at.endswith("+00:00")


def test_a_second_campaign_in_the_same_folder_is_refused(create):
    create().close()
    with pytest.raises(StoreError, match="expected no campaign, found one"):
        create()


def test_opening_nothing_is_refused_and_leaves_nothing(tmp_path):
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"\(campaign.sqlite\), found none"):
            Store.open(tmp_path, read_only=read_only)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read_only", [False, True])
def test_files_that_are_no_campaign_are_refused(tmp_path, read_only):
    (tmp_path / FILE_NAME).write_bytes(b"not a database, but long enough to look" * 100)
    with pytest.raises(StoreError, match="not a database") as caught:
        Store.open(tmp_path, read_only=read_only)
    assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)
    (tmp_path / FILE_NAME).unlink()
    other = sqlite3.connect(tmp_path / FILE_NAME)
    other.execute("CREATE TABLE somebody_elses (x)")
    other.close()
    with pytest.raises(StoreError, match="found another database"):
        Store.open(tmp_path, read_only=read_only)
    (tmp_path / FILE_NAME).unlink()
    (tmp_path / FILE_NAME).touch()  # killed before the first transaction
    with pytest.raises(StoreError, match="found an empty file"):
        Store.open(tmp_path, read_only=read_only)


def test_a_folder_where_create_was_killed_can_be_used(create, tmp_path):
    (tmp_path / "campaign").mkdir()
    (tmp_path / "campaign" / FILE_NAME).touch()
    assert create().campaign.n_pool == 100


@pytest.mark.parametrize(
    ("changes", "message"), [({"n_pool": 0}, "n_pool"), ({"broken": {100: "x"}}, "broken")]
)
def test_impossible_campaigns_are_the_caller_s_mistake(create, changes, message):
    with pytest.raises(ValueError, match=message):
        create(**changes)


def test_a_second_writer_is_told_who_has_the_campaign(create, tmp_path):
    folder = tmp_path / "campaign"
    with create():
        result = run_python(
            """
            import sys
            from pathlib import Path
            from mcal.errors import CampaignBusyError
            from mcal.store import Store
            try:
                Store.open(Path(sys.argv[1]))
            except CampaignBusyError as error:
                print(error)
            """,
            folder,
        )
        assert "another process has this campaign (process " in result.stdout, result.stderr
        holder = json.loads((folder / "campaign.holder").read_text())
        assert f"process {holder['pid']} on {holder['host']}, since 2" in result.stdout
        with pytest.raises(CampaignBusyError):  # from the same process too
            Store.open(folder)
        (folder / "campaign.holder").unlink()
        with pytest.raises(CampaignBusyError, match="has this campaign; wait"):
            Store.open(folder)
    assert not (folder / "campaign.holder").exists()
    Store.open(folder).close()


def test_the_lock_of_a_killed_process_is_free(create, tmp_path):
    create().close()
    result = run_python(
        """
        import os, signal, sys
        from pathlib import Path
        from mcal.store import Store
        store = Store.open(Path(sys.argv[1]))
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        tmp_path / "campaign",
    )
    assert result.returncode == -9, result.stderr
    Store.open(tmp_path / "campaign").close()


def test_readers_see_what_a_writer_commits_and_cannot_write(create, buy, tmp_path):
    with create() as store, Store.open(tmp_path / "campaign", read_only=True) as reader:
        batch_id = buy(store, [1, 2, 3])
        assert [batch.batch_id for batch in reader.batches()] == [batch_id]
        with reader.transaction():
            assert len(reader.labels().labels) == 0
            store.tell(batch_id, [1], [0])
            assert len(reader.labels().labels) == 0  # one moment's view
        assert len(reader.labels().labels) == 1
        with pytest.raises(StoreError, match="opened for reading"):
            reader.tell(batch_id, [2], [0])
        with pytest.raises(StoreError, match="opened for reading"):
            buy(reader, [4])


def test_a_read_only_medium_can_be_read(create, buy, tmp_path, monkeypatch):
    with create() as store:
        buy(store, [1])
    connect = sqlite3.connect

    def connect_on_a_read_only_medium(name, **options):
        # A test cannot mount one: this is the error that SQLite gives there.
        return connect(name if "immutable" in name else "file:/no/such?mode=ro", **options)

    monkeypatch.setattr(sqlite3, "connect", connect_on_a_read_only_medium)
    with Store.open(tmp_path / "campaign", read_only=True) as reader:
        assert len(reader.batches()) == 1
    (tmp_path / "campaign" / f"{FILE_NAME}-wal").touch()  # somebody may be writing
    with pytest.raises(StoreError, match="unable to open"):
        Store.open(tmp_path / "campaign", read_only=True)


def test_transactions_nest(create, buy):
    store = create()

    def buy_both(first, second):
        with store.transaction():
            return buy(store, [first]), buy(store, [second])

    with store.transaction():
        before = buy(store, [1])
        with pytest.raises(StoreError, match="in batch"):
            buy_both(2, 1)
        after = buy_both(2, 3)
    assert [batch.batch_id for batch in store.batches()] == [before, *after]
    with pytest.raises(StoreError, match="in batch"):
        buy_both(4, 1)
    assert len(store.batches()) == 3


def test_facts_can_be_neither_changed_nor_deleted(create, buy, tmp_path):
    with create() as store:
        store.tell(buy(store, [1]), [1], [2])
    raw = sqlite3.connect(tmp_path / "campaign" / FILE_NAME)
    tables = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type='table'")]
    assert len(tables) == 19
    for table in tables:
        triggers = {
            sql.split(" ON ")[0].split()[-1]
            for (sql,) in raw.execute(
                "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,)
            )
            if "facts are only appended" in sql
        }
        assert triggers == {"UPDATE", "DELETE"}, table
    for statement in ("UPDATE labels SET label = 0", "DELETE FROM spend"):
        with pytest.raises(sqlite3.IntegrityError, match="only appended"):
            raw.execute(statement)
    raw.close()


NEXT = ("ALTER TABLE batches ADD COLUMN votes INTEGER NOT NULL DEFAULT 1",)


def test_an_old_file_is_migrated_by_a_writer_and_only_read_by_a_reader(
    create, buy, tmp_path, monkeypatch
):
    folder = tmp_path / "campaign"
    with create() as store:
        batch_id = buy(store, [1])
    monkeypatch.setattr(store_module, "MIGRATIONS", (*MIGRATIONS, NEXT))
    with Store.open(folder, read_only=True) as reader:
        assert [batch.batch_id for batch in reader.batches()] == [batch_id]
        with pytest.raises(StoreError, match="opened for reading"):
            buy(reader, [2])
    raw = sqlite3.connect(folder / FILE_NAME)
    assert raw.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    with Store.open(folder):
        pass
    assert raw.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
    assert raw.execute("SELECT votes FROM batches").fetchall() == [(1,)]
    raw.close()


def test_a_migration_that_fails_changes_nothing(create, tmp_path, monkeypatch):
    create().close()
    monkeypatch.setattr(store_module, "MIGRATIONS", (*MIGRATIONS, (*NEXT, "NOT SQL")))
    with pytest.raises(StoreError, match="syntax error"):
        Store.open(tmp_path / "campaign")
    monkeypatch.undo()
    Store.open(tmp_path / "campaign").close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_of_a_newer_mcal_is_refused(create, tmp_path, read_only):
    create().close()
    raw = sqlite3.connect(tmp_path / "campaign" / FILE_NAME)
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(StoreError, match="schema 99 was written by a newer mcal"):
        Store.open(tmp_path / "campaign", read_only=read_only)


def test_a_full_disk_is_a_store_error_and_loses_nothing(create, buy, tmp_path):
    with create(n_pool=200_000) as store:
        batch_id = buy(store, np.arange(1000))
    result = run_python(
        """
        import resource, sys
        from pathlib import Path
        import numpy as np
        from mcal.errors import StoreError
        from mcal.store import Store
        from mcal.types import Purpose
        store = Store.open(Path(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        try:
            store.add_batch(purpose=Purpose.REST, round=0, indices=np.arange(1000, 200_000),
                selection="all", engine="cpu", price_per_label=0.04, reason="")
        except StoreError as error:
            print("refused", type(error.__cause__).__name__)
        print(store.tell(sys.argv[2], [5], [1]))
        """,
        tmp_path / "campaign",
        batch_id,
    )
    assert result.stdout.split() == ["refused", "OperationalError", "1"], result.stderr
    with Store.open(tmp_path / "campaign") as store:
        assert [(batch.batch_id, batch.n_told) for batch in store.batches()] == [(batch_id, 1)]


def test_a_transaction_that_sqlite_took_back_is_not_continued(create, buy):
    store = create()

    def go_on_after_an_error():
        with store.transaction():
            buy(store, [1])
            store._db._connection.rollback()  # as SQLite does by itself on some errors
            buy(store, [2])

    with pytest.raises(StoreError, match="taken back by an earlier error"):
        go_on_after_an_error()
    assert store.batches() == []
    buy(store, [3])
    assert len(store.batches()) == 1


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be made"):
        Store.create(
            tmp_path / "file" / "campaign",
            settings_json="{}",
            n_pool=1,
            classes=("a", "b"),
            pool_kind="images",
            pool_fingerprint="",
            broken={},
        )


def test_closing_twice_is_allowed_and_a_closed_store_says_so(create):
    store = create()
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.batches()


TELLER = """
import sys
from pathlib import Path
import numpy as np
from mcal.store import Store
store = Store.open(Path(sys.argv[1]))
(batch,) = store.batches()
items = store.batch_indices(batch.batch_id)
done = set(store.labels().indices.tolist())
left = [item for item in items.tolist() if item not in done]
print("ready", flush=True)
for start in range(0, len(left), 3):
    some = left[start:start + 3]
    store.tell(batch.batch_id, some, [item % 3 for item in some])
    print(*some, flush=True)
"""


def test_nothing_told_is_lost_when_the_process_is_killed_at_any_moment(create, buy, tmp_path):
    folder = tmp_path / "campaign"
    with create(n_pool=3000) as store:
        batch_id = buy(store, np.random.default_rng(0).permutation(3000), price_per_label=0.1 / 3)
    rng = np.random.default_rng(1)
    reported: set[int] = set()
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-c", TELLER, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        for _ in range(int(rng.integers(0, 30))):
            reported.update(map(int, child.stdout.readline().split()))
        child.kill()
        reported.update(map(int, child.stdout.read().rpartition("\n")[0].split()))
        child.stdout.close()
        assert child.wait() == -9
        with Store.open(folder) as store:
            told = store.labels()
            assert reported <= set(told.indices.tolist())
            assert (told.labels == told.indices % 3).all()
            assert len(told.indices) % 3 == 0  # whole calls only
            assert store.batches()[0].n_told == len(told.indices)
            assert store.spend()["labels"] == len(told.indices) * 33_333_333 / 1e9
    with Store.open(folder) as store:
        items = store.batch_indices(batch_id)
        store.tell(batch_id, items, items % 3)
        assert store.batches()[0].status == "closed"
        assert store.spend()["labels"] == 3000 * 33_333_333 / 1e9


MACHINE = """
import sys
from pathlib import Path
import numpy as np
from mcal.store import Store
store = Store.open(Path(sys.argv[1]))
print("ready", flush=True)
store.add_machine_labels(round=0, classifier="a", indices=np.arange(100_000),
    labels=np.zeros(100_000, np.int64), confidence=np.ones(100_000), fee_usd_each=0.001,
    reason="", details={})
print("told", flush=True)
"""


def test_machine_labels_are_all_there_or_none_when_the_process_is_killed(create, tmp_path):
    folder = tmp_path / "campaign"
    create(n_pool=100_000).close()
    for wait_s in (0.0, 0.05, 0.2, None):
        child = subprocess.Popen(
            [sys.executable, "-c", MACHINE, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        if wait_s is None:
            child.stdout.readline()
        else:
            time.sleep(wait_s)
        child.kill()
        child.stdout.close()
        child.wait()
        with Store.open(folder) as store:
            machine = store.machine_labels()
            if machine is None:
                assert store.spend()["machine_fee"] == 0.0
                assert store.actions() == []
                continue
            assert len(machine.indices) == 100_000
            assert store.spend()["machine_fee"] == 100.0
            assert len(store.actions()) == 1
            break
    assert machine is not None


def test_what_it_begins_with_is_recorded_with_the_campaign_or_neither(create, buy, tmp_path):
    def begin(store):
        buy(store, [3])
        assert store.batches()
        if fails:
            raise RuntimeError

    fails = True
    with pytest.raises(RuntimeError):
        create(begin=begin)
    assert not Store.exists(tmp_path / "campaign")
    fails = False
    with create(begin=begin) as store:
        assert [batch.n_items for batch in store.batches()] == [1]


def test_known_labels_are_told_by_their_selection(create, buy):
    with create() as store:
        assert store.n_known() == 0
        buy(store, [1, 2], selection=KNOWN, price_per_label=0.0)
        buy(store, [3])
        assert store.n_known() == 2
        assert [batch.is_known for batch in store.batches()] == [True, False]


def test_classes_that_are_no_text_begin_nothing(create, tmp_path):
    with pytest.raises(ValueError, match="classes: expected text that UTF-8 can hold"):
        create(classes=("cat", "caf\udce9"))
    assert list(tmp_path.iterdir()) == []
