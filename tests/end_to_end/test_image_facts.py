"""Odd image files on their way through a build: what they are is told by their bytes, as far as the build looks at them."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.builds import CLASSIFICATION, PREFIX, Build, convert
from tests.end_to_end.datasets import coco_box, coco_image, encoded, exif, put, write_coco

SIZE = (100, 80)


def vast_png(width: int, height: int) -> bytes:
    """A PNG of some bytes that says it is of any size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def animated(format_name: str) -> bytes:
    frames = [Image.new("RGB", SIZE, colour) for colour in ("red", "blue")]
    return encoded(format_name, SIZE, save_all=True, append_images=frames)


JPEG = encoded()
PNG = encoded("PNG")
PROFILE = np.random.default_rng(2).bytes(560_000)


@dataclass(frozen=True)
class File:
    """An image file, the size that its annotations declare, and what is written: format, width and height.

    `written` is None where it is rejected with `rejected`; `decoded` is why it is rejected where every pixel is read.
    """

    says: str
    data: bytes | None
    written: tuple[str, int, int] | None = ("jpg", *SIZE)
    rejected: str = ""
    decoded: str = ""
    adjusted: Sequence[str] = ()
    declared: tuple[int, int] | None = SIZE
    suffix: str = "jpg"
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"{self.says}.{self.suffix}"


FORMATS = [
    *(
        File(f"the schema knows {suffix}", encoded(name), (suffix, *SIZE), suffix=suffix)
        for suffix, name in (
            *(("jpg", "JPEG"), ("jpeg", "JPEG"), ("jpe", "JPEG"), ("jfif", "JPEG"), ("png", "PNG"), ("bmp", "BMP")),
            *(("tif", "TIFF"), ("tiff", "TIFF")),
        )
    ),
    File("an extension in upper case", JPEG, suffix="JPG"),
    *(
        File(f"the schema does not know {suffix}", encoded(name), None, "unsupported_format", suffix=suffix)
        for suffix, name in (("gif", "GIF"), ("webp", "WEBP"), ("ppm", "PPM"), ("jp2", "JPEG2000"))
    ),
    File("a png called jpg", PNG, ("png", *SIZE), adjusted=["format_from_content"]),
    File("a jpeg called png", JPEG, ("jpg", *SIZE), adjusted=["format_from_content"], suffix="png"),
    File("a jpeg called gif", JPEG, ("jpg", *SIZE), adjusted=["format_from_content"], suffix="gif"),
    File("a jpeg without an extension", JPEG, ("jpg", *SIZE), adjusted=["format_from_content"], suffix=""),
    File("a webp called jpg", encoded("WEBP"), None, "unsupported_format"),
    File("several pictures in one jpeg", animated("MPO")),
    File("CMYK", encoded(mode="CMYK")),
    File("16 bits a pixel", encoded("PNG", mode="I;16"), ("png", *SIZE), suffix="png"),
    File("one bit a pixel", encoded("PNG", mode="1"), ("png", *SIZE), suffix="png"),
    File("animated png", animated("PNG"), ("png", *SIZE), suffix="png"),
    File("animated gif", animated("GIF"), None, "unsupported_format", suffix="gif"),
    File("a large profile", encoded(icc_profile=PROFILE)),
]

