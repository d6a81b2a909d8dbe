"""A file is the old one or the new one, for the same readers, at the end of the same links."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from mcal.whole_file import whole_file

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs permissions and links")


def write(path: Path, data: bytes) -> None:
    with whole_file(path) as file:
        file.write(data)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_and_another_in_its_place(tmp_path: Path) -> None:
    for data in (b"first", b"", b"second"):
        write(tmp_path / "f", data)
        assert (tmp_path / "f").read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_what_fails_leaves_the_former_file_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path / "f", b"first")

    def fail() -> None:
        with whole_file(tmp_path / "f") as file:
            file.write(b"second")
            assert (tmp_path / "f").read_bytes() == b"first"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_bytes() == b"first"


@posix
@pytest.mark.parametrize("bits", [0o600, 0o640, 0o666, 0o444])
def test_permissions_stay(tmp_path: Path, bits: int) -> None:
    write(tmp_path / "f", b"first")
    (tmp_path / "f").chmod(bits)
    with whole_file(tmp_path / "f") as file:
        (partial,) = tmp_path.glob(".f.*.partial")
        assert mode(partial) == bits  # not read by others meanwhile
        file.write(b"second")
    assert mode(tmp_path / "f") == bits
    assert (tmp_path / "f").read_bytes() == b"second"


@posix
def test_a_new_file_is_as_the_umask_says(tmp_path: Path) -> None:
    former = os.umask(0o027)
    try:
        write(tmp_path / "f", b"")
    finally:
        os.umask(former)
    assert mode(tmp_path / "f") == 0o640


@posix
def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "f").write_bytes(b"first")
    for name, target in (("link", "disk/f"), ("twice", "link"), ("to-nothing", "disk/new")):
        (tmp_path / name).symlink_to(target)
        write(tmp_path / name, name.encode())
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / target).read_bytes() == name.encode()
    assert sorted(path.name for path in (tmp_path / "disk").iterdir()) == ["f", "new"]


@posix
def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError):
        write(tmp_path / "folder", b"")
    with pytest.raises(OSError, match="expected a file, found a device or a pipe"):
        write(tmp_path / "pipe", b"")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert len(list(tmp_path.iterdir())) == 2
