from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from mcal.annotators import KnownLabels, digest_of, read_known_labels
from mcal.errors import AnnotatorError, MissingExtraError
from mcal.types import NO_LABEL

CLASSES = ("cat", "dog", "3")
NAMES = ("a.png", "b.png", "sub/c.png", "=d.png", " e.png", "f\udcff.png")


def read(path: Path, text: str, names: tuple[str, ...] = NAMES) -> KnownLabels:
    path.write_text(text, encoding="utf-8")
    return read_known_labels(path, CLASSES, lambda: names)


def pairs(known: KnownLabels) -> dict[int, int]:
    return dict(zip(known.indices.tolist(), known.labels.tolist(), strict=True))


def test_a_plain_file_is_all_people_s(tmp_path: Path) -> None:
    known = read(tmp_path / "k.csv", "item,label\nsub/c.png,Cat\na.png,none\nb.png,\nz.png,dog\n")
    assert pairs(known) == {2: 0, 0: NO_LABEL}
    assert (known.n_blank, known.n_elsewhere, known.n_machine) == (1, 1, 0)
    assert known.sha256 == hashlib.sha256((tmp_path / "k.csv").read_bytes()).hexdigest()
    assert known.words() == (
        "2 labels are known, from k.csv; not taken: 1 of items that are not in the pool, "
        "1 not given yet"
    )


def test_of_an_export_only_people_s_rows_count(tmp_path: Path) -> None:
    known = read(
        tmp_path / "k.csv",
        "index,item,label,source,confidence,round,price_usd,model\n"
        "5,a.png,cat,human,,0,0.04,\n"
        "4,b.png,dog,audit,,0,0.04,\n"
        "3,sub/c.png,dog,machine,0.9,1,0,m\n"
        "2,=d.png,,human,,0,0.04,\n"
        "1,z.png,no class of ours,human,,0,0.04,\n"
        "0, e.png,,,,,,\n",
    )
    assert pairs(known) == {0: 0, 1: 1, 3: NO_LABEL}
    assert (known.n_machine, known.n_elsewhere, known.n_blank) == (1, 1, 1)


def test_names_as_files_write_them(tmp_path: Path) -> None:
    text = "item,label\n'=d.png,cat\n e.png,dog\nf\\udcff.png,3\n"
    assert pairs(read(tmp_path / "k.csv", text)) == {3: 0, 4: 1, 5: 2}


def test_without_a_name_the_index_says_which(tmp_path: Path) -> None:
    known = read(tmp_path / "k.csv", "index,label\n1,dog\n17,dog\n-1,cat\n")
    assert pairs(known) == {1: 1}
    assert known.n_elsewhere == 2


def test_json_lines_and_numbers_for_names(tmp_path: Path) -> None:
    rows = [
        {"item": "a.png", "label": 3, "source": "human"},
        {"item": "b.png", "label": None, "source": "human"},
        {"item": "sub/c.png", "label": None, "source": None},
        {"item": "=d.png", "label": "cat", "source": "machine"},
    ]
    text = "\n".join(json.dumps(row) for row in rows)
    known = read(tmp_path / "k.jsonl", f"\n{text}\n\n")
    assert pairs(known) == {0: 2, 1: NO_LABEL}
    assert (known.n_machine, known.n_blank) == (1, 1)


def manifest_line(source: str, name: str | None, human: str = "yes") -> str:
    metadata = {"human-annotated": human, **({"class-name": name} if name else {})}
    label = {"x": 0} if name else {}
    return json.dumps({"source-ref": source, **label, "x-metadata": metadata})


@pytest.mark.parametrize("suffix", ["manifest", "jsonl"])
def test_a_manifest_goes_by_its_addresses(tmp_path: Path, suffix: str) -> None:
    lines = [
        manifest_line("s3://bucket/of/a.png", "cat"),
        manifest_line("s3://bucket/sub/c.png", "dog"),
        manifest_line("b.png", "none of these"),
        manifest_line("s3://bucket/=d.png", "dog", human="no"),
        manifest_line("s3://bucket/z.png", "dog"),
        json.dumps({"source-ref": " e.png"}),
    ]
    known = read(tmp_path / f"k.{suffix}", "\n".join(lines))
    assert pairs(known) == {0: 0, 2: 1, 1: NO_LABEL}
    assert (known.n_machine, known.n_elsewhere, known.n_blank) == (1, 1, 1)


def test_parquet(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"item": ["a.png", "b.png"], "label": [3.0, None]})
    pq.write_table(table, tmp_path / "k.parquet")
    with pytest.raises(AnnotatorError, match=r"k\.parquet, row 1: '3\.0' is no class"):
        read_known_labels(tmp_path / "k.parquet", ("cat", "dog"), lambda: NAMES)
    known = read_known_labels(tmp_path / "k.parquet", CLASSES, lambda: NAMES)
    assert pairs(known) == {0: 2}


NUMBERS = tuple(sorted(str(number) for number in range(12)))  # 0, 1, 10, 11, 2, ...


