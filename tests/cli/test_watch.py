"""A campaign that another process runs, watched: nothing is disturbed, and the end is seen."""

import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from mcal.cli import app
from mcal.cli.standing import Standing, follow, read_standing
from mcal.cli.watch import panel
from mcal.errors import StoreError
from mcal.settings import PriceSettings, Settings
from mcal.store import FILE_NAME, Store
from mcal.types import Purpose

DATA = Path(__file__).parents[1] / "data"
N_POOL = 100


def create(folder: Path) -> Store:
    return Store.create(
        folder,
        settings_json=Settings(prices=PriceSettings(price_per_label=0.04)).model_dump_json(),
        n_pool=N_POOL,
        classes=("cat", "dog"),
        pool_kind="images",
        pool_fingerprint="f00d",
        broken={},
    )


def buy(
    store: Store, first: int, n: int, purpose: Purpose, round_: int = 0, told: int = -1
) -> None:
    items = np.arange(first, first + n)
    batch = store.add_batch(
        indices=items,
        purpose=purpose,
        round=round_,
        selection="random",
        engine="cpu",
        price_per_label=0.04,
        reason="",
    )
    told = n if told < 0 else told
    store.tell(batch.batch_id, items[:told], np.zeros(told, dtype=np.int64))


def start(store: Store, round_: int = 0) -> int:
    return store.start_run(round=round_, classifier="a/b", n_train=10, seed=0, device="cpu")


def end(store: Store, run_id: int) -> None:
    store.finish_run(
        run_id,
        train_s=1.0,
        score_s=1.0,
        cost_usd=0.01,
        fixed_cost_usd=0.0,
        checkpoint="c",
        checkpoint_sha256="0",
    )


