"""The pools' contract must fail for each way to be wrong, and pass for a right one."""

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mcal.testing import PoolContract
from mcal.types import IndexArray, Pool


class Rows:
    """A right pool: four vectors, the second of them broken."""

    kind = "embeddings"
    classes = ("cat", "dog")

    def __init__(self, last: float = 4.0) -> None:
        self.n_pool = 4
        self.rows = np.array([[1.0], [0.0], [3.0], [last]], np.float32)
        self.fingerprint = f"{int(last):064x}"

    def read(self, indices: IndexArray) -> npt.NDArray[Any]:
        if indices.size and (indices.min() < 0 or indices.max() >= self.n_pool):
            raise ValueError("indices: of no item")
        return self.rows[indices]

    def item_name(self, index: int) -> str:
        if not 0 <= index < self.n_pool:
            raise ValueError("index: of no item")
        return f"row {index}"

    def broken(self) -> dict[int, str]:
        return {1: "lost"}


class TestRows(PoolContract):
    """The contract as a user writes it down."""

    pool = Rows

    def make_pool(self, world: Path) -> Pool:
        return self.pool()

    def make_other_pool(self, world: Path) -> Pool:
        return self.pool(5.0)


class OneClass(Rows):
    classes = ("cat", "cat")


class OtherKind(Rows):
    kind = "sounds"


class FingerprintOfTheProcess(Rows):
    def __init__(self, last: float = 4.0) -> None:
        super().__init__(last)
        self.fingerprint = uuid.uuid4().hex * 2


class FingerprintOfTheSize(Rows):
    def __init__(self, last: float = 4.0) -> None:
        super().__init__(last)
        self.fingerprint = f"{self.n_pool:064x}"


class ReadsDouble(Rows):
    def read(self, indices: IndexArray) -> npt.NDArray[Any]:
        return super().read(indices).astype(np.float64)


class ReadsNaN(Rows):
    def read(self, indices: IndexArray) -> npt.NDArray[Any]:
        return np.where(indices[:, None] == 1, np.float32(np.nan), super().read(indices))


class ReadsSorted(Rows):
    def read(self, indices: IndexArray) -> npt.NDArray[Any]:
        return super().read(np.sort(indices))


class ReadsOnce(Rows):
    def read(self, indices: IndexArray) -> npt.NDArray[Any]:
        return super().read(np.unique(indices))


class ReadsNoneFlat(Rows):
    def read(self, indices: IndexArray) -> npt.NDArray[Any]:
        return super().read(indices) if indices.size else np.empty(0, np.float32)


class LendsItsOwn(Rows):
    def read(self, indices: IndexArray) -> npt.NDArray[Any]:
        whole = np.array_equal(indices, np.arange(self.n_pool))
        return self.rows if whole else super().read(indices)


class OneReaderAtATime(Rows):
    """Its buffer is shared: the next reader overwrites what the last one was given."""

    def __init__(self, last: float = 4.0) -> None:
        super().__init__(last)
        self.n_reads = 0

    def read(self, indices: IndexArray) -> npt.NDArray[Any]:
        self.n_reads += 1
        return super().read(indices) * np.float32(self.n_reads < 3)


class CountsFromTheEnd(Rows):
    def read(self, indices: IndexArray) -> npt.NDArray[Any]:
        return self.rows[indices % self.n_pool]


class NamesAnything(Rows):
    def item_name(self, index: int) -> str:
        return f"row {index}"


class OneNameForAll(Rows):
    def item_name(self, index: int) -> str:
        return super().item_name(index)[:3]


class NamesThatAreNoText(Rows):
    def item_name(self, index: int) -> str:
        return f"{super().item_name(index)}\udcff"


class BrokenButShown(Rows):
    def broken(self) -> dict[int, str]:
        return {0: "lost"}


class BrokenWithoutReason(Rows):
    def broken(self) -> dict[int, str]:
        return {1: ""}


class BrokenBeyondTheEnd(Rows):
    def broken(self) -> dict[int, str]:
        return {4: "lost"}


class LendsItsBroken(Rows):
    def __init__(self, last: float = 4.0) -> None:
        super().__init__(last)
        self.lost = {1: "lost"}

    def broken(self) -> dict[int, str]:
        return self.lost


class KnowsTheTruth(Rows):
    labels = (0, 1, 0, 1)


WRONG = [
    (OneClass, "says_what_it_is"),
    (OtherKind, "says_what_it_is"),
    (FingerprintOfTheProcess, "the_fingerprint_is_of_the_items"),
    (FingerprintOfTheSize, "the_fingerprint_is_of_the_items"),
    (ReadsDouble, "reads_the_kind_it_says"),
    (ReadsNaN, "reads_the_kind_it_says"),
    (ReadsSorted, "reads_in_any_order"),
    (ReadsOnce, "reads_in_any_order"),
    (ReadsNoneFlat, "reads_in_any_order"),
    (LendsItsOwn, "what_was_read_belongs_to_the_reader"),
    (OneReaderAtATime, "reads_in_several_threads"),
    (CountsFromTheEnd, "refuses_indices_of_no_item"),
    (NamesAnything, "refuses_indices_of_no_item"),
    (OneNameForAll, "every_item_has_a_name_of_its_own"),
    (NamesThatAreNoText, "every_item_has_a_name_of_its_own"),
    (BrokenButShown, "broken_items_are_blank"),
    (BrokenWithoutReason, "broken_items_are_blank"),
    (BrokenBeyondTheEnd, "broken_items_are_blank"),
    (LendsItsBroken, "broken_items_are_blank"),
    (KnowsTheTruth, "does_not_know_the_truth"),
]


@pytest.mark.parametrize(("wrong", "test"), WRONG)
def test_the_contract_finds_what_is_wrong(tmp_path: Path, wrong: type[Rows], test: str) -> None:
    contract = type("Contract", (TestRows,), {"pool": wrong})()
    with pytest.raises((AssertionError, pytest.fail.Exception, UnicodeEncodeError)):
        getattr(contract, f"test_{test}")(tmp_path)


def test_every_test_of_the_contract_can_fail() -> None:
    tests = {name.removeprefix("test_") for name in dir(PoolContract) if name[:5] == "test_"}
    assert tests == {test for _, test in WRONG}
