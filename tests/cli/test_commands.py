"""Whole campaigns by the command line: small embeddings, a linear head, no network."""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner, Result

from mcal import export
from mcal.annotators import FilesAnnotator
from mcal.cli import app, drive, page_status, tables
from mcal.cli.export import ExportFormat
from mcal.settings import Settings
from mcal.shares import percent_at_least, percent_at_most
from mcal.store import (
    KNOWN,
    CampaignSummary,
    ClassInterval,
    ClassIntervals,
    Store,
    summarise,
)
from mcal.types import NO_LABEL, Purpose

N_POOL, CLASSES = 600, ("ant", "bee", "cow")


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with well separated embeddings and their truth."""
    folder = tmp_path_factory.mktemp("blobs")
    rng = np.random.default_rng(0)
    truth = rng.integers(0, len(CLASSES), N_POOL)
    centers = 6.0 * np.eye(len(CLASSES), 8)
    embeddings = centers[truth] + rng.normal(size=(N_POOL, 8))
    np.save(folder / "x.npy", embeddings.astype(np.float32))
    np.save(folder / "truth.npy", truth)
    return folder


def write_config(folder: Path, blobs: Path, annotator: str, more: str = "") -> Path:
    path = folder / "blobs.toml"
    path.write_text(
        f"classes = {json.dumps(CLASSES)}\n{more}\n"
        f'[pool]\nkind = "embeddings"\npath = "{blobs / "x.npy"}"\n'
        f"[annotator]\n{annotator}\n"
        '[[classifier]]\narchitecture = "linear"\ndevice = "cpu"\n'
        # Few and large steps: this is about the command line.
        "[plan]\ninitial_share = 0.1\ndelta_min_share = 0.1\nstable_share = 0.9\n",
        encoding="utf-8",
    )
    return path


def mcal(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def finished(blobs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a campaign that ``mcal run`` took to its end."""
    folder = tmp_path_factory.mktemp("finished")
    config = write_config(folder, blobs, f'kind = "oracle"\npath = "{blobs / "truth.npy"}"')
    result = mcal("run", config)
    assert result.exit_code == 0, result.output
    assert "(certified with 95% confidence)\n" in result.output
    assert f"mcal export {folder / 'blobs-campaign'}" in result.output
    return folder / "blobs-campaign"


