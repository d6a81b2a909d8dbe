import csv
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from mcal.annotators import FilesAnnotator
from mcal.errors import AnnotatorError
from mcal.testing import AnnotatorContract
from mcal.types import NO_LABEL, Annotator, Batch, Purpose

CLASSES = ("cat", "dog", "owl")


def read_cells(file: Path) -> list[list[str]]:
    return list(csv.reader(file.read_text("utf-8-sig").splitlines(keepends=True)))


class _Driven(AnnotatorContract):
    def make_annotator(self, world: Path) -> Annotator:
        return FilesAnnotator(world)

    def n_ordered(self, world: Path) -> int | None:
        return sum(len(read_cells(file)) - 1 for file in (world / "todo").glob("*.csv"))

    def words(self, label: int) -> str:
        return "none" if label == NO_LABEL else self.classes[label].upper()


class TestFilledInPlace(_Driven):
    def answer(self, world: Path, batch: Batch, ticket: str, labels: Mapping[int, int]) -> None:
        file = world / "todo" / f"{batch.batch_id}.csv"
        head, *rows = read_cells(file)
        for row in rows:
            if int(row[0]) in labels:
                row[2] = self.words(labels[int(row[0])])
        with file.open("w", newline="") as out:
            csv.writer(out).writerows([head, *rows])


class TestPartsOfACopy(_Driven):
    def answer(self, world: Path, batch: Batch, ticket: str, labels: Mapping[int, int]) -> None:
        head, *rows = read_cells(world / "todo" / f"{batch.batch_id}.csv")
        done = world / "done"
        number = len(list(done.iterdir()))
        with (done / f"{batch.batch_id} part {number}.csv").open("w", newline="") as out:
            writer = csv.writer(out, delimiter=";")
            writer.writerow(head[::-1])
            for index, item, _ in rows[::-1]:
                if int(index) in labels:
                    writer.writerow([self.words(labels[int(index)]), item, index])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "labelling"


BATCH = Batch("b-1", Purpose.TRAIN, 0, np.array([7, 3, 5]), ("7.png", "=3.png", "005"), CLASSES)


def fill(folder: Path, text: str, name: str = "b-1.csv", place: str = "done") -> None:
    (folder / place / name).write_text(text)


def collect(folder: Path) -> tuple[dict[int, int], tuple[str, ...]]:
    answers = FilesAnnotator(folder).collect(BATCH, "b-1")
    found = dict(zip(answers.indices.tolist(), answers.labels.tolist(), strict=True))
    assert answers.complete == (len(found) == 3)
    return found, answers.problems


@pytest.fixture
def ordered(folder: Path) -> Path:
    FilesAnnotator(folder).submit(BATCH)
    return folder


def test_what_goes_out(ordered: Path) -> None:
    rows = [["index", "item", "label"], ["7", "7.png", ""], ["3", "'=3.png", ""], ["5", "005", ""]]
    assert read_cells(ordered / "todo" / "b-1.csv") == rows
    readme = (ordered / "README.txt").read_text()
    assert all(f"    {name}\n" in readme for name in CLASSES)
    assert "write: none" in readme
    names = sorted(file.name for file in ordered.rglob("*"))
    assert names == [".orders", "README.txt", "b-1.csv", "b-1.csv", "done", "todo"]


def test_the_word_for_no_label_gives_way_to_a_class(folder: Path) -> None:
    batch = Batch("b", Purpose.TRAIN, 0, np.array([0, 1]), ("a", "b"), ("none", "some"))
    annotator = FilesAnnotator(folder)
    annotator.submit(batch)
    assert "write: (none)" in (folder / "README.txt").read_text()
    fill(folder, "index,item,label\n0,a,none\n1,b,(none)\n", "b.csv")
    assert annotator.collect(batch, "b").labels.tolist() == [0, NO_LABEL]


def test_duplicates_that_agree_are_taken_and_told(ordered: Path) -> None:
    fill(ordered, "index,item,label\n7,7.png,cat\n7,7.png,Cat\n3,=3.png,dog\n")
    fill(ordered, "index,item,label\n7,7.png,cat\n5,005,\n", "b-1 (copy).CSV")
    assert collect(ordered) == (
        {7: 0, 3: 1},
        ("done/b-1.csv: labels that another row gives as well: 2; counted once.",),
    )


def test_duplicates_are_one_sentence_for_each_file(ordered: Path) -> None:
    fill(ordered, "index,item,label\n" + "7,7.png,cat\n" * 1_500 + "7,7.png,dog\n")
    found, problems = collect(ordered)
    assert found == {}
    assert len(problems) == 2
    assert "labels that another row gives as well: 1,499;" in problems[0]
    assert "neither taken" in problems[1]


