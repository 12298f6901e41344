"""Declared sizes of a few images, compared with their files."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from labelbeam.transforms.formats.declared_sizes import LOOKED_AT, sizes_that_differ
from labelbeam.transforms.stores.locate import locate
from tests.end_to_end.datasets import write_image


def test_sizes_that_are_not_those_of_the_files_are_told(tmp_path: Path) -> None:
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        write_image(tmp_path / name, (30, 20))
    turned = Image.Exif()
    turned[0x0112] = 6
    write_image(tmp_path / "turned.jpg", (30, 20), exif=turned)
    (tmp_path / "4.jpg").write_bytes(b"no image")
    declared = [
        ("1.jpg", (30, 20)),
        ("2.jpg", (20, 30)),
        ("3.jpg", (60, 40)),
        ("turned.jpg", (20, 30)),
        ("4.jpg", (1, 1)),
    ]
    messages, count = sizes_that_differ(locate(str(tmp_path), {}), [*declared, ("5.jpg", (1, 1)), ("../6.jpg", (1, 1))])
    assert count == 7
    assert messages == [
        "2.jpg: declared as 20x30, stored as 30x20",
        "3.jpg: declared as 60x40, stored as 30x20",
    ]
    assert sizes_that_differ(locate(str(tmp_path), {}), declared * 10)[1] == LOOKED_AT
