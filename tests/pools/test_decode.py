"""Every kind of picture against what Pillow's own plain conversion, or arithmetic, gives."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("PIL")
from PIL import Image, ImageOps

from mcal.pools.decode import check_image, decode_image


def picture(width: int, height: int) -> Image.Image:
    """A smooth picture without any symmetry."""
    y, x = np.mgrid[0:height, 0:width]
    red = 255 * x / max(1, width - 1)
    green = 255 * y / max(1, height - 1)
    blue = 255 * np.hypot(x - width / 3, y - height / 5) / np.hypot(width, height)
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


def plain(image: Image.Image, size: int) -> npt.NDArray[np.uint8]:
    """Resize the whole picture, then cut: what ``decode_image`` does in one step."""
    return np.asarray(ImageOps.fit(image, (size, size), Image.Resampling.BILINEAR))


def furthest(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


@pytest.mark.parametrize(("width", "height"), [(40, 40), (61, 40), (40, 97), (7, 31), (1, 1)])
def test_short_side_then_centre(tmp_path: Path, width: int, height: int) -> None:
    picture(width, height).save(tmp_path / "a.png")
    square = decode_image(str(tmp_path / "a.png"), 20)
    assert square.shape == (20, 20, 3)
    assert square.dtype == np.uint8
    assert furthest(square, plain(picture(width, height), 20)) <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["jpg", "png", "tiff", "webp"])
def test_exif_orientation(tmp_path: Path, orientation: int, ending: str) -> None:
    file = tmp_path / f"a.{ending}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture(45, 30).save(file, exif=exif, **({"quality": 95} if ending == "jpg" else {}))
    with Image.open(file) as image:
        expected = plain(ImageOps.exif_transpose(image).convert("RGB"), 15)
    assert furthest(decode_image(str(file), 15), expected) <= 2


@pytest.mark.parametrize(
    ("ending", "mode"),
    [
        ("jpg", "RGB"),
        ("jpg", "L"),
        ("jpg", "CMYK"),
        ("png", "1"),
        ("png", "L"),
        ("png", "P"),
        ("gif", "P"),
        ("bmp", "RGB"),
        ("webp", "RGB"),
        ("tiff", "CMYK"),
        ("tiff", "YCbCr"),
        ("tiff", "LAB"),
        ("ppm", "RGB"),
        ("jp2", "RGB"),
    ],
)
def test_formats_and_modes(tmp_path: Path, ending: str, mode: str) -> None:
    file = tmp_path / f"a.{ending}"
    source = picture(30, 24)
    if mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        source = ImageCms.profileToProfile(source, *profiles, outputMode="LAB")
    else:
        source = source.convert(mode)
    source.save(file)
    with Image.open(file) as image:
        expected = plain(image.convert("RGB"), 12)
    assert furthest(decode_image(str(file), 12), expected) <= 1


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:, :4] = (200, 0, 0, 255)
    rgba[:, 4:] = (7, 7, 7, 0)  # invisible: its colour must not show
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    Image.fromarray(rgba).save(tmp_path / "rgba.webp", lossless=True)
    grey = Image.fromarray(np.stack([rgba[..., 0], rgba[..., 3]], axis=-1))
    grey.save(tmp_path / "la.png")
    palette = Image.fromarray((np.arange(64).reshape(8, 8) % 8 >= 4).astype(np.uint8), "L")
    palette = palette.convert("P")
    palette.putpalette([200, 0, 0, 7, 7, 7])
    palette.save(tmp_path / "p.png", transparency=1)
    palette.save(tmp_path / "p.gif", transparency=1)
    for name in ("rgba.png", "rgba.webp", "la.png", "p.png", "p.gif"):
        square = decode_image(str(tmp_path / name), 8)
        expected = [200, 200, 200] if name == "la.png" else [200, 0, 0]
        assert square[0, 0].tolist() == expected, name
        assert (square[:, 4:] == 255).all(), name


def test_grey_of_16_bits_keeps_its_high_byte(tmp_path: Path) -> None:
    values = np.array([[0, 255, 256], [32767, 32768, 65535], [1, 511, 512]], np.uint16)
    for ending in ("png", "tiff"):
        Image.fromarray(values).save(tmp_path / f"a.{ending}")
        square = decode_image(str(tmp_path / f"a.{ending}"), 3)
        assert np.array_equal(square, np.repeat((values // 256)[..., None], 3, axis=2))


@pytest.mark.parametrize("ending", ["png", "tiff"])
@pytest.mark.parametrize(
    ("largest", "divisor"), [(1, 1), (255, 1), (256, 16), (4095, 16), (4096, 256), (65535, 256)]
)
def test_grey_in_16_bits_is_scaled_by_its_own_depth(
    tmp_path: Path, ending: str, largest: int, divisor: int
) -> None:
    values = np.array([[0, largest // 3], [largest // 2, largest]], np.uint16)
    Image.fromarray(values).save(tmp_path / f"a.{ending}")
    square = decode_image(str(tmp_path / f"a.{ending}"), 2)
    assert np.array_equal(square, np.repeat((values // divisor)[..., None], 3, axis=2))


@pytest.mark.filterwarnings("ignore:invalid value")
def test_floats_are_stretched(tmp_path: Path) -> None:
    values = np.array([[-2.0, 0.0], [2.0, np.nan]], np.float32)
    Image.fromarray(values).save(tmp_path / "a.tiff")
    assert decode_image(str(tmp_path / "a.tiff"), 2)[..., 0].tolist() == [[0, 128], [255, 0]]
    Image.fromarray(np.full((2, 2), 5.0, np.float32)).save(tmp_path / "b.tiff")
    assert not decode_image(str(tmp_path / "b.tiff"), 2).any()
    Image.fromarray(np.array([[0, 100_000], [50_000, 0]], np.int32)).save(tmp_path / "c.tiff")
    assert decode_image(str(tmp_path / "c.tiff"), 2)[..., 0].tolist() == [[0, 255], [128, 0]]


def test_the_first_frame_of_an_animation_counts(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for ending in ("gif", "webp", "tiff"):
        extra = {"lossless": True} if ending == "webp" else {}
        file = tmp_path / f"a.{ending}"
        frames[0].save(file, save_all=True, append_images=frames[1:], **extra)
        assert decode_image(str(file), 4)[0, 0].tolist() == [255, 0, 0]


def test_a_large_jpeg_shrinks_to_nearly_the_same(tmp_path: Path) -> None:
    picture(900, 700).save(tmp_path / "a.jpg", quality=95)
    assert furthest(decode_image(str(tmp_path / "a.jpg"), 40), plain(picture(900, 700), 40)) <= 4


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\x01\0\0\0"  # ends within the first entry
    picture(30, 20).save(tmp_path / "a.jpg", exif=exif, quality=95)
    square = decode_image(str(tmp_path / "a.jpg"), 10)
    assert furthest(square, plain(picture(30, 20), 10)) <= 8


@pytest.mark.parametrize("ending", ["jpg", "png", "gif", "webp", "bmp", "tiff"])
def test_the_quick_check_finds_what_decoding_finds(tmp_path: Path, ending: str) -> None:
    file = tmp_path / f"a.{ending}"
    picture(64, 48).save(file)
    check_image(str(file))
    whole = file.read_bytes()
    for share in (0.0, 0.02, 0.3, 0.7):
        file.write_bytes(whole[: int(share * len(whole))])
        failed = [raises(check_image, str(file)), raises(decode_image, str(file), 16)]
        assert failed == [True, True]


def raises(read: Callable[..., object], *arguments: object) -> bool:
    try:
        read(*arguments)
    except Exception:
        return True
    return False
