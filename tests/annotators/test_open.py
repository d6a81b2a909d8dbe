from pathlib import Path

import numpy as np
import pytest

from mcal.annotators import FilesAnnotator, OracleAnnotator, open_annotator
from mcal.errors import AnnotatorError
from mcal.pools import ArrayPool
from mcal.settings import FilesSettings, OracleSettings
from mcal.types import NO_LABEL, Batch, IndexArray, Picture, Pool, Purpose

CLASSES = ("cat", "dog")
BATCH = Batch("b", Purpose.TEST, 0, np.array([1, 0]), ("one", "zero"), CLASSES)


def pool_of(n_pool: int, names: list[str] | None = None) -> Pool:
    return ArrayPool(np.zeros((n_pool, 1, 1), np.uint8), CLASSES, names=names)


POOL = pool_of(2, ["zero", "one"])


def no_picture(index: int) -> Picture | None:
    raise AssertionError("nobody may ask for a picture here")


def no_truth() -> IndexArray:
    raise AssertionError("nobody may ask for the truth here")


def test_the_oracle_takes_the_truth_of_the_data_set(tmp_path: Path) -> None:
    settings = OracleSettings()
    oracle = open_annotator(
        settings,
        folder=tmp_path,
        pool=POOL,
        picture=no_picture,
        truth=lambda: np.array([1, 0]),
        seed=0,
    )
    assert isinstance(oracle, OracleAnnotator)
    assert oracle.collect(BATCH, oracle.submit(BATCH)).labels.tolist() == [0, 1]


def test_the_oracle_takes_a_file_instead(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("label\ncat\ndog\n")
    settings = OracleSettings(path=tmp_path / "t.csv")
    oracle = open_annotator(
        settings,
        folder=tmp_path,
        pool=POOL,
        picture=no_picture,
        truth=no_truth,
        seed=0,
    )
    assert oracle.collect(BATCH, oracle.submit(BATCH)).labels.tolist() == [1, 0]


def test_the_oracle_s_noise_follows_the_seed(tmp_path: Path) -> None:
    settings = OracleSettings(noise_rate=0.5)
    indices = np.arange(200)
    batch = Batch("b", Purpose.TEST, 0, indices, tuple(map(str, indices)), CLASSES)
    answers = []
    for seed in (1, 1, 2):
        oracle = open_annotator(
            settings,
            folder=tmp_path,
            pool=pool_of(200),
            picture=no_picture,
            truth=lambda: indices % 2,
            seed=seed,
        )
        answers.append(oracle.collect(batch, oracle.submit(batch)).labels.tolist())
    assert answers[0] == answers[1] != answers[2]


@pytest.mark.parametrize("path", [None, "elsewhere"])
def test_files_lie_in_the_campaign_s_folder_or_where_told(tmp_path: Path, path: str | None) -> None:
    settings = FilesSettings(path=tmp_path / path if path else None)
    files = open_annotator(
        settings,
        folder=tmp_path,
        pool=POOL,
        picture=no_picture,
        truth=no_truth,
        seed=0,
    )
    assert isinstance(files, FilesAnnotator)
    files.submit(BATCH)
    assert (tmp_path / (path or "labelling") / "todo" / "b.csv").is_file()


@pytest.mark.parametrize("from_file", [True, False])
@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0] * 100, "expected 1,797 labels, one for each item of the pool, found 100"),
        ([0] * 1_798, "expected 1,797 labels, one for each item of the pool, found 1,798"),
        ([0] * 1_796 + [2], "expected -1 <= label < 2, found 0 to 2"),
        ([0] * 1_796 + [-2], "expected -1 <= label < 2, found -2 to 0"),
        ([NO_LABEL] * 1_797, "found none that fits a class"),
    ],
)
def test_a_truth_that_is_not_the_pool_s_is_refused_at_once(
    tmp_path: Path, labels: list[int], words: str, from_file: bool
) -> None:
    path = tmp_path / "t.npy"
    np.save(path, np.array(labels))
    settings = OracleSettings(path=path if from_file else None)
    with pytest.raises(AnnotatorError, match=words):
        open_annotator(
            settings,
            folder=tmp_path,
            pool=pool_of(1_797),
            picture=no_picture,
            truth=no_truth if from_file else lambda: np.array(labels),
            seed=0,
        )


def test_items_without_a_class_are_part_of_a_truth(tmp_path: Path) -> None:
    oracle = open_annotator(
        OracleSettings(),
        folder=tmp_path,
        pool=POOL,
        picture=no_picture,
        truth=lambda: np.array([1, NO_LABEL]),
        seed=0,
    )
    assert oracle.collect(BATCH, oracle.submit(BATCH)).labels.tolist() == [NO_LABEL, 1]


def test_the_oracle_s_file_may_name_the_items(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("item,label\none,cat\nzero,dog\n")
    settings = OracleSettings(path=tmp_path / "t.csv")
    oracle = open_annotator(
        settings,
        folder=tmp_path,
        pool=POOL,
        picture=no_picture,
        truth=no_truth,
        seed=0,
    )
    assert oracle.collect(BATCH, oracle.submit(BATCH)).labels.tolist() == [0, 1]