def plan(store: Store, round_: int = 0) -> None:
    payload = {"total_cost_usd": 2.5, "n_machine": 50, "estimated_error": 0.04}
    store.add_estimates(round_, "a/b", {"plan": payload})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A first round, planned."""
    with create(tmp_path / "c") as made:
        buy(made, 0, 10, Purpose.TEST)
        buy(made, 10, 10, Purpose.TRAIN)
        end(made, start(made))
        plan(made)
        yield made


@pytest.fixture
def folder(store: Store, tmp_path: Path) -> Path:
    return tmp_path / "c"


def finish(store: Store) -> None:
    store.finish(stop_reason="all is labelled", details={})


def watched(folder: Path, *more: str) -> Any:
    arguments = ["status", str(folder), "--watch", "--every", "0.1", *more]
    return CliRunner().invoke(app, arguments)


def steps(actions: list[Callable[[], Any]]) -> Callable[[float], None]:
    """A ``sleep`` in which the campaign goes on."""
    left = iter(actions)
    return lambda seconds: next(left)()


# -- what is read ----------------------------------------------------------------------------


def test_a_standing_holds_the_training_under_way(store: Store, folder: Path) -> None:
    assert read_standing(folder).training is None
    run_id = start(store, 1)
    assert read_standing(folder).training is not None
    store.heartbeat_run(run_id, train_s=3.0, score_s=0.0, cost_usd=0.002)
    run = read_standing(folder).training
    assert run is not None
    assert (run.run_id, run.train_s) == (run_id, 3.0)
    assert run.seen_at > run.started_at
    end(store, run_id)
    assert read_standing(folder).training is None


def test_it_is_followed_to_its_end(store: Store, folder: Path) -> None:
    actions = [lambda: buy(store, 20, 5, Purpose.REST), lambda: finish(store)]
    seen = [standing.summary for standing in follow(folder, 1.0, sleep=steps(actions)) if standing]
    assert [each.n_human for each in seen] == [20, 25, 25]
    assert [each.phase for each in seen] == ["deciding", "deciding", "done"]


def test_one_that_has_not_begun_is_awaited(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    opened: list[Store] = []
    actions = [
        folder.mkdir,
        (folder / FILE_NAME).touch,  # as SQLite does before it writes
        (folder / FILE_NAME).unlink,
        lambda: opened.append(create(folder)),
        lambda: finish(opened[0]),
    ]
    seen = list(follow(folder, 1.0, sleep=steps(actions)))
    opened[0].close()
    assert [each is None for each in seen] == [True, True, True, True, False, False]


def test_a_folder_that_vanishes_is_awaited_again(store: Store, folder: Path) -> None:
    watching = follow(folder, 0.0, sleep=steps([lambda: shutil.rmtree(folder)]))
    assert next(watching) is not None
    assert next(watching) is None


def test_a_passing_error_is_passed_over_and_a_lasting_one_is_told(
    store: Store, folder: Path
) -> None:
    file = folder / FILE_NAME
    store.close()
    good = file.read_bytes()

    def spoil() -> None:
        file.write_bytes(b"no database at all" * 100)

    def mend() -> None:
        file.write_bytes(good)

    def wait() -> None:
        pass

    watching = follow(folder, 0.0, sleep=steps([spoil, mend, spoil, wait, wait]))
    assert next(watching) is not None
    assert next(watching) is not None
    with pytest.raises(StoreError, match="not a database"):
        next(watching)


def test_a_store_that_is_migrated_meanwhile(tmp_path: Path) -> None:
    shutil.copy(DATA / "store_2.sqlite", tmp_path / FILE_NAME)

    def migrate() -> None:
        Store.open(tmp_path).close()

    before = read_standing(tmp_path)
    migrate()
    after = read_standing(tmp_path)
    assert before.summary == after.summary


def test_a_large_store_is_read_less_often(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 2.0, 100.0, 100.1])
    monkeypatch.setattr("mcal.cli.standing.time.monotonic", lambda: next(clock))
    slept: list[float] = []
    watching = follow(folder, 1.0, sleep=slept.append)
    next(watching)
    next(watching)
    watching.close()
    assert slept == [18.0]


WRITER = """
import sys, time
from pathlib import Path
from mcal.store import Store
folder, n = Path(sys.argv[1]), int(sys.argv[2])
for n in (100, 100, n):  # ended and begun again, as far as the file can tell
    with Store.open(folder) as store:
        run = store.start_run(round=1, classifier="a/b", n_train=10, seed=0, device="cpu")
        for i in range(n):
            store.heartbeat_run(run, train_s=float(i), score_s=0.0, cost_usd=1e-6 * i)