DAMAGE = [
    File("html called jpg", b"<!DOCTYPE html><html><body>404 Not Found</body></html>", None, "not_an_image"),
    File("json called jpg", b'{"error": 1}', None, "not_an_image"),
    File("zero bytes", b"", None, "not_an_image"),
    File("zeros", bytes(4096), None, "not_an_image"),
    File("not there", None, None, "missing_image"),
    File("cut in the header", JPEG[:100], None, "truncated_image"),
    File("cut in the pixels", JPEG[: len(JPEG) // 2], decoded="truncated_image"),
    File("png cut in the pixels", PNG[: len(PNG) // 2], ("png", *SIZE), decoded="truncated_image", suffix="png"),
    File("a bomb", vast_png(20_000, 20_000), None, "image_too_large", declared=(20_000, 20_000), suffix="png"),
    File(
        "larger than Pillow warns of",
        vast_png(10_000, 10_000),
        ("png", 10_000, 10_000),
        decoded="truncated_image",
        declared=(10_000, 10_000),
        suffix="png",
    ),
]

FRAMES = [
    File("declared as stored", encoded(size=(90, 60), exif=exif(6)), ("jpg", 90, 60), declared=(90, 60)),
    File(
        "declared as rotated",
        encoded(size=(90, 60), exif=exif(6)),
        ("jpg", 60, 90),
        declared=(60, 90),
        adjusted=["rotated_frame"],
    ),
    File("declared as neither", encoded(size=(90, 60), exif=exif(6)), None, "size_mismatch", declared=(91, 60)),
    File("declared otherwise without rotation", encoded(size=(90, 60)), None, "size_mismatch", declared=(60, 90)),
    File("upside down is of the same size", encoded(size=(90, 60), exif=exif(3)), ("jpg", 90, 60), declared=(90, 60)),
    File(
        "square and turned",
        encoded(size=(60, 60), exif=exif(6)),
        ("jpg", 60, 60),
        declared=(60, 60),
        adjusted=["orientation_ambiguous"],
    ),
    File(
        "turned and not declared",
        encoded(size=(90, 60), exif=exif(6)),
        ("jpg", 90, 60),
        declared=None,
        adjusted=["orientation_ambiguous"],
    ),
    File("not declared", encoded(size=(90, 60)), ("jpg", 90, 60), declared=None),
    File(
        "a tiff that is turned",
        encoded("TIFF", size=(90, 60), exif=exif(6)),
        ("tif", 60, 90),
        declared=(60, 90),
        adjusted=["rotated_frame"],
        suffix="tif",
    ),
]

FILES = [*FORMATS, *DAMAGE, *FRAMES]


@pytest.fixture(scope="module")
def source(place: Path) -> Path:
    images, annotations = [], []
    for number, file in enumerate(FILES):
        width, height = file.declared or (None, None)
        images.append(coco_image(number, file.path.removesuffix("."), width=width, height=height))
        annotations.append(coco_box(number, number, [10, 20, 20, 20]))
        if file.data is not None:
            put(place / "images" / file.path.removesuffix("."), file.data)
    return write_coco(place / "coco.json", images, annotations)


def built(source: Path, mode: str) -> Build:
    return convert(
        *("--source", source, "--images", source.parent / "images", "--image-url", PREFIX, "--check-images", mode),
        output=source.parent / mode,
    )


@pytest.fixture(scope="module")
def header(source: Path) -> Build:
    return built(source, "header")


@pytest.fixture(scope="module")
def decode(source: Path) -> Build:
    return built(source, "decode")


def check(file: File, build: Build, rejected: str) -> None:
    path = file.path.removesuffix(".")
    if rejected:
        assert path not in build.records
        assert build.codes(path) == sorted([rejected, "image_rejected"])
        return
    details = build.records[path]["image_details"]
    assert (details["format"], details["width"], details["height"]) == file.written
    assert build.codes(path) == []


@pytest.mark.parametrize("file", [pytest.param(file, id=file.says + f" ({file.suffix})") for file in FILES])
def test_header_tells_what_a_file_is(file: File, header: Build) -> None:
    check(file, header, file.rejected)


@pytest.mark.parametrize("file", [pytest.param(file, id=file.says + f" ({file.suffix})") for file in FILES])
def test_decoding_tells_what_a_header_does_not(file: File, decode: Build) -> None:
    check(file, decode, file.rejected or file.decoded)


@pytest.mark.parametrize("mode", ["header", "decode"])
def test_every_file_is_accounted_for(mode: str, header: Build, decode: Build) -> None:
    build = header if mode == "header" else decode
    codes = [file.rejected or (file.decoded if mode == "decode" else "") for file in FILES]
    reasons = Counter(filter(None, codes))
    assert build.manifest["rejected_by_reason"] == dict(
        sorted((reasons | Counter(image_rejected=reasons.total())).items())
    )
    written = [file for file, code in zip(FILES, codes, strict=True) if not code]
    assert build.adjusted == dict(sorted(Counter(item for file in written for item in file.adjusted).items()))


def test_boxes_are_fractions_of_the_frame_that_was_declared(header: Build) -> None:
    (box,) = header.boxes("declared as rotated.jpg")
    assert box[1:5] == pytest.approx((10 / 60, 20 / 90, 30 / 60, 40 / 90), abs=1e-6)


@pytest.mark.parametrize(
    ("mode", "known", "unknown"),
    [
        # Who declares a size is believed; who does not is looked at, or rejected where nobody looks.
        ((), None, "missing_image"),
        (("--check-images", "none"), None, "missing_size"),
        (("--check-images", "exists"), "missing_image", "missing_image"),
        (("--check-images", "header"), "missing_image", "missing_image"),
    ],
)
def test_how_far_missing_images_are_looked_for(
    mode: tuple[str, ...], known: str | None, unknown: str | None, tmp_path: Path
) -> None:
    images = [coco_image(1), coco_image(2, width=None), coco_image(3), coco_image(4, width=None, height=None)]
    source = write_coco(tmp_path / "coco.json", images, [coco_box(number, number) for number in (1, 2, 3, 4)])
    put(tmp_path / "images/3.jpg", JPEG)
    put(tmp_path / "images/4.jpg", JPEG)
    build = convert(
        "--source", source, "--images", tmp_path / "images", "--image-url", PREFIX, *mode, output=tmp_path / "out"
    )
    assert build.codes("1.jpg", "image") == ([known] if known else [])
    assert build.codes("2.jpg", "image") == ([unknown] if unknown else [])
    assert "3.jpg" in build.records
    assert ("4.jpg" in build.records) is (mode != ("--check-images", "none"))


def test_nobody_looks_at_an_image_whose_size_is_declared(tmp_path: Path) -> None:
    """A web page in place of the image is not seen, unless somebody asks for it."""
    source = write_coco(tmp_path / "coco.json", [coco_image(1)], [coco_box(1, 1)])
    put(tmp_path / "images/1.jpg", "<html>")
    build = convert("--source", source, output=tmp_path / "out")
    assert len(build.records) == 1


def test_images_are_copied_on_request(tmp_path: Path) -> None:
    put(tmp_path / "set/cat/a b.jpg", JPEG)
    put(tmp_path / "set/cat/bad.jpg", b"<html>")
    options = ("--source", tmp_path / "set", "--copy-images", tmp_path / "copy", "--image-url", PREFIX)
    convert(*options, task=CLASSIFICATION, output=tmp_path / "out")
    assert {str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*.*")} == {"cat/a b.jpg"}
    assert (tmp_path / "copy/cat/a b.jpg").read_bytes() == JPEG


def test_a_copy_that_differs_is_made_anew(tmp_path: Path) -> None:
    """Also where the file that is there has the same size."""
    put(tmp_path / "set/cat/1.bmp", encoded("BMP"))
    options = ("--source", tmp_path / "set", "--copy-images", tmp_path / "copy", "--image-url", PREFIX)
    convert(*options, task=CLASSIFICATION, output=tmp_path / "out")
    changed = put(tmp_path / "set/cat/1.bmp", encoded("BMP")[:-30] + bytes(30)).read_bytes()
    convert(*options, task=CLASSIFICATION, output=tmp_path / "out")
    assert (tmp_path / "copy/cat/1.bmp").read_bytes() == changed
