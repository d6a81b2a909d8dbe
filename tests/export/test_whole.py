"""Folders appear whole or not at all, and nobody's files are lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcal.errors import ExportError

FORMATS = ("label-studio", "imagefolder", "huggingface")


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if not path.is_dir()}


@pytest.mark.parametrize("format", FORMATS)
def test_a_former_export_is_replaced(photos, tmp_path, format) -> None:
    out = tmp_path / "out"
    photos.export(out, format)
    before = files(out)
    photos.export(out, format)
    assert files(out) == before
    for other in FORMATS:
        photos.export(out, other)
        photos.export(out, format)
    assert files(out) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("format", FORMATS)
def test_an_empty_folder_is_taken_and_a_link_to_one_stays(photos, tmp_path, format) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    photos.export(tmp_path / "out", format)
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "disk" / ".mcal-export").is_file()


@pytest.mark.parametrize("where", ["mine.txt", "cat/mine.png", "new/deep/mine.txt", "cat/link"])
def test_a_file_of_the_user_is_never_deleted(photos, tmp_path, where) -> None:
    out = tmp_path / "out"
    photos.export(out, "imagefolder")
    (out / where).parent.mkdir(parents=True, exist_ok=True)
    if where.endswith("link"):
        (out / where).symlink_to(tmp_path)  # to a folder
    else:
        (out / where).write_text("precious")
    before = files(out)
    with pytest.raises(ExportError, match=f"has files that no export put there .{where}."):
        photos.export(out, "imagefolder")
    assert files(out) == before


@pytest.mark.parametrize("where", ["mine", "cat/mine", "new/deep/mine"])
def test_an_empty_folder_of_the_user_is_not_deleted_either(photos, tmp_path, where) -> None:
    out = tmp_path / "out"
    photos.export(out, "imagefolder")
    (out / where).mkdir(parents=True)
    with pytest.raises(ExportError, match=f"has folders that no export put there .{where}."):
        photos.export(out, "imagefolder")
    assert (out / where).is_dir()
    (tmp_path / "plan" / "raw").mkdir(parents=True)
    with pytest.raises(ExportError, match=r"has folders that no export put there .raw."):
        photos.export(tmp_path / "plan", "huggingface")


@pytest.mark.parametrize("where", ["cat/a_b.png", "labels.csv"])
def test_what_the_user_changed_is_not_deleted_either(photos, tmp_path, where) -> None:
    out = tmp_path / "out"
    photos.export(out, "imagefolder")
    (tmp_path / "mine").write_text("precious")
    os.utime(tmp_path / "mine", (0, 0))  # as old as a file may be
    (tmp_path / "mine").replace(out / where)
    with pytest.raises(ExportError, match=f"were changed since they were exported .{where}."):
        photos.export(out, "imagefolder")
    assert (out / where).read_text() == "precious"


def test_a_file_put_there_meanwhile_is_not_deleted_either(photos, tmp_path) -> None:
    out = tmp_path / "out"
    photos.export(out, "imagefolder")

    def disturb(share: float, words: str) -> None:
        (out / "mine.txt").write_text("precious")

    with pytest.raises(ExportError, match=r"mine\.txt"):
        photos.export(out, "imagefolder", progress=disturb)
    assert (out / "mine.txt").read_text() == "precious"
    assert (out / "labels.csv").is_file()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_folders_of_others_and_files_are_refused(photos, tmp_path) -> None:
    with pytest.raises(ExportError, match="photos: has files that no export put there"):
        photos.export(tmp_path / "photos", "huggingface")
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="file: expected a folder to write, found a file"):
        photos.export(tmp_path / "file", "huggingface")
    with pytest.raises(ExportError, match="cannot be written: No such file or directory"):
        photos.export(tmp_path / "no" / "folder", "huggingface")


@pytest.mark.parametrize("format", FORMATS)
def test_an_export_that_fails_leaves_the_former_one(photos, tmp_path, format) -> None:
    out = tmp_path / "out"
    photos.export(out, format)
    before = files(out)

    def fail(share: float, words: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        photos.export(out, format, progress=fail)
    with pytest.raises(KeyboardInterrupt):
        photos.export(tmp_path / "new", format, progress=fail)
    assert files(out) == before
    assert not (tmp_path / "new").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_when_the_last_rename_fails_the_former_export_is_back(
    photos, tmp_path, monkeypatch
) -> None:
    out = tmp_path / "out"
    photos.export(out, "imagefolder")
    before, rename = files(out), Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ExportError, match="No space left on device"):
        photos.export(out, "imagefolder")
    assert files(out) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_export_leaves_nothing_under_its_name(photos, tmp_path) -> None:
    photos.store.close()
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from mcal.export import export\n"
        "from mcal.store import Store\n"
        "with Store.open(Path(sys.argv[1]), read_only=True) as store:\n"
        "    export(store, Path(sys.argv[2]), 'label-studio', item_name=str,\n"
        "           progress=lambda share, words: (print(flush=True), time.sleep(60)))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "campaign"), str(tmp_path / "out")]
    running = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == b"\n"
    finally:
        os.kill(running.pid, signal.SIGKILL)
        running.wait(timeout=30)
        running.stdout.close()
    assert not (tmp_path / "out").exists()
    assert (tmp_path / f".out.{running.pid}.partial").is_dir()