def class_labels(path: Path, rows: dict[str, object], features: object) -> None:
    """A file as ``datasets`` writes it: a class is a number."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    pq.write_table(pa.table(rows).replace_schema_metadata(metadata), path)


def test_a_class_of_hugging_face_is_a_number_and_not_a_name(tmp_path: Path) -> None:
    names = [f"{index}.png" for index in range(24)]
    features = {"label": {"names": list(NUMBERS), "_type": "ClassLabel"}}
    (tmp_path / "out" / "data").mkdir(parents=True)
    for half in (0, 1):
        labels = [*range(12)] if half else [*range(10), None, -1]
        rows = {
            "item": names[12 * half : 12 * half + 12],
            "label": labels,
            "source": ["human"] * 12,
        }
        part = tmp_path / "out" / "data" / f"train-0000{half}-of-00002.parquet"
        class_labels(part, rows, features)
    one = part.with_name("train-00000-of-00002.parquet")
    first = read_known_labels(one, NUMBERS, lambda: names)
    assert pairs(first) == {**{n: n for n in range(10)}, 10: NO_LABEL, 11: NO_LABEL}
    both = read_known_labels(tmp_path / "out", NUMBERS, lambda: names)
    assert pairs(both) == {**pairs(first), **{12 + n: n for n in range(12)}}
    assert digest_of(tmp_path / "out") == both.sha256 != first.sha256
    turned = read_known_labels(tmp_path / "out", NUMBERS[::-1], lambda: names)
    assert pairs(turned)[1] == NUMBERS[::-1].index(NUMBERS[1])


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ({"names": ["cat"], "_type": "ClassLabel"}, r"k\.parquet, row 2: .* below 1, found 1"),
        ({"_type": "ClassLabel"}, r"the names of its classes are not what `datasets` writes"),
        ([], r"the names of its classes are not what"),
        ({"dtype": "int64", "_type": "Value"}, r"row 1: '0' is no class"),
    ],
)
def test_numbers_of_no_class_are_refused(tmp_path: Path, feature: object, words: str) -> None:
    rows = {"item": ["a.png", "b.png"], "label": [0, 1]}
    class_labels(tmp_path / "k.parquet", rows, {"label": feature})
    with pytest.raises(AnnotatorError, match=words):
        read_known_labels(tmp_path / "k.parquet", CLASSES, lambda: NAMES)


def test_the_same_label_twice_is_one(tmp_path: Path) -> None:
    assert pairs(read(tmp_path / "k.csv", "item,label\na.png,cat\na.png,Cat\n")) == {0: 0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"column 'label' is missing"),
        ("item,label\n", r"expected labels, found no rows"),
        ("name,label\na.png,cat\n", r"expected the columns 'item' \(or 'index'\) and 'label'"),
        ("item,label\na.png,cow\n", r"k\.csv, line 2: 'cow' is no class"),
        ("item,label\na.png,cat\n\na.png,dog\n", r"k\.csv, line 4: item 'a\.png' .*k\.csv, line 2"),
        ("item,label,source\na.png,cat,robot\n", r"line 2: expected source .* found 'robot'"),
        ("item,label,source\na.png,cat,\n", r"line 2: expected source human.* found none"),
        ("item,label\n,cat\n", r"line 2: expected the item under 'item', found none"),
        (
            "item,label,source\na.png,cat,machine\nz.png,cat,human\nb.png,,\n",
            r"found none in 3 rows \(1 of a machine, 1 of items that are not in the pool, 1 with",
        ),
    ],
)
def test_what_makes_no_sense_is_told_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(AnnotatorError, match=words):
        read(tmp_path / "k.csv", text)


def test_a_name_that_two_items_share_is_refused(tmp_path: Path) -> None:
    names = ("a.png", "a.png", " b.png", "b.png")
    with pytest.raises(AnnotatorError, match=r"line 3: two items .* called 'a\.png'"):
        read(tmp_path / "k.csv", "item,label\nz.png,cat\na.png,cat\n", names)
    with pytest.raises(AnnotatorError, match=r"line 2: two items"):
        read(tmp_path / "k.csv", "item,label\nb.png,cat\n", names)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("k.jsonl", b'{"item": "a.png", "label"', r"line 1: no whole JSON object"),
        ("k.jsonl", b"[1]", r"line 1: expected a JSON object"),
        ("k.jsonl", b'{"item": "\xff"}', r"cannot be read as UTF-8"),
        ("k.jsonl", b'{"label": "cat"}', r"expected the columns"),
        ("k.manifest", b'{"source-ref": "a.png"', r"k\.manifest, line 1"),
        ("k.parquet", b"PAR1", r"cannot be read as Parquet"),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(AnnotatorError, match=words):
        read_known_labels(tmp_path / name, CLASSES, lambda: NAMES)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(AnnotatorError, match="cannot be read"):
            read_known_labels(path, CLASSES, lambda: NAMES)


def test_without_pyarrow_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "k.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"mcal\[parquet\]"):
        read_known_labels(tmp_path / "k.parquet", CLASSES, lambda: NAMES)
