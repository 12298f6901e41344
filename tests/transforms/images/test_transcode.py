"""Transcoding: formats, frames, sizes and colours of what is written, and its names."""

from __future__ import annotations

import io
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.images import transcode as module
from labelbeam.transforms.images.facts import ImageError, Picture
from labelbeam.transforms.images.headers import MAX_PIXELS, load, read_header
from labelbeam.transforms.images.transcode import Transcode, Written, path_of, transcode
from labelbeam.transforms.workers.budget import Budget

QUARTERS = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (240, 240, 0)]
"""Colours of the quarters of `drawn`, by rows."""


def drawn(width: int = 40, height: int = 24, mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (width, height))
    for number, colour in enumerate(QUARTERS):
        left, top = number % 2 * width // 2, number // 2 * height // 2
        image.paste(colour, (left, top, left + width // 2, top + height // 2))
    return image.convert(mode)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_orientation(orientation: int, kind: str = "JPEG", size: tuple[int, int] = (40, 24)) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(drawn(*size), kind, exif=exif, **({"quality": 95, "subsampling": 0} if kind == "JPEG" else {}))


def made(data: bytes, format_name: str | None = "png", max_side: int | None = None, turned: bool = False) -> Written:
    facts = read_header(io.BytesIO(data), "x", others=True)
    written = transcode(data, Picture("x", facts, turned), Transcode(format_name, max_side))
    found = read_header(io.BytesIO(written.data), "x")
    assert (found.format, found.width, found.height, found.orientation) == (*written[1:], 1)
    return written


def quarters(written: Written) -> list[int]:
    """Which colour of `QUARTERS` each quarter of an image has."""
    image = Image.open(io.BytesIO(written.data)).convert("RGB")
    places = [(image.width * x // 4, image.height * y // 4) for y in (1, 3) for x in (1, 3)]
    pixels = [np.array(image.getpixel(place), float) for place in places]
    return [int(np.argmin([np.abs(pixel - np.array(colour)).sum() for colour in QUARTERS])) for pixel in pixels]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF", "GIF", "WEBP", "AVIF", "JPEG2000"])
@pytest.mark.parametrize("wanted", ["jpg", "png"])
def test_every_format_becomes_the_wanted_one_of_the_same_size(kind: str, wanted: str) -> None:
    data = saved(drawn(64, 48), kind)
    written = made(data, wanted)
    assert written[1:] == (wanted, 64, 48)
    assert quarters(written) == [0, 1, 2, 3]
    assert (written.data == data) == (kind == {"jpg": "JPEG", "png": "PNG"}[wanted])


@pytest.mark.parametrize("wanted", ["jpg", "png"])
def test_heic_is_read_where_its_plugin_is_installed(wanted: str) -> None:
    heif = pytest.importorskip("pillow_heif")
    file = heif.from_pillow(drawn(64, 48))
    data = io.BytesIO()
    file.save(data, quality=95)
    written = made(data.getvalue(), wanted)
    assert (written[1:], quarters(written)) == ((wanted, 64, 48), [0, 1, 2, 3])
    small = made(data.getvalue(), wanted, 32)
    assert (small[1:], quarters(small)) == ((wanted, 32, 24), [0, 1, 2, 3])


def test_heic_is_written_as_viewers_show_it() -> None:
    """Its own fields turn it; what EXIF says is the same once more."""
    heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x0112] = 6
    data = io.BytesIO()
    heif.from_pillow(drawn(64, 48)).save(data, quality=95, exif=exif.tobytes())
    facts = read_header(io.BytesIO(data.getvalue()), "x", others=True)
    assert (facts.format, facts.orientation) == ("heif", 1)
    written = made(data.getvalue())
    assert (written.width, written.height) == (facts.width, facts.height)
    by_viewers = heif.open_heif(data.getvalue()).to_pillow()
    assert by_viewers.size == (written.width, written.height)


def test_heic_that_is_cut_or_damaged_is_rejected() -> None:
    heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    heif.from_pillow(drawn(64, 48)).save(file, quality=95)
    data = file.getvalue()
    for damaged in (data[: len(data) // 2], data[:60], data[:-20] + b"\xff" * 20, data[:200] + bytes(100) + data[300:]):
        try:
            made(damaged)
        except ImageError as error:
            assert error.code == Rejected.TRUNCATED_IMAGE


TURNED = {
    1: [0, 1, 2, 3],
    2: [1, 0, 3, 2],
    3: [3, 2, 1, 0],
    4: [2, 3, 0, 1],
    5: [0, 2, 1, 3],
    6: [2, 0, 3, 1],
    7: [3, 1, 2, 0],
    8: [1, 3, 0, 2],
}
"""The quarters as a viewer shows them, by EXIF's orientation."""


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_in_the_frame_of_the_annotations(orientation: int, kind: str) -> None:
    data = with_orientation(orientation, kind)
    stored, turned = made(data, "jpg"), made(data, "jpg", turned=True)
    assert (quarters(stored), stored[2:]) == ([0, 1, 2, 3], (40, 24))
    assert (quarters(turned), turned[2:]) == (TURNED[orientation], (24, 40) if orientation >= 5 else (40, 24))


@pytest.mark.parametrize(
    ("size", "most", "expected"),
    [((40, 24), 20, (20, 12)), ((24, 40), 39, (23, 39)), ((40, 24), 40, None), ((300, 1), 3, (3, 1))],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_a_larger_image_is_made_smaller_and_keeps_its_shape(
    size: tuple[int, int], most: int, expected: tuple[int, int] | None, kind: str
) -> None:
    data = saved(drawn(*size), kind)
    written = made(data, None, most)
    if expected is None:
        assert written == (data, {"JPEG": "jpg", "PNG": "png", "BMP": "bmp"}[kind], *size)
    else:
        assert written[1:] == ("jpg" if kind == "JPEG" else "png", *expected)


def test_the_size_that_is_left_is_that_of_the_turned_image() -> None:
    written = made(with_orientation(6, size=(1001, 667)), None, 500, turned=True)
    assert written[2:] == (333, 500)


def test_what_is_seen_through_is_white_in_jpeg_and_stays_so_in_png() -> None:
    image = drawn().convert("RGBA")
    image.putalpha(Image.new("L", image.size, 0))
    data = saved(image, "WEBP", lossless=True)
    assert Image.open(io.BytesIO(made(data, "jpg").data)).getpixel((3, 3)) == (255, 255, 255)
    assert Image.open(io.BytesIO(made(data, "png").data)).getpixel((3, 3))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "CMYK"])
def test_every_mode_becomes_eight_bits_of_grey_or_colours(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.arange(960, dtype=np.uint16).reshape(24, 40) * 60)
    else:
        image = drawn().convert("L").convert(mode) if mode in ("1", "LA") else drawn(mode=mode)
    data = saved(image, "TIFF" if mode == "CMYK" else "PNG")
    found = Image.open(io.BytesIO(made(data, "jpg").data))
    assert found.mode in ("L", "RGB")
    low, high = found.convert("L").getextrema()
    assert low < 100 < high  # type: ignore[operator]


def test_deep_greys_become_eight_bits_where_a_format_is_asked_for_be_it_their_own() -> None:
    data = saved(Image.new("I;16", (4, 4), 30_000), "PNG")
    assert read_header(io.BytesIO(made(data, "png").data), "x").beyond == ""
    assert made(data, None, 100).data == data


def test_colours_of_another_profile_are_those_of_srgb() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    written = made(saved(drawn(), "PNG", icc_profile=lab), "jpg")
    assert "icc_profile" not in Image.open(io.BytesIO(written.data)).info
    assert quarters(written) == [0, 1, 2, 3]
    assert quarters(made(saved(drawn(), "PNG", icc_profile=b"no profile"), "jpg")) == [0, 1, 2, 3]


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (40, 24), "blue")]
    for kind in ("GIF", "WEBP", "TIFF"):
        assert quarters(made(saved(drawn(), kind, save_all=True, append_images=frames), "png")) == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "AVIF", "JPEG2000", "TIFF"])
