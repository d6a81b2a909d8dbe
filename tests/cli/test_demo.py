"""Which data set the demo takes, and that it says why."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import mcal.pools
from mcal.cli import app, demo, drive, evaluate
from mcal.errors import PoolError
from mcal.settings import OracleSettings, PoolSettings, Settings
from mcal.store import Store


class Calls:
    """Stands in for the campaign: remembers what the demo would have run."""

    settings: Settings
    folder: Path
    again: str
    evaluated: Path

    def drive(self, settings: Settings, folder: Path, *, again: str) -> None:
        self.settings, self.folder, self.again = settings, folder, again

    def evaluate(self, folder: Path) -> None:
        self.evaluated = folder

    @property
    def pool(self) -> PoolSettings:
        assert self.settings.pool is not None
        return self.settings.pool


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls = Calls()
    monkeypatch.setattr(drive, "drive", calls.drive)
    monkeypatch.setattr(evaluate, "evaluate", calls.evaluate)
    return calls


def run_demo(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["demo", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def nothing_found(monkeypatch: pytest.MonkeyPatch, fetch: Any) -> None:
    monkeypatch.setattr(mcal.pools, "find_fashion_mnist", lambda root: None)
    monkeypatch.setattr(mcal.pools, "open_pool", fetch)


def test_fashion_mnist_when_it_is_found(
    monkeypatch: pytest.MonkeyPatch, calls: Calls, tmp_path: Path
) -> None:
    monkeypatch.setattr(mcal.pools, "find_fashion_mnist", lambda root: Path("/data/fashion"))
    assert "Fashion-MNIST, found in /data/fashion" in run_demo()
    assert calls.pool.kind == "fashion-mnist"
    assert calls.folder == Path("mcal-demo/fashion-mnist-0")
    assert calls.evaluated == calls.folder
    assert calls.settings.annotator == OracleSettings()


def test_found_and_fetched_are_the_same_campaign(
    monkeypatch: pytest.MonkeyPatch, calls: Calls
) -> None:
    nothing_found(monkeypatch, lambda pool, classes: None)
    assert "Fashion-MNIST, fetched" in run_demo()
    fetched = calls.settings
    monkeypatch.setattr(mcal.pools, "find_fashion_mnist", lambda root: Path("/cache"))
    run_demo()
    assert calls.settings == fetched


def test_the_digits_when_nothing_can_be_fetched(
    monkeypatch: pytest.MonkeyPatch, calls: Calls
) -> None:
    def fail(pool: PoolSettings, classes: None) -> None:
        raise PoolError("there is no network")

    nothing_found(monkeypatch, fail)
    told = run_demo("--seed", "3")
    assert "digits of scikit-learn, because there is no network" in told
    assert calls.pool.kind == "digits"
    assert calls.settings.seed == 3
    assert calls.folder == Path("mcal-demo/digits-3")


@pytest.mark.parametrize("dataset", [each.value for each in demo.DemoDataset])
def test_what_is_asked_for_is_taken(calls: Calls, dataset: str, tmp_path: Path) -> None:
    told = run_demo("--dataset", dataset, "--data-root", str(tmp_path), "--out", "here")
    assert f"{dataset}, as asked" in told
    assert calls.pool.kind == dataset
    assert calls.folder == Path("here")
    if dataset == "digits":
        assert calls.pool.path is None
    else:
        assert calls.pool.path == tmp_path
        assert calls.pool.download


def test_the_command_that_continues_is_whole(calls: Calls, tmp_path: Path) -> None:
    run_demo("--dataset", "cifar10", "--data-root", str(tmp_path), "--seed", "2")
    first = calls.settings, calls.folder
    words = calls.again.split()
    assert words[:2] == ["mcal", "demo"]
    run_demo(*words[2:])
    assert (calls.settings, calls.folder) == first


def test_a_campaign_goes_on_with_the_data_set_that_it_began_with(
    monkeypatch: pytest.MonkeyPatch, calls: Calls, tmp_path: Path
) -> None:
    begun = Settings(pool=PoolSettings(kind="digits"), annotator=OracleSettings(), seed=4)
    Store.create(
        tmp_path,
        settings_json=begun.model_dump_json(),
        n_pool=3,
        classes=("a", "b"),
        pool_kind="images",
        pool_fingerprint="0" * 64,
        broken={},
    ).close()
    monkeypatch.setattr(mcal.pools, "find_fashion_mnist", lambda root: Path("/data/fashion"))
    told = run_demo("--out", str(tmp_path), "--seed", "4")
    assert f"digits, with which the campaign in {tmp_path} began" in told
    assert calls.settings == begun
    run_demo("--dataset", "cifar10", "--out", str(tmp_path))
    assert calls.pool.kind == "cifar10"  # asked for: the campaign itself refuses it


def test_data_root_is_where_fashion_mnist_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, calls: Calls, tmp_path: Path
) -> None:
    asked: list[Path | None] = []

    def find(root: Path | None) -> Path:
        asked.append(root)
        return tmp_path

    monkeypatch.setattr(mcal.pools, "find_fashion_mnist", find)
    run_demo("--data-root", str(tmp_path))
    assert asked == [tmp_path.resolve()]
