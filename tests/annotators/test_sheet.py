from pathlib import Path

import pytest

from mcal.annotators.sheet import read_sheet, safe_cell, write_sheet
from mcal.errors import AnnotatorError

NEEDED = ("index", "label")


def read(tmp_path: Path, data: bytes) -> list[tuple[int, str, str]]:
    (tmp_path / "s.csv").write_bytes(data)
    rows = read_sheet(tmp_path / "s.csv", NEEDED)
    return [(row.line, row.cells["index"], row.cells["label"]) for row in rows]


@pytest.mark.parametrize(
    "text",
    [
        "index,label\n1,ä\n2,b\n",
        "index,label\r\n1,ä\r\n2,b",
        "index,label\r1,ä\r2,b\r",
        "index;label\n1;ä\n2;b\n",
        "index\tlabel\n1\tä\n2\tb\n",
        " INDEX , Label \n 1 , ä \n 2,b\n",
        '"index","label"\n"1","ä"\n"2","b"\n',
        "label,other,index\nä,x,1\nb,,2,too,many\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_what_spreadsheets_write(tmp_path: Path, text: str, encoding: str) -> None:
    assert read(tmp_path, text.encode(encoding)) == [(2, "1", "ä"), (3, "2", "b")]


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    text = 'sep=;\n\nindex;label\n1;a\n\n;;\n2;"b\nc"\n3;d\n4\n'
    expected = [(4, "1", "a"), (7, "2", "b\nc"), (9, "3", "d"), (10, "4", "")]
    assert read(tmp_path, text.encode()) == expected


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "column 'index' is missing: expected index, label, found nothing"),
        (b"\n\n", "found nothing"),
        (b"index,lable\n1,a\n", "column 'label' is missing: .* found index, lable"),
        (b"index,label,label\n1,a,b\n", "column 'label' is there twice"),
        (b"index,label\n1," + b"x" * 200_000, "line 2: field larger"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(AnnotatorError, match=rf"^s\.csv.*{words}"):
        read(tmp_path, data)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AnnotatorError, match="cannot be read now: No such file") as caught:
        read_sheet(tmp_path / "s.csv", NEEDED)
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "\r=1", "＝1", "|x"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", " ", "a=1", "cat-1.png", "0", "日本"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert safe_cell(text) == text


def test_text_that_utf_8_cannot_hold_is_escaped() -> None:
    assert safe_cell("a\udcff") == "a\\udcff"


def test_what_is_written_is_read_again_and_excel_sees_utf_8(tmp_path: Path) -> None:
    rows = [("1", 'a,"b"'), ("2", "line\nbreak;日本")]
    write_sheet(tmp_path / "s.csv", NEEDED, rows)
    assert (tmp_path / "s.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert [tuple(row.cells.values()) for row in read_sheet(tmp_path / "s.csv", NEEDED)] == rows
    assert [file.name for file in tmp_path.iterdir()] == ["s.csv"]


def test_a_sheet_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "s.csv").mkdir()
    with pytest.raises(AnnotatorError, match=r"s\.csv: cannot be written") as caught:
        write_sheet(tmp_path / "s.csv", NEEDED, [])
    assert isinstance(caught.value.__cause__, OSError)
    assert [file.name for file in tmp_path.iterdir()] == ["s.csv"]