def test_weights_that_cannot_be_fetched_are_told_before_anything_is_bought(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torchvision")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def no_network(*_: object, **__: object) -> None:
        raise OSError("no network here")

    monkeypatch.setattr("torch.hub.download_url_to_file", no_network)
    np.save(tmp_path / "x.npy", np.zeros((200, 8, 8, 3), np.uint8))
    np.save(tmp_path / "truth.npy", np.arange(200) % 2)
    config = tmp_path / "images.toml"
    config.write_text(
        'classes = ["a", "b"]\n[pool]\nkind = "array"\npath = "x.npy"\n'
        '[annotator]\nkind = "oracle"\npath = "truth.npy"\n'
        '[[classifier]]\nrecipe = "embedding"\nfeatures = "torchvision:resnet18"\n',
        encoding="utf-8",
    )
    told = mcal("run", config)
    assert told.exit_code == 1
    assert "no network here" in told.output
    assert str(tmp_path / "torch" / "hub" / "checkpoints") in told.output.replace("\n", "")
    assert not (tmp_path / "images-campaign").exists()


def test_status_has_what_is_promised(finished: Path) -> None:
    status = json.loads(mcal("status", finished, "--json").stdout)
    assert status["n_pool"] == N_POOL
    assert status["n_human"] + status["n_machine"] == N_POOL
    assert status["human_cost_usd"] == pytest.approx(0.04 * status["n_human"])
    assert status["human_only_cost_usd"] == pytest.approx(0.04 * N_POOL)
    parts_usd = status["human_cost_usd"] + status["training_cost_usd"]
    assert status["total_cost_usd"] == pytest.approx(parts_usd)  # no fee is set
    assert status["saving"] == pytest.approx(
        1 - status["total_cost_usd"] / status["human_only_cost_usd"]
    )
    assert status["target_error"] == 0.05
    assert set(status) >= {"estimated_error", "stop_reason", "rounds", "classifier"}
    assert status["estimate_kind"] == "certified with 95% confidence"
    assert status["confidence"] == 0.95
    assert 0.0 <= status["certified_error"] <= 0.05
    assert isinstance(status["n_audit"], int)
    assert status["stop_reason"]
    intervals = status["class_intervals"]
    assert intervals["confidence"] == 0.95 < intervals["confidence_each"] < 1.0
    assert {row["name"] for row in intervals["classes"]} <= set(CLASSES)
    assert sum(row["n_machine"] for row in intervals["classes"]) == status["n_machine"] > 0


def test_each_class_has_its_line(finished: Path) -> None:
    intervals = json.loads(mcal("status", finished, "--json").stdout)["class_intervals"]
    rows, each = intervals["classes"], f"{100 * intervals['confidence_each']:.4g}%"
    for told in (mcal("status", finished).stdout, mcal("evaluate", finished).stdout):
        assert f"all intervals hold at once with 95% confidence, each by itself with {each}" in told
        for row in rows:
            low, high = percent_at_least(row["low"]), percent_at_most(row["high"])
            interval = f"{low} and {high}"
            assert re.search(rf"{row['name']} .* {row['n_machine']} .* {interval}", told)


def test_of_many_classes_the_least_sure_are_shown() -> None:
    class Summary:
        class_intervals = ClassIntervals(
            0.95,
            0.999,
            tuple(ClassInterval(f"[{i}]", 10, 1, 0, 0.0, i / 30) for i in range(30)),
        )

    console = Console(record=True, width=100)
    tables.print_classes(console, Summary)  # type: ignore[arg-type]
    told = console.export_text()
    assert re.findall(r"\[\d+\]", told) == [f"[{i}]" for i in range(29, 9, -1)]
    assert "10 further classes are in `mcal status --json`" in told


def test_status_in_words_shows_the_bill(finished: Path) -> None:
    told = mcal("status", finished).stdout
    for words in ("people's labels", "people alone", "$24.00", "saving", "target error     5.00%"):
        assert words in told
    assert "(errors among machine labels / all items); met" in told
    assert "(errors among machine labels / all items); met" in told
    assert "certified error  at most " in told
    assert "(certified with 95% confidence)" in told


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_export_has_one_row_per_item(finished: Path, tmp_path: Path, format: str) -> None:
    out = tmp_path / f"labels.{format}"
    result = mcal("export", finished, "--format", format, "--out", out)
    assert (result.exit_code, result.stdout) == (0, f"{out}\n")
    (told,) = result.stderr.splitlines()
    assert told.startswith("certified error  at most ")
    assert "(certified with 95% confidence)" in told
    text = out.read_text(encoding="utf-8")
    rows = (
        list(csv.DictReader(text.splitlines()))
        if format == "csv"
        else [json.loads(line) for line in text.splitlines()]
    )
    columns = ["index", "item", "label", "source", "confidence", "round", "price_usd", "model"]
    assert list(rows[0]) == columns
    assert [int(row["index"]) for row in rows] == list(range(N_POOL))
    assert {row["label"] for row in rows} <= set(CLASSES)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished campaign over a folder of pictures, one of them broken, with its pool's folder."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "photos").mkdir()
    names = [f"{index:02d}.png" for index in range(40)]
    for index, name in enumerate(names):
        Image.new("L", (8, 8), 255 * (index % 2)).save(folder / "photos" / name)
    (folder / "photos" / names[5]).write_bytes(b"no picture")
    np.save(folder / "truth.npy", np.arange(40) % 2)
    config = folder / "photos.toml"
    config.write_text(
        'classes = ["black", "white"]\n[pool]\nkind = "image-folder"\npath = "photos"\n'
        'image_size = 32\n[annotator]\nkind = "oracle"\npath = "truth.npy"\n'
        '[[classifier]]\narchitecture = "small-cnn"\ndevice = "cpu"\n',
        encoding="utf-8",
    )
    result = mcal("run", config)
    assert result.exit_code == 0, result.output
    return folder / "photos-campaign"


def test_folders_are_written_with_what_the_pool_has(photos: Path) -> None:
    result = mcal("export", photos, "--format", "imagefolder")
    tree = photos / "labels-imagefolder"
    assert result.stdout == f"{tree}\n"
    assert "1 items are not in it: cannot be read" in result.stderr
    assert sorted(path.name for path in tree.iterdir() if path.is_dir()) == ["black", "white"]
    linked = {path.name: path.resolve() for path in tree.glob("*/*")}
    assert len(linked) == 39
    assert linked["07.png"] == (photos.parent / "photos" / "07.png").resolve()
    result = mcal("export", photos, "--format", "huggingface", "--out", photos / "hf")
    assert result.stdout == f"{photos / 'hf'}\n"
    assert (photos / "hf" / "README.md").is_file()
    mcal("export", photos, "--format", "label-studio", "--source-ref", "https://host/{item}")
    tasks = json.loads((photos / "labels-label-studio" / "tasks-001.json").read_text("utf-8"))
    assert [task["data"]["image"] for task in tasks[:2]] == [
        "https://host/00.png",
        "https://host/01.png",
    ]


def test_an_export_never_takes_the_place_of_what_the_campaign_lives_on(
    blobs: Path, tmp_path: Path
) -> None:
    annotator = f'kind = "files"\n[labels]\nknown = "{tmp_path / "known.csv"}"'
    (tmp_path / "known.csv").write_text("item,label\n0,ant\n1,bee\n", encoding="utf-8")
    assert mcal("run", write_config(tmp_path, blobs, annotator)).exit_code == 3
    folder = tmp_path / "blobs-campaign"
    (folder / "checkpoints").mkdir(exist_ok=True)
    (folder / "checkpoints" / "001-linear.pt").write_bytes(b"trained")
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert len(kept) >= 5
    for path in (*kept, tmp_path / "known.csv", blobs / "x.npy"):
        before = path.read_bytes()
        for format in ("csv", "imagefolder"):
            result = mcal("export", folder, "--format", format, "--out", path)
            assert result.exit_code == 1, path
            assert "would take the place of" in result.stderr
        assert path.read_bytes() == before


def test_an_export_does_not_become_an_item_of_its_pool(photos: Path) -> None:
    pool = photos.parent / "photos"
    for format, name in (("csv", "labels.csv"), ("imagefolder", "tree")):
        result = mcal("export", photos, "--format", format, "--out", pool / name)
        assert result.exit_code == 1
        assert f"{pool / name}: lies in the pool's own folder" in result.stderr
        assert not (pool / name).exists()


def test_the_command_knows_every_format_of_the_library() -> None:
    assert [*ExportFormat] == [*get_args(export.ExportFormat)]


def test_addresses_are_for_formats_that_have_them(finished: Path) -> None:
    for format, words in (("csv", "only for manifest and label-studio"), ("manifest", "s3://")):
        result = mcal("export", finished, "--format", format, "--source-ref", "https://h/{item}")
        assert result.exit_code == 2
        assert words in result.stderr


def test_export_goes_into_the_campaign_by_default(finished: Path) -> None:
    result = mcal("export", finished)
    assert result.stdout == f"{finished / 'labels.csv'}\n"
    assert (finished / "labels.csv").is_file()


def test_evaluate_agrees_with_a_count_over_the_export(
    finished: Path, blobs: Path, tmp_path: Path
) -> None:
    found = json.loads(mcal("evaluate", finished, "--json").stdout)
    mcal("export", finished, "--format", "csv", "--out", tmp_path / "labels.csv")
    with (tmp_path / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    truth = np.load(blobs / "truth.npy")
    wrong = [row for row in rows if row["label"] != CLASSES[truth[int(row["index"])]]]
    assert found["realised_error"] == len(wrong) / N_POOL
    assert found["set_error"] == sum(row["source"] == "machine" for row in wrong) / N_POOL
    assert found["n_delivered"] == N_POOL
    status = json.loads(mcal("status", finished, "--json").stdout)
    assert found["estimated_error"] == status["estimated_error"]
    for key in ("estimate_kind", "certified_error", "confidence", "n_audit", "class_intervals"):
        assert found[key] == status[key]
    assert found["n_audit"] == sum(row["source"] == "audit" for row in rows)
    assert found["promise_kept"] is (found["set_error"] <= found["certified_error"])


def test_evaluate_takes_another_truth(finished: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "all-ants.npy", np.zeros(N_POOL, np.int64))
    found = json.loads(
        mcal("evaluate", finished, "--truth", tmp_path / "all-ants.npy", "--json").stdout
    )
    assert 0.5 < found["realised_error"] < 0.8
    assert found["promise_kept"] is False
    told = mcal("evaluate", finished, "--truth", tmp_path / "all-ants.npy").stdout
    assert "promise          broken, " in told
    np.save(tmp_path / "short.npy", np.zeros(3, np.int64))
    result = mcal("evaluate", finished, "--truth", tmp_path / "short.npy")
    assert result.exit_code == 1
    assert result.stderr.startswith("mcal: truth: expected 600 labels, found ")


def test_evaluate_in_words(finished: Path) -> None:
    told = mcal("evaluate", finished).stdout
    assert "Against the truth" in told
    assert "(all wrong labels / all items)" in told
    assert "so far" not in told
    assert "true labels      matched by position" in told
    assert "certified error  at most " in told
    assert "promise          kept, errors among machine labels / all items" in told


def test_without_a_certificate_no_promise_is_told(blobs: Path, tmp_path: Path) -> None:
    oracle = f'kind = "oracle"\npath = "{blobs / "truth.npy"}"\n[certificate]\nkind = "none"'
    told = mcal("run", write_config(tmp_path, blobs, oracle)).stdout
    assert "point estimate, not certified" in told
    assert "(errors among machine labels / all items); not certified" in told
    assert "people: audit" not in told
    folder = tmp_path / "blobs-campaign"
    assert "promise" not in mcal("evaluate", folder).stdout
    found = json.loads(mcal("evaluate", folder, "--json").stdout)
    assert found["promise_kept"] is found["certified_error"] is found["confidence"] is None
    assert mcal("export", folder).stderr.startswith("estimated error")


def test_running_a_finished_campaign_again_buys_nothing(finished: Path) -> None:
    before = mcal("status", finished, "--json").stdout
    again = mcal("run", finished.parent / "blobs.toml")
    assert again.exit_code == 0
    then = json.loads(before)
    told = f"continuing {finished}: {then['n_human']} labels of people, {then['rounds']} round"
    assert again.stdout.startswith(told)
    assert mcal("status", finished, "--json").stdout == before


def test_a_truth_that_is_too_short_is_told_before_a_campaign_begins(
    blobs: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "short.npy", np.zeros(100, np.int64))
    config = write_config(tmp_path, blobs, f'kind = "oracle"\npath = "{tmp_path / "short.npy"}"')
    result = mcal("run", config)
    assert result.exit_code == 1
    assert "short.npy: expected 600 labels, one for each item of the pool, found 100" in (
        result.stderr
    )
    assert mcal("status", tmp_path / "blobs-campaign").exit_code == 1


def test_other_settings_on_the_same_folder_are_refused(
    finished: Path, blobs: Path, tmp_path: Path
) -> None:
    config = write_config(
        tmp_path, blobs, f'kind = "oracle"\npath = "{blobs / "truth.npy"}"', "seed = 9"
    )
    result = mcal("run", config, "--out", finished)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert "(seed was 0, now 9)" in result.stderr
    config = write_config(
        tmp_path, blobs, f'kind = "oracle"\npath = "{blobs / "truth.npy"}"\nnoise_rate = 0.1'
    )
    result = mcal("run", config, "--out", finished)
    assert "(annotator.noise_rate was 0.0, now 0.1)" in result.stderr


@pytest.mark.parametrize("command", ["status", "evaluate"])
def test_a_folder_without_a_campaign_is_one_line(tmp_path: Path, command: str) -> None:
    result = mcal(command, tmp_path)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def fill_in(sheets: Path, truth: np.ndarray) -> int:
    """Do what people do: write a class into every row; returns how many were empty."""
    n_filled = 0
    for sheet in sheets.glob("*.csv"):
        with sheet.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            n_filled += not row["label"]
            row["label"] = CLASSES[truth[int(row["index"])]]
        with sheet.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return n_filled


def test_people_answer_by_csv_until_the_end(blobs: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, blobs, 'kind = "files"\npath = "to-label"')
    truth = np.load(blobs / "truth.npy")
    result = mcal("run", config)
    n_labels = 0
    for _ in range(30):
        if result.exit_code != drive.WAITING:
            break
        assert str(tmp_path / "to-label" / "todo") in result.output
        assert f"mcal run {config}" in result.output
        n_labels += fill_in(tmp_path / "to-label" / "todo", truth)
        result = mcal("run", config)
    assert result.exit_code == 0, result.output
    status = json.loads(mcal("status", tmp_path / "blobs-campaign", "--json").stdout)
    assert status["n_human"] == n_labels


def test_waiting_people_are_looked_for(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config(tmp_path, blobs, 'kind = "files"\npath = "to-label"')
    truth = np.load(blobs / "truth.npy")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        fill_in(tmp_path / "to-label" / "todo", truth)

    monkeypatch.setattr(drive.time, "sleep", sleep)
    result = mcal("run", config, "--wait")
    assert result.exit_code == 0, result.output
    assert 1 <= len(slept) < 30


def test_an_annotator_that_wakes_is_waited_for_and_closed(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = write_config(tmp_path, blobs, 'kind = "files"\npath = "to-label"')
    truth = np.load(blobs / "truth.npy")
    calls: list[str] = []

    def wait(_: FilesAnnotator, poll_s: float) -> bool:
        assert poll_s == drive.POLL_S
        calls.append("wait")
        fill_in(tmp_path / "to-label" / "todo", truth)
        return True

    monkeypatch.setattr(FilesAnnotator, "wait", wait, raising=False)
    monkeypatch.setattr(FilesAnnotator, "close", lambda _: calls.append("close"), raising=False)
    result = mcal("run", config, "--wait")
    assert result.exit_code == 0, result.output
    assert 1 <= calls.index("close") == len(calls) - 1 < 30


def test_typos_of_people_are_told(blobs: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, blobs, 'kind = "files"\npath = "to-label"')
    assert mcal("run", config).exit_code == drive.WAITING
    sheet = sorted((tmp_path / "to-label" / "todo").glob("*.csv"))[0]
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0]["label"] = "dragon"
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    result = mcal("run", config)
    assert result.exit_code == drive.WAITING
    assert any("dragon" in line for line in result.output.splitlines() if line.startswith("! "))


def test_an_unfinished_campaign_says_so(blobs: Path, tmp_path: Path) -> None:
    """Items that cannot be read, the sheets to fill in, and counts over what is there."""
    embeddings = np.load(blobs / "x.npy")
    embeddings[[3, 7]] = np.nan
    np.save(tmp_path / "x.npy", embeddings)
    np.save(tmp_path / "truth.npy", np.load(blobs / "truth.npy"))
    config = write_config(tmp_path, tmp_path, 'kind = "files"\npath = "to-label"')
    told = mcal("run", config).stdout
    assert "2 of 600 items cannot be read and go to people: 3 (NaN or inf), 7 (NaN or inf)" in told
    first, *others = sorted((tmp_path / "to-label" / "todo").glob("*.csv"))
    assert others
    for sheet in (first, *others):
        n_rows = len(sheet.read_text(encoding="utf-8").splitlines()) - 1
        assert f"{sheet}  (rows without a label: {n_rows})" in told

    folder, truth = tmp_path / "blobs-campaign", tmp_path / "truth.npy"
    assert "realised error   - (" in mcal("evaluate", folder, "--truth", truth).stdout
    with first.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    first.write_text(
        "index,item,label\n" + "".join(f"{r['index']},{r['item']},ant\n" for r in rows)
    )
    told = mcal("run", config).stdout
    assert told.startswith(f"continuing {folder}: 0 labels of people, 0 rounds\n")
    assert str(first) not in told  # that one is whole
    assert str(others[0]) in told

    told = mcal("evaluate", folder, "--truth", truth).stdout
    assert f"so far           {len(rows)} of {N_POOL} items have a label" in told
    assert "wrong machine label" not in told  # the machine has given none
    wrong = np.load(truth)[[int(row["index"]) for row in rows]] != 0
    assert f"realised error   {wrong.mean():.2%} (all wrong labels / items with a label)" in told
    assert (
        f"{N_POOL - len(rows)} of {N_POOL} items have no label yet" in mcal("export", folder).stderr
    )
    status = json.loads(mcal("status", folder, "--json").stdout)
    assert (status["n_broken"], status["estimated_error"], status["saving"]) == (2, None, None)
    assert "cannot be read   2 items" in mcal("status", folder).stdout


def test_an_export_that_cannot_be_written_names_the_file_asked_for(
    finished: Path, tmp_path: Path
) -> None:
    out = tmp_path / "gone" / "labels.csv"
    result = mcal("export", finished, "--out", out)
    assert (result.exit_code, result.stderr) == (
        1,
        f"mcal: {out}: cannot be written: No such file or directory\n",
    )


def test_a_continued_campaign_is_told_before_torch_is_imported() -> None:
    code = "import sys, mcal.cli.drive; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def told_of(summary: CampaignSummary) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    tables.print_summary(console, summary)
    return console.export_text()


def test_the_bill_counts_what_was_ordered(tmp_path: Path) -> None:
    """Also items that no class fits, and apart from what was known before."""
    with Store.create(
        tmp_path / "campaign",
        settings_json=Settings().model_dump_json(),
        n_pool=100,
        classes=CLASSES,
        pool_kind="images",
        pool_fingerprint="f00d",
        broken={},
    ) as store:
        bought = ((Purpose.TRAIN, 10), (Purpose.TEST, 11), (Purpose.TRAIN, 12), (Purpose.AUDIT, 5))
        for number, (purpose, n) in enumerate((*bought, (Purpose.REST, 3))):
            indices = np.arange(20 * number, 20 * number + n)
            batch = store.add_batch(
                purpose=purpose,
                round=0,
                indices=indices,
                selection="random" if number else KNOWN,
                engine="cpu",
                price_per_label=0.04 if number else 0.0,
                reason="",
            )
            store.tell(batch.batch_id, indices, np.where(np.arange(n) < 2, NO_LABEL, 0))
        summary = summarise(store)
    assert (summary.n_test, summary.n_train, summary.n_audit) == (9, 18, 5)
    told = told_of(summary)
    kinds = {"known before": 10, "test set": 11, "training": 12, "audit": 5, "the rest": 3}
    for words, n in kinds.items():
        assert re.search(rf"people: {words} +│ +{n} │", told), words
    assert re.search(r"people's labels +│ +41 │", told)
    assert re.search(r"people alone +│ +90 │ +\$3\.60 ", told)
    page = {row.words: row.n_items for row in page_status.bill_rows(summary)}
    assert page["People's labels, known before"] == 10
    assert (page["People's labels"], page["People alone"]) == (31, 90)


def test_no_estimate_stands_beside_a_certificate(tmp_path: Path) -> None:
    """It is from before the audit, and may be above what the audit proves."""

    class Summary:
        estimated_error, certified_error = 0.077, 0.075
        estimate_kind = "certified with 95% confidence"

    line = tables.estimate_line(Summary)  # type: ignore[arg-type]
    assert line == "certified error  at most 7.50% (certified with 95% confidence)"


def test_only_the_first_few_broken_items_are_named() -> None:
    assert tables.broken_lines({}, 9, str) == []
    (line,) = tables.broken_lines(dict.fromkeys(range(6), "bad"), 9, str)
    assert line.endswith("people: 0 (bad), 1 (bad), 2 (bad), 3 (bad), 4 (bad), ...")


def test_known_labels_by_the_command_line(finished: Path, blobs: Path, tmp_path: Path) -> None:
    first = finished
    result = mcal("export", first, "--out", tmp_path / "known.csv")
    assert result.exit_code == 0, result.output
    with (tmp_path / "known.csv").open(newline="") as file:
        n_known = sum(row["source"] in ("human", "audit") for row in csv.DictReader(file))
    oracle = f'kind = "oracle"\npath = "{blobs / "truth.npy"}"\n[labels]\nknown = "known.csv"'
    config = write_config(tmp_path, blobs, oracle)
    quoted = mcal("quote", config)
    assert f"{n_known} labels known" in quoted.output
    result = mcal("run", config)
    assert result.exit_code == 0, result.output
    assert f"{n_known} labels are known, from known.csv; not taken:" in result.output
    assert re.search(rf"people: known before +│ +{n_known} ", result.output)
    second = tmp_path / "blobs-campaign"
    status = json.loads(mcal("status", second, "--json").output)
    n_bought = status["n_human"] - n_known
    assert status["n_known"] == n_known
    assert status["human_cost_usd"] == pytest.approx(0.04 * n_bought)
    found = mcal("evaluate", second)
    assert f"known before     {n_known} of people's labels" in found.output
    assert json.loads(mcal("evaluate", second, "--json").output)["n_known"] == n_known
    assert mcal("run", config).exit_code == 0  # goes on with what it has taken
    (tmp_path / "known.csv").write_text("item,label\n0,ant\n")
    changed = mcal("run", config)
    assert changed.exit_code == 1
    assert "known.csv has changed since" in changed.output
