from pathlib import Path

import numpy as np
import pytest

from mcal.annotators import FilesAnnotator, OracleAnnotator, open_annotator
from mcal.settings import AnnotatorSettings
from mcal.types import Batch, IndexArray, Purpose

CLASSES = ("cat", "dog")
BATCH = Batch("b", Purpose.TEST, 0, np.array([1, 0]), ("one", "zero"), CLASSES)


def no_truth() -> IndexArray:
    raise AssertionError("nobody may ask for the truth here")


def test_the_oracle_takes_the_truth_of_the_data_set(tmp_path: Path) -> None:
    settings = AnnotatorSettings(kind="oracle")
    oracle = open_annotator(
        settings, folder=tmp_path, truth=lambda: np.array([1, 0]), classes=CLASSES, seed=0
    )
    assert isinstance(oracle, OracleAnnotator)
    assert oracle.collect(BATCH, oracle.submit(BATCH)).labels.tolist() == [0, 1]


def test_the_oracle_takes_a_file_instead(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("label\ncat\ndog\n")
    settings = AnnotatorSettings(kind="oracle", path=tmp_path / "t.csv")
    oracle = open_annotator(settings, folder=tmp_path, truth=no_truth, classes=CLASSES, seed=0)
    assert oracle.collect(BATCH, oracle.submit(BATCH)).labels.tolist() == [1, 0]


def test_the_oracle_s_noise_follows_the_seed(tmp_path: Path) -> None:
    settings = AnnotatorSettings(kind="oracle", noise_rate=0.5)
    indices = np.arange(200)
    batch = Batch("b", Purpose.TEST, 0, indices, tuple(map(str, indices)), CLASSES)
    answers = []
    for seed in (1, 1, 2):
        oracle = open_annotator(
            settings, folder=tmp_path, truth=lambda: indices % 2, classes=CLASSES, seed=seed
        )
        answers.append(oracle.collect(batch, oracle.submit(batch)).labels.tolist())
    assert answers[0] == answers[1] != answers[2]


@pytest.mark.parametrize("path", [None, "elsewhere"])
def test_files_lie_in_the_campaign_s_folder_or_where_told(tmp_path: Path, path: str | None) -> None:
    settings = AnnotatorSettings(kind="files", path=tmp_path / path if path else None)
    files = open_annotator(settings, folder=tmp_path, truth=no_truth, classes=CLASSES, seed=0)
    assert isinstance(files, FilesAnnotator)
    files.submit(BATCH)
    assert (tmp_path / (path or "labelling") / "todo" / "b.csv").is_file()