def test_an_image_that_is_cut_is_told_and_no_half_of_it_written(kind: str) -> None:
    data = saved(Image.effect_noise((64, 64), 80).convert("RGB"), kind)
    with pytest.raises(ImageError) as caught:
        made(data[: len(data) // 2], "jpg")
    assert caught.value.code in (Rejected.TRUNCATED_IMAGE, Rejected.NOT_AN_IMAGE)


def test_the_same_image_gives_the_same_bytes() -> None:
    data = with_orientation(6, "WEBP")
    assert made(data, "jpg", 20, turned=True) == made(data, "jpg", 20, turned=True)


NAMES = [
    *(
        "1",
        "1.jpg",
        "1.JPG",
        "1.jpeg",
        "1.webp",
        "1.webp.jpg",
        "1.webp.jpg.jpg",
        "1.png",
        "1.png.jpg",
        "1.image",
        "1.image.jpg",
    ),
    *(
        "1.image.image.jpg",
        "1.x",
        "1.x.jpg",
        "1.x.image.jpg",
        "a.b/1",
        "a.jpg/1",
        "a.webp/1.jpg",
        ".jpg",
        "1.jpg.png",
        "1.gif.webp",
    ),
]


@pytest.mark.parametrize("format_name", ["jpg", "png"])
def test_no_two_images_come_to_have_one_path(format_name: str) -> None:
    written = {name: path_of(name, format_name) for name in NAMES}
    assert all(one != other for one, other in combinations(written.values(), 2))
    assert all(read.rpartition(".")[2].lower() in ("jpg", "jpeg", "png") for read in written.values())


def test_pixels_come_out_of_the_memory_for_them_until_they_are_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(drawn(), "WEBP")
    budget = Budget(40 * 24 * 4 * 4)
    monkeypatch.setattr(module, "decoding", lambda: budget)
    at_work: list[int] = []
    most: list[int] = []

    def in_turn(image: Image.Image, wanted: str) -> Image.Image:
        at_work.append(1)
        most.append(len(at_work))
        time.sleep(0.01)
        at_work.pop()
        return image.convert("RGB")

    monkeypatch.setattr(module, "_in_mode", in_turn)
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(lambda _: made(data).data, range(8)))) == 1
    assert max(most) == 1


@pytest.mark.parametrize("size", [(1000, 4000), (801, 799), (64, 64), (4000, 500)])
@pytest.mark.parametrize("longest", [50, 99, 100, 250, 4000])
def test_as_many_pixels_are_taken_for_as_a_jpeg_is_decoded_to(size: tuple[int, int], longest: int) -> None:
    data = saved(drawn(*size), "JPEG")
    image, facts = load(io.BytesIO(data), "x", (longest, longest), MAX_PIXELS)
    assert module._decoded(facts, longest) == image.width * image.height
