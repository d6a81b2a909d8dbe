"""The labelled pool as a file, read back by the usual readers."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from mcal.errors import ExportError, MissingExtraError
from mcal.export import COLUMNS, ExportFormat, export
from mcal.export import rows as rows_module
from mcal.settings import Settings
from mcal.store import Store
from mcal.types import NO_LABEL, Purpose

NAMES = ("plain.png", "a,b.png", '"quoted".png', "two\nlines", "=1+1", "Zürich/émeu.png", "-5", "")
N_POOL = 13


def item_name(index: int) -> str:
    return NAMES[index] if index < len(NAMES) else f"item {index}"


@pytest.fixture
def store(tmp_path):
    """Thirteen items: people, an audit, "no class fits", the machine, an open batch, nobody."""
    with Store.create(
        tmp_path / "campaign",
        settings_json=Settings().model_dump_json(),
        n_pool=N_POOL,
        classes=("cat", "dog", "=cmd"),
        pool_kind="images",
        pool_fingerprint="f00d",
        broken={},
    ) as store:
        told = (
            (Purpose.TEST, 0, 0.04, [2, 0], [1, NO_LABEL]),
            (Purpose.AUDIT, 3, 1 / 3, [4], [2]),
            (Purpose.TRAIN, 1, 0.05, [1, 3], [0]),
        )
        for purpose, round_, price, items, labels in told:
            batch = store.add_batch(
                purpose=purpose,
                round=round_,
                indices=np.array(items),
                selection="random",
                engine="cpu",
                price_per_label=price,
                reason="",
            )
            store.tell(batch.batch_id, items[: len(labels)], labels)
        store.add_machine_labels(
            round=2,
            classifier="cnn18/fast",
            indices=np.arange(5, 12),
            labels=np.array([0, 1, 2, 0, 1, 2, 0]),
            confidence=np.array([1.0, 1 - 1e-12, 0.1, 0.5, 0.0, 1 / 3, 0.7]),
            fee_usd_each=0.001,
            reason="",
            details={},
        )
        yield store


def row(index, label=None, source=None, confidence=None, round_=None, price=None, model=None):
    cells = (index, item_name(index), label, source, confidence, round_, price, model)
    return dict(zip(COLUMNS, cells, strict=True))


def machine(index, label, confidence):
    return row(index, label, "machine", confidence, 2, 0.001, "cnn18/fast")


EXPECTED = [
    row(0, None, "human", None, 0, 0.04),
    row(1, "cat", "human", None, 1, 0.05),
    row(2, "dog", "human", None, 0, 0.04),
    row(3),
    row(4, "=cmd", "audit", None, 3, 0.333333333),
    machine(5, "cat", 1.0),
    machine(6, "dog", 1 - 1e-12),
    machine(7, "=cmd", 0.1),
    machine(8, "cat", 0.5),
    machine(9, "dog", 0.0),
    machine(10, "=cmd", 1 / 3),
    machine(11, "cat", 0.7),
    row(12),
]


def read_csv(path: Path) -> list[dict[str, object]]:
    types = {"index": int, "confidence": float, "round": int, "price_usd": float}
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {
                name: text if name == "item" else types.get(name, str)(text) if text else None
                for name, text in cells.items()
            }
            for cells in csv.DictReader(file)
        ]


def read_jsonl(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]]


def read_parquet(path: Path) -> list[dict[str, object]]:
    import pyarrow.parquet as pq

    return pq.read_table(path).to_pylist()


READERS = {"csv": read_csv, "jsonl": read_jsonl, "parquet": read_parquet}


@pytest.mark.parametrize("piece", [1, 5, N_POOL, 1000])
@pytest.mark.parametrize("format", READERS)
def test_what_is_written_is_read_back(store, tmp_path, monkeypatch, format, piece):
    monkeypatch.setattr(rows_module, "_PIECE", piece)
    path = tmp_path / f"labels.{format}"
    export(store, path, format, item_name=item_name)
    rows = READERS[format](path)
    assert rows == EXPECTED
    assert list(rows[0]) == list(COLUMNS)


@pytest.mark.parametrize("format", READERS)
def test_the_same_store_gives_the_same_bytes(store, tmp_path, format):
    paths = tmp_path / "a", tmp_path / "b"
    for path in paths:
        export(store, path, format, item_name=item_name)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_csv_looks_as_promised(store, tmp_path):
    export(store, tmp_path / "labels.csv", item_name=item_name)
    lines = (tmp_path / "labels.csv").read_bytes().split(b"\n")
    assert lines[0] == b"index,item,label,source,confidence,round,price_usd,model"
    assert lines[1] == b"0,plain.png,,human,,0,0.04,"
    assert lines[2] == b'1,"a,b.png",cat,human,,1,0.05,'
    assert lines[6] == b"4,=1+1,=cmd,audit,,3,0.333333333,"  # as it is, not disguised
    assert lines[-1] == b""


def test_parquet_has_sensible_types(store, tmp_path):
    import pyarrow.parquet as pq

    export(store, tmp_path / "labels", "parquet", item_name=item_name)
    schema = pq.read_schema(tmp_path / "labels")
    assert {field.name: str(field.type) for field in schema} == {
        "index": "int64",
        "item": "string",
        "label": "dictionary<values=string, indices=int32, ordered=0>",
        "source": "dictionary<values=string, indices=int32, ordered=0>",
        "confidence": "double",
        "round": "int32",
        "price_usd": "double",
        "model": "dictionary<values=string, indices=int32, ordered=0>",
    }


@pytest.mark.parametrize("format", READERS)
def test_file_names_that_are_not_utf_8_are_written_readably(store, tmp_path, format):
    bad = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    export(store, tmp_path / "labels", format, item_name=lambda index: bad)
    assert READERS[format](tmp_path / "labels")[0]["item"] == "caf\\udce9.png"


@pytest.mark.parametrize("format", READERS)
def test_an_export_that_fails_leaves_the_old_file_and_nothing_else(store, tmp_path, format):
    path = tmp_path / "out" / "labels"
    path.parent.mkdir()
    path.write_text("old")

    def fail_late(index: int) -> str:
        if index == 9:
            raise LookupError("no such item")
        return "item"

    with pytest.raises(LookupError):
        export(store, path, format, item_name=fail_late)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]
    export(store, path, format, item_name=item_name)
    assert READERS[format](path) == EXPECTED
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("format", READERS)
def test_a_file_that_cannot_be_written_is_an_export_error(store, tmp_path, format):
    with pytest.raises(ExportError, match="cannot be written") as caught:
        export(store, tmp_path / "no" / "folder" / "labels", format, item_name=item_name)
    assert isinstance(caught.value.__cause__, OSError)
    (tmp_path / "taken").mkdir()
    with pytest.raises(ExportError, match="taken: cannot be written"):
        export(store, tmp_path / "taken", format, item_name=item_name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["campaign", "taken"]


def test_unknown_formats_are_the_caller_s_mistake(store, tmp_path):
    with pytest.raises(ValueError, match=r"format: expected one of \('csv', .*, found 'xlsx'"):
        export(store, tmp_path / "labels", "xlsx", item_name=item_name)


def test_a_new_campaign_and_a_reader_can_be_exported(tmp_path):
    Store.create(
        tmp_path,
        settings_json="{}",
        n_pool=2,
        classes=("a", "b"),
        pool_kind="images",
        pool_fingerprint="",
        broken={},
    ).close()
    with Store.open(tmp_path, read_only=True) as reader:
        for format, read in READERS.items():
            export(reader, tmp_path / "labels", format, item_name=item_name)
            assert read(tmp_path / "labels") == [row(0), row(1)]


def test_without_pyarrow_the_extra_is_named(store, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"pyarrow is not installed: .*mcal\[parquet\]"):
        export(store, tmp_path / "labels", "parquet", item_name=item_name)
    assert not (tmp_path / "labels").exists()


def test_exporting_text_imports_no_pyarrow():
    code = "import sys, mcal.export; sys.exit('pyarrow' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def pandas_rows(path: Path, format: str) -> list[dict[str, object]]:
    """What pandas reads, empty cells as None."""
    import pandas as pd

    if format == "csv":
        empty = {name: [""] for name in COLUMNS if name != "item"}
        frame = pd.read_csv(path, keep_default_na=False, na_values=empty, dtype={"item": "str"})
    elif format == "jsonl":
        frame = pd.read_json(path, lines=True, dtype=False)
    else:
        frame = pd.read_parquet(path)
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


@pytest.mark.parametrize("format", READERS)
def test_pandas_reads_it_back(store, tmp_path, format):
    path = tmp_path / f"labels.{format}"
    export(store, path, format, item_name=item_name)
    rows = pandas_rows(path, format)
    assert list(rows[0]) == list(COLUMNS)
    for found, expected in zip(rows, EXPECTED, strict=True):
        assert found | {"confidence": None} == expected | {"confidence": None}
        assert found["confidence"] == pytest.approx(expected["confidence"], abs=1e-9)


def test_the_record_is_never_replaced(store, tmp_path):
    path = next(tmp_path.rglob("campaign.sqlite"))
    before = path.read_bytes()
    for format in get_args(ExportFormat):
        with pytest.raises(ExportError, match="would take the place of the campaign's record"):
            export(store, path, format, item_name=item_name)
    assert path.read_bytes() == before