def test_duplicates_that_differ_are_not_taken(ordered: Path) -> None:
    fill(ordered, "index,item,label\n7,7.png,cat\n3,'=3.png,dog\n")
    fill(ordered, "index,item,label\n5,005,owl\n7,7.png,dog\n", "b-1b.csv")
    found, problems = collect(ordered)
    assert found == {3: 1, 5: 2}
    assert problems == (
        "done/b-1b.csv, line 3: 'dog' for item '7.png', but 'cat' in done/b-1.csv, line 2; "
        "neither taken.",
    )


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("7,7.png,oul", "'oul' is no class (did you mean 'owl'?); not taken."),
        ("7,7.png,0", "'0' is no class (expected one of: cat, dog, owl, none); not taken."),
        ("8,8.png,cat", "no item of batch b-1 has index '8'; not taken."),
        (",7.png,cat", "no item of batch b-1 has index ''; not taken."),
        ("x,7.png,cat", "no item of batch b-1 has index 'x'; not taken."),
        ("7.5,7.png,cat", "no item of batch b-1 has index '7.5'; not taken."),
        ("7,005,cat", "index 7 is item '7.png', not '005'; not taken."),
        ("7,,cat", "index 7 is item '7.png', not ''; not taken."),
    ],
)
def test_a_bad_row_is_reported_and_the_others_are_taken(
    ordered: Path, row: str, problem: str
) -> None:
    fill(ordered, f"index,item,label\n5,005,owl\n{row}\n3,=3.png,dog\n")
    found, problems = collect(ordered)
    assert found == {5: 2, 3: 1}
    assert problems == (f"done/b-1.csv, line 3: {problem}",)


def test_what_spreadsheets_do_to_numbers_is_understood(ordered: Path) -> None:
    fill(ordered, "index,item,label\n5.0,5,owl\n7.0,7.png,cat\n")
    assert collect(ordered) == ({5: 2, 7: 0}, ())


def test_a_file_without_its_columns_is_reported(ordered: Path) -> None:
    fill(ordered, "index,label\n7,cat\n")
    found, problems = collect(ordered)
    assert found == {}
    assert problems == (
        "done/b-1.csv: column 'item' is missing: expected index, item, label, found index, label.",
    )


def test_files_that_nobody_will_read_are_reported(ordered: Path) -> None:
    fill(ordered, "index,item,label\n7,7.png,cat\n", "Book1.csv")
    fill(ordered, "PK", "b-1.xlsx")
    fill(ordered, "x", ".~lock.b-1.csv#")
    fill(ordered, "x", "~$b-1.xlsx", "todo")
    assert collect(ordered) == (
        {},
        (
            "done/Book1.csv: not read: let its name begin with the batch's.",
            "done/b-1.xlsx: not read: save it as CSV.",
        ),
    )


def test_problems_do_not_pile_up_without_end(ordered: Path) -> None:
    fill(ordered, "index,item,label\n" + "7,7.png,cta\n" * 1_500)
    _, problems = collect(ordered)
    assert len(problems) == 101
    assert problems[-1] == "1,400 more problems of this kind."


def test_a_file_moved_away_from_todo_is_not_ordered_again(ordered: Path) -> None:
    (ordered / "todo" / "b-1.csv").rename(ordered / "done" / "b-1.csv")
    FilesAnnotator(ordered).submit(BATCH)
    assert list((ordered / "todo").iterdir()) == []


def test_an_order_cut_short_is_finished(ordered: Path) -> None:
    """Power fails between remembering the order and writing the sheet."""
    (ordered / "todo" / "b-1.csv").unlink()
    assert FilesAnnotator(ordered).submit(BATCH) == "b-1"
    assert len(read_cells(ordered / "todo" / "b-1.csv")) == 4


@pytest.mark.parametrize(
    ("indices", "names"),
    [([7, 3, 6], ("7.png", "=3.png", "005")), ([7, 3, 5], ("x.png", "=3.png", "005"))],
)
def test_another_batch_of_the_same_name_is_refused(
    ordered: Path, indices: list[int], names: tuple[str, ...]
) -> None:
    other = Batch("b-1", Purpose.TRAIN, 0, np.array(indices), names, CLASSES)
    with pytest.raises(AnnotatorError, match="another batch was ordered as b-1"):
        FilesAnnotator(ordered).submit(other)


@pytest.mark.parametrize("batch_id", ["", "a/b", "..", ".x", "a b"])
def test_an_id_must_be_the_name_of_a_file(folder: Path, batch_id: str) -> None:
    batch = Batch(batch_id, Purpose.TRAIN, 0, np.array([0]), ("a",), CLASSES)
    with pytest.raises(ValueError, match=r"^batch_id: expected"):
        FilesAnnotator(folder).submit(batch)


def test_an_order_that_is_not_there_is_an_error(folder: Path) -> None:
    with pytest.raises(AnnotatorError, match="knows no order b-1; was it moved"):
        FilesAnnotator(folder).collect(BATCH, "b-1")


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AnnotatorError, match="cannot be made") as caught:
        FilesAnnotator(tmp_path / "file").submit(BATCH)
    assert isinstance(caught.value.__cause__, OSError)


def test_another_process_reads_the_same(ordered: Path) -> None:
    fill(ordered, "index,item,label\n3,'=3.png,dog\n")
    code = (
        "import sys, numpy as np; from pathlib import Path;"
        "from mcal.annotators import FilesAnnotator; from mcal.types import Batch, Purpose;"
        "b = Batch('b-1', Purpose.TRAIN, 0, np.array([7, 3, 5]), ('7.png', '=3.png', '005'),"
        " ('cat', 'dog', 'owl')); f = FilesAnnotator(Path(sys.argv[1]));"
        "a = f.collect(b, f.submit(b)); print(a.indices.tolist(), a.labels.tolist(), a.problems)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(ordered)], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[3] [1] ()"
