import errno
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mcal.errors import PoolError
from mcal.pools import ImageFolderPool, open_pool
from mcal.pools.image_folder import list_files
from mcal.settings import PoolSettings
from mcal.testing import PoolContract
from mcal.types import FilePool, Pool

pytest.importorskip("PIL")
from PIL import Image

CLASSES = ("cat", "dog")


def write_image(file: Path, shade: int = 99, size: tuple[int, int] = (20, 16)) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (shade, shade // 2, 0)).save(file)


def write_truncated(file: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(file)
    file.write_bytes(file.read_bytes()[:-900])


class TestImageFolder(PoolContract):
    def make_pool(self, world: Path, shade: int = 10) -> Pool:
        for number in range(20):
            write_image(world / f"{number % 3}" / f"{number}.png", shade + number)
        (world / "empty.jpg").write_bytes(b"")
        return ImageFolderPool(world, CLASSES, 8)

    def make_other_pool(self, world: Path) -> Pool:
        return self.make_pool(world, 11)


def test_every_file_is_an_item_in_the_order_of_its_path(tmp_path: Path) -> None:
    names = ["a/1.png", "a/2.jpg", "b.bmp", "Z/ü 日本.webp", "b/deep/er/x.gif", "a-1.tiff"]
    for number, name in enumerate(names):
        write_image(tmp_path / name, 10 * number)
    for hidden in (".hidden.png", ".git/x.png", "Thumbs.db", "a/desktop.ini", "__MACOSX/1.png"):
        write_image(tmp_path / "tmp.png")
        (tmp_path / hidden).parent.mkdir(exist_ok=True)
        (tmp_path / "tmp.png").rename(tmp_path / hidden)
    pool = ImageFolderPool(tmp_path, CLASSES, 8)
    listed = [pool.item_name(index) for index in range(pool.n_pool)]
    assert listed == sorted(names)
    assert pool.broken() == {}
    for index, name in enumerate(listed):
        red = pool.read(np.array([index]))[0, :, :, 0]
        assert np.abs(red.astype(int) - 10 * names.index(name)).max() <= 12, "GIF has few colours"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_is_no_image_stays_an_item_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(tmp_path / "good.png")
    write_truncated(tmp_path / "cut.jpg")
    write_truncated(tmp_path / "cut.png")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "labels.csv").write_text("index,label\n")
    (tmp_path / "text.jpg").write_text("no picture at all")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    write_image(tmp_path / "huge.png", size=(70, 60))
    write_image(tmp_path / "enormous.png", size=(100, 100))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4096)
    pool = ImageFolderPool(tmp_path, CLASSES, 8)
    broken = {pool.item_name(index): reason for index, reason in pool.broken().items()}
    assert pool.n_pool == 9
    assert set(broken) == {f.name for f in tmp_path.iterdir()} - {"good.png"} | {"gone.png"}
    assert "truncated" in broken["cut.jpg"]
    assert broken["empty.jpg"] == "empty file"
    assert broken["text.jpg"] == broken["labels.csv"] == "not an image"
    assert broken["gone.png"] == "No such file or directory"
    assert broken["huge.png"] == broken["enormous.png"]
    assert "4,096 pixels" in broken["huge.png"]
    read = pool.read(np.arange(pool.n_pool))
    assert [bool(image.any()) for image in read].count(True) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_broken(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    write_image(tmp_path / "b.png")
    (tmp_path / "a.png").chmod(0)
    assert ImageFolderPool(tmp_path, CLASSES, 8).broken() == {0: "Permission denied"}


@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.EIO, "Input/output error"),
        MemoryError(),
    ],
)
def test_a_failing_system_makes_no_file_a_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(path: str) -> None:
        raise fault

    write_image(tmp_path / "in" / "a.png")
    monkeypatch.setattr("mcal.pools.decode.check_image", fail)
    with pytest.raises(PoolError, match=r"a\.png: cannot be read now") as caught:
        ImageFolderPool(tmp_path / "in", CLASSES, 8, cache=tmp_path / "cache")
    assert caught.value.__cause__ is fault
    assert not (tmp_path / "cache").exists()


def test_a_name_that_is_no_text_is_written_in_escapes(tmp_path: Path) -> None:
    try:
        write_image(tmp_path / "a.png")
        os.rename(tmp_path / "a.png", os.fsencode(tmp_path) + b"/\xff.png")
    except OSError:
        pytest.skip("this file system takes text only")
    pool = ImageFolderPool(tmp_path, CLASSES, 8)
    assert pool.item_name(0) == "\\udcff.png"
    assert pool.broken() == {}


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    write_image(tmp_path / "far" / "a.png")
    (tmp_path / "near").mkdir()
    (tmp_path / "near" / "link").symlink_to(tmp_path / "far")
    assert list_files(tmp_path / "near") == ["link/a.png"]
    (tmp_path / "far" / "back").symlink_to(tmp_path / "near")
    with pytest.raises(PoolError, match="contains it"):
        list_files(tmp_path / "near")


