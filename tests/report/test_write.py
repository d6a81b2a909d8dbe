"""Reports and figures as files."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from mcal.errors import ExportError
from mcal.report import write_plots, write_report


def test_a_report_is_written_whole_and_the_same_again(opened, tmp_path):
    store, path = opened("finished"), tmp_path / "r.html"
    path.write_text("<!doctype html>an older one")
    write_report(store, path, title="pets")
    first = path.read_text(encoding="utf-8")
    assert first.startswith("<!doctype html>")
    write_report(store, path, title="pets")

    def without_the_minute(text):
        return re.sub(r"made [-0-9]+ [0-9:]+ UTC", "", text)

    assert without_the_minute(path.read_text(encoding="utf-8")) == without_the_minute(first)
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_a_report_that_cannot_be_written_leaves_the_old_one(opened, tmp_path):
    folder = tmp_path / "r.html"
    folder.mkdir()
    with pytest.raises(ExportError, match=r"r\.html: cannot be written: Is a directory"):
        write_report(opened("finished"), folder)
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_names_that_are_no_utf8_are_written_visibly(opened, tmp_path):
    path = tmp_path / "r.html"
    write_report(opened("finished"), path, item_name=lambda index: "caf\udce9.png")
    assert "caf\\udce9.png" in path.read_text(encoding="utf-8")


def test_plots_are_written_as_svg_and_png(opened, tmp_path):
    written = write_plots(opened("finished"), tmp_path / "plots")
    assert len(written) == 18
    assert {p.suffix for p in written} == {".svg", ".png"}
    assert sorted(written) == sorted((tmp_path / "plots").iterdir())
    with pytest.raises(ExportError, match="cannot be made"):
        write_plots(opened("finished"), written[0] / "plots")


@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_without_its_packages_the_report_names_the_extra(package):
    code = (
        f"import sys; sys.modules['{package}'] = None\n"
        "from mcal.errors import MissingExtraError\n"
        "try:\n    import mcal.report\n"
        "except MissingExtraError as error:\n    print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert package in told.stdout
    assert "mcal[report]" in told.stdout


def test_a_report_replaces_no_other_file(opened, tmp_path):
    mine = tmp_path / "answers.csv"
    mine.write_text("item,label\n")
    with pytest.raises(ExportError, match=r"answers\.csv: expected no file, or an HTML page"):
        write_report(opened("first labels"), mine)
    assert mine.read_text() == "item,label\n"


def test_a_folder_that_is_missing_is_told_before_the_work(opened, tmp_path):
    asked = []
    with pytest.raises(ExportError, match="there is no folder"):
        write_report(
            opened("finished"),
            tmp_path / "no" / "r.html",
            progress=lambda share, words: asked.append(words),
        )
    assert not asked
