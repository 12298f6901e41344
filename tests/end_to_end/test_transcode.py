"""Builds whose images are copied in another format: what is written, what the records say of it, and that it is not done twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.end_to_end.builds import DETECTION, PREFIX, convert, labelbeam
from tests.end_to_end.datasets import write_coco

BOX = [10, 5, 20, 10]


def save(path: Path, size: tuple[int, int], orientation: int = 1, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, "red").save(path, exif=exif, **options)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A COCO file over images of several formats; the box of `turned.jpg` lies in the frame that viewers show."""
    images = {
        "a.webp": (100, 50),
        "b.avif": (64, 48),
        "c.png": (30, 40),
        "large.jpg": (400, 200),
        "turned.jpg": (50, 100),
    }
    for name, size in images.items():
        save(tmp_path / "images" / name, size[::-1] if name == "turned.jpg" else size, 6 if name == "turned.jpg" else 1)
    rows = [
        {"id": number, "file_name": name, "width": size[0], "height": size[1]}
        for number, (name, size) in enumerate(images.items(), 1)
    ]
    rows.append({"id": 9, "file_name": "broken.webp", "width": 60, "height": 60})
    (tmp_path / "images/broken.webp").write_bytes(b"RIFF\x10\0\0\0WEBPnothing")
    boxes = [{"id": row["id"], "image_id": row["id"], "category_id": 1, "bbox": BOX} for row in rows]
    return write_coco(tmp_path / "all.json", rows, boxes)


def test_records_are_of_the_images_that_were_written(source: Path, tmp_path: Path) -> None:
    options = ("--source", source, "--copy-images", tmp_path / "copies", "--transcode", "jpg", "--max-side", "200")
    options = (*options, "--image-url", PREFIX, "--max-rejected", "0.5")
    build = convert(*options, task=DETECTION, output=tmp_path / "out")
    records = build.records
    assert {name: tuple(record["image_details"].values()) for name, record in records.items()} == {
        "a.webp.jpg": ("jpg", 100, 50),
        "b.avif.jpg": ("jpg", 64, 48),
        "c.png.jpg": ("jpg", 30, 40),
        "large.jpg": ("jpg", 200, 100),
        "turned.jpg": ("jpg", 50, 100),
    }
    for name, record in records.items():
        with Image.open(tmp_path / "copies" / name) as image:
            assert (image.format, image.size) == ("JPEG", tuple(list(record["image_details"].values())[1:]))
            assert image.getexif().get(0x0112, 1) == 1
    (large,) = records["large.jpg"]["label"]
    assert (large["topX"], large["topY"], large["bottomX"], large["bottomY"]) == (0.025, 0.025, 0.075, 0.075)
    assert build.manifest["counts"]["images"] == {"found": 6, "written": 5, "rejected": 1, "skipped": 0}
    assert build.manifest["rejected_by_reason"] == {"truncated_image": 1, "image_rejected": 1}
    assert labelbeam("verify", tmp_path / "out").status == 0

    # Again: nothing is written anew, and the records are the same bytes.
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "copies").iterdir()}
    again = convert(*options, task=DETECTION, output=tmp_path / "out")
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "copies").iterdir()} == before
    assert again.records == build.records


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--transcode", "jpg"], "--transcode: says how images are copied; name with --copy-images where to"),
        (["--max-side", "10"], "--max-side: says how images are copied"),
        (["--transcode", "webp", "--copy-images", "COPIES"], "--transcode: found 'webp', expected"),
        (["--max-side", "0", "--copy-images", "COPIES"], "--max-side: found"),
        (
            ["--transcode", "png", "--copy-images", "COPIES", "--check-images", "none"],
            "--check-images: found 'none', expected header or decode",
        ),
    ],
)
def test_options_that_say_nothing_together_are_told(
    options: list[str], said: str, source: Path, tmp_path: Path
) -> None:
    options = [str(tmp_path / "copies") if option == "COPIES" else option for option in options]
    ran = labelbeam("convert", "--task", DETECTION, "--source", source, "--output", tmp_path / "out", *options)
    assert ran.status == 2 and said in ran.err
    assert not (tmp_path / "out").exists()


def test_inspect_says_what_a_build_would_take(source: Path) -> None:
    ran = labelbeam("inspect", source, "--task", DETECTION, "--transcode", "png", "--max-rejected", "0.5", "--json")
    summary = json.loads(ran.out)
    assert ran.status == 0, ran.err
    assert summary["counts"]["images"]["written"] == 5