def test_pipes_and_sockets_are_no_items(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "pipe.jpg")
    assert list_files(tmp_path) == []


def test_a_file_that_changed_after_opening_is_an_error_not_a_blank(tmp_path: Path) -> None:
    for name in "ab":
        write_image(tmp_path / f"{name}.png")
    pool = ImageFolderPool(tmp_path, CLASSES, 8)
    (tmp_path / "b.png").unlink()
    with pytest.raises(PoolError, match=r"b\.png: sound at opening, unreadable now: No such file"):
        pool.read(np.array([0, 1]))


@pytest.mark.parametrize("make", [False, True])
def test_nothing_to_open(tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "folder"
    if make:
        folder.mkdir()
    with pytest.raises(PoolError, match="found none" if make else "cannot be listed"):
        ImageFolderPool(folder, CLASSES, 8)


def test_refuses_a_size_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^image_size: expected >= 1, found 0"):
        ImageFolderPool(tmp_path, CLASSES, 0)


def test_reports_progress(tmp_path: Path) -> None:
    for number in range(200):
        write_image(tmp_path / f"{number}.png", size=(2, 2))
    shares: list[float] = []
    ImageFolderPool(tmp_path, CLASSES, 8, progress=lambda share, words: shares.append(share))
    assert shares == sorted(shares)
    assert len(shares) > 2
    assert shares[-1] == 1.0


class TestCache:
    @pytest.fixture(autouse=True)
    def files(self, tmp_path: Path) -> None:
        write_image(tmp_path / "in" / "a.png")
        (tmp_path / "in" / "b.png").write_bytes(b"")

    def opened(self, tmp_path: Path) -> tuple[dict[int, str], Sequence[float]]:
        checked: list[float] = []
        pool = ImageFolderPool(
            tmp_path / "in",
            CLASSES,
            8,
            cache=tmp_path / "cache",
            progress=lambda share, words: checked.append(share),
        )
        return pool.broken(), checked

    def test_the_second_opening_checks_nothing(self, tmp_path: Path) -> None:
        first, checked = self.opened(tmp_path)
        assert checked
        assert self.opened(tmp_path) == (first, [])
        assert first == {1: "empty file"}

    def test_a_changed_file_is_checked_again(self, tmp_path: Path) -> None:
        self.opened(tmp_path)
        write_image(tmp_path / "in" / "b.png")
        broken, checked = self.opened(tmp_path)
        assert broken == {}
        assert checked

    def test_a_damaged_cache_costs_time_only(self, tmp_path: Path) -> None:
        expected, _ = self.opened(tmp_path)
        for content in (b"", b"[]", b"\xff", b'{"x": 1}'):
            for file in (tmp_path / "cache").iterdir():
                file.write_bytes(content)
            broken, checked = self.opened(tmp_path)
            assert (broken, bool(checked)) == (expected, True)

    def test_a_cache_that_cannot_be_written_costs_time_only(self, tmp_path: Path) -> None:
        (tmp_path / "cache").write_bytes(b"a file, no folder")
        assert self.opened(tmp_path)[0] == {1: "empty file"}

    def test_open_pool_keeps_it_out_of_the_user_s_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
        settings = PoolSettings(kind="image-folder", path=tmp_path / "in", image_size=8)
        assert open_pool(settings, CLASSES).broken() == {1: "empty file"}
        assert len(list((tmp_path / "home" / "mcal" / "checked-images").iterdir())) == 1
        assert len(list((tmp_path / "in").iterdir())) == 2
        limited = open_pool(settings.model_copy(update={"limit": 1}), CLASSES)
        assert (limited.n_pool, limited.broken()) == (1, {})


def test_an_item_is_its_file_whether_it_can_be_read_or_not(tmp_path: Path) -> None:
    write_image(tmp_path / "a" / "1.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    pool = ImageFolderPool(tmp_path, CLASSES, 8)
    assert isinstance(pool, FilePool)
    assert [pool.item_path(index) for index in range(2)] == [
        tmp_path / "a" / "1.png",
        tmp_path / "b.png",
    ]
    with pytest.raises(ValueError, match="index: expected"):
        pool.item_path(2)