"""


def test_a_writer_is_not_disturbed(store: Store, folder: Path) -> None:
    """It commits as fast as it can, under a watcher that looks as often as it may."""
    store.close()
    log, largest, n_read = folder / f"{FILE_NAME}-wal", 0, 0
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), "1500"], stderr=subprocess.PIPE, text=True
    )
    watching = follow(folder, 0.0)
    while writer.poll() is None:
        assert next(watching) is not None
        n_read += 1
        if log.exists():
            largest = max(largest, log.stat().st_size)
    _, errors = writer.communicate()
    assert (writer.returncode, errors) == (0, "")
    assert n_read > 10
    # 1,500 commits write 25 MB; SQLite begins the log anew when nobody reads it, from 4 MB on.
    assert 0 < largest < 16_000_000
    with Store.open(folder) as again:
        assert [run.train_s for run in again.runs()] == [1.0, 99.0, 99.0, 1499.0]


def test_watching_leaves_the_folder_as_it_is(store: Store, folder: Path) -> None:
    finish(store)
    store.close()

    def files() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    before = files()
    assert watched(folder).exit_code == 0
    assert watched(folder, "--json").exit_code == 0
    assert files() == before


def test_watching_imports_no_torch(store: Store, folder: Path) -> None:
    finish(store)
    code = (
        "import sys; from mcal.cli import app\n"
        f"try: app(['status', {str(folder)!r}, '--watch'])\n"
        "except SystemExit as end: assert not end.code\n"
        "assert not {'torch', 'sklearn', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# -- what is shown ---------------------------------------------------------------------------


def shown(standing: Standing, *, age_s: float = 0.0, **how: Any) -> str:
    run = standing.training
    now = datetime.fromisoformat(run.seen_at) if run else datetime.now(UTC)
    console = Console(file=io.StringIO(), width=how.get("width", 80), record=True)
    size = {"width": 80, "height": 40} | how
    console.print(panel(Path("[c]"), standing, now + timedelta(seconds=age_s), **size))
    return console.export_text()


def test_the_panel_tells_what_is_done_and_what_it_costs(store: Store, folder: Path) -> None:
    buy(store, 20, 30, Purpose.TRAIN, 1, told=12)
    told = shown(read_standing(folder))
    assert "waiting for people  [c]\n" in told
    assert "round 1, train: 12 of 30 labels are in\nasked 0 s ago\n" in told
    assert re.search(r"people +32 of 100 +\$1\.28\n", told)
    assert re.search(r"predicted +\$2\.51\n", told)
    assert "The whole bill as forecast, by round" in told
    assert "now" in told


def test_labels_known_before_are_not_bought(store: Store, folder: Path) -> None:
    standing = read_standing(folder)
    told = shown(replace(standing, summary=replace(standing.summary, n_known=4)))
    assert re.search(r"known before +4 *\n", told)
    assert re.search(r"people +16 of 100", told)


def test_a_training_shows_its_last_sign_of_life(store: Store, folder: Path) -> None:
    run_id = start(store, 1)
    assert "round 1: a/b trains on 10 labels" in shown(read_standing(folder))
    store.heartbeat_run(run_id, train_s=75.0, score_s=5.0, cost_usd=0.002)
    standing = read_standing(folder)
    told = shown(standing, age_s=1.0)
    assert "round 1: a/b scores the pool\n80 s so far, last sign of life 1 s ago\n" in told
    assert "no sign of life for 3 min" in shown(standing, age_s=185.0)
    assert "no sign of life for 2 h" in shown(standing, age_s=7300.0)
    assert "last sign of life 0 s ago" in shown(standing, age_s=-5.0)  # another clock
    end(store, run_id)
    assert "sign of life" not in shown(read_standing(folder), age_s=185.0)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 24), (80, 20), (100, 60)])
def test_the_panel_fits_the_terminal(store: Store, folder: Path, width: int, height: int) -> None:
    for round_ in range(1, 30):
        run_id = start(store, round_)
        end(store, run_id)
        plan(store, round_)
    start(store, 30)
    lines = shown(read_standing(folder), width=width, height=height).splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    rounds = [line for line in lines if re.match(r"\d+ .*\$\d", line)]
    room = height - (len(lines) - len(rounds))
    assert len(rounds) == min(15, room - 1)
    assert "people       20 of 100 $0.80" in [line.rstrip() for line in lines]


def test_why_a_campaign_is_stuck_is_told_whole(store: Store, folder: Path) -> None:
    reason = "the budget of $20.00 is spent but for what is kept back; " * 3
    store.add_action(round=0, name="stuck", reason=reason, details={})
    told = shown(read_standing(folder), width=40)
    assert "stuck  [c]" in told
    assert " ".join(reason.split()) in " ".join(told.split())


def test_a_campaign_without_a_round_has_no_chart(tmp_path: Path) -> None:
    with create(tmp_path / "c"):
        told = shown(read_standing(tmp_path / "c"))
    assert "new  [c]" in told
    assert "forecast" not in told


def test_a_file_gets_a_line_when_something_has_changed(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_ids: list[int] = []
    actions: list[Callable[[], Any]] = [
        lambda: run_ids.append(start(store, 1)),
        lambda: store.heartbeat_run(run_ids[0], train_s=1.0, score_s=0.0, cost_usd=0.0),
        lambda: store.heartbeat_run(run_ids[0], train_s=2.0, score_s=1.0, cost_usd=0.0),
        lambda: end(store, run_ids[0]),
        lambda: finish(store),
    ]
    monkeypatch.setattr("mcal.cli.watch.follow", lambda *a: follow(*a, sleep=steps(actions)))
    result = watched(folder)
    assert result.exit_code == 0
    lines = [line for line in result.stdout.splitlines() if re.match(r"\d\d:\d\d:\d\d  ", line)]
    assert [line[10:].split("  ")[0] for line in lines] == [
        "deciding",
        "training",
        "training",
        "deciding",
        "done",
    ]
    assert "round 1: a/b trains on 10 labels  [20 of 100 labels bought, $0.81 spent" in lines[1]
    assert "round 1: a/b scores the pool" in lines[2]
    assert "people alone" in result.stdout  # the whole bill at the end


def test_lines_of_json(
    store: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    actions: list[Callable[[], Any]] = [
        lambda: folder.rename(other),
        lambda: other.rename(folder),
        lambda: None,
        lambda: start(store, 1),
        lambda: finish(store),
    ]
    monkeypatch.setattr("mcal.cli.watch.follow", lambda *a: follow(*a, sleep=steps(actions)))
    result = watched(folder, "--json")
    assert result.exit_code == 0
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["phase"] for each in told] == ["deciding", "deciding", "training", "done"]
    assert [each["round"] for each in told[0]["forecasts"]] == [0]
    assert told[0]["forecasts"][0]["predicted_usd"] == pytest.approx(2.51)
    assert told[0]["training"] is None
    assert told[2]["training"]["seen_at"] == told[2]["training"]["started_at"]
    assert result.stderr == f"waiting for a campaign to begin in {folder}\n"


def test_status_has_the_forecasts_too(store: Store, folder: Path) -> None:
    told = CliRunner().invoke(app, ["status", str(folder)]).stdout
    assert "The whole bill as forecast, by round" in told
    told = CliRunner().invoke(app, ["status", str(folder), "--json"]).stdout
    assert json.loads(told) == json.loads(json.dumps(read_standing(folder).to_json()))


def test_every_is_for_watching(folder: Path) -> None:
    result = CliRunner().invoke(app, ["status", str(folder), "--every", "3"])
    assert result.exit_code == 2
    assert "--every: only with --watch" in result.stderr


# -- in a terminal ---------------------------------------------------------------------------


class Terminal:
    """``mcal status --watch`` in a pseudo-terminal of 80 x 24."""

    def __init__(self, folder: Path) -> None:
        ours, theirs = pty.openpty()
        code = "from mcal.cli import main; main()"
        arguments = ["status", str(folder), "--watch", "--every", "0.1"]
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
            start_new_session=True,
        )
        os.close(theirs)
        self._fd, self.text = ours, ""

    def read_until(self, words: str) -> None:
        give_up_s = time.monotonic() + 60.0
        while words not in self.text:
            assert time.monotonic() < give_up_s, self.text
            self.text += os.read(self._fd, 65536).decode()

    def end(self) -> int:
        try:
            while chunk := os.read(self._fd, 65536):
                self.text += chunk.decode()
        except OSError:  # how Linux says that nobody writes any more
            pass
        os.close(self._fd)
        return self.process.wait()


def test_it_is_redrawn_in_place_until_it_is_done(store: Store, folder: Path) -> None:
    terminal = Terminal(folder)
    terminal.read_until("The whole bill as forecast")
    start(store, 1)
    terminal.read_until("a/b trains on 10 labels")
    finish(store)
    assert terminal.end() == 0
    assert "\x1b[2K\x1b[1A" in terminal.text  # up, and over what was there
    assert terminal.text.count("\x1b[?25l") == terminal.text.count("\x1b[?25h") == 1
    assert "stopped because  all is labelled" in terminal.text


def test_ctrl_c_ends_the_watching_alone(store: Store, folder: Path) -> None:
    terminal = Terminal(folder)
    terminal.read_until("The whole bill as forecast")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert "mcal: watching no longer; the campaign is not stopped by it" in terminal.text
    assert terminal.text.count("\x1b[?25l") == terminal.text.count("\x1b[?25h") == 1
    assert "Traceback" not in terminal.text
    store.add_action(round=0, name="x", reason="still writable", details={})
