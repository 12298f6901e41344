"""Every example in `configs/` works as it stands on what `labelbeam demo` makes, and nothing is lost in its build."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.pipelines.cli import main

CONFIGS = Path(__file__).parents[2] / "configs"

IMAGES, OBJECTS = "images", "objects"

# What was put in: (found, written, rejected, skipped), and why not all of it is written, by hand.
EXPECTED: dict[str, dict[str, Any]] = {
    "coco": {
        IMAGES: (25, 24, 1, 0),
        OBJECTS: (60, 57, 3, 0),
        "rejected": {"missing_image": 1, "image_rejected": 1, "unknown_image": 1, "empty_bbox": 1},
        "adjusted": {"bbox_clipped": 1, "format_from_content": 1, "rotated_frame": 1},
    },
    "coco-segmentation": {
        IMAGES: (25, 24, 1, 0),
        OBJECTS: (60, 57, 3, 0),
        "rejected": {"missing_image": 1, "image_rejected": 1, "unknown_image": 1, "empty_polygon": 1},
        # 15 washers and the pile are masks, and the only outlines of more than 200 corners.
        "adjusted": {
            "format_from_content": 1,
            "mask_to_polygon": 16,
            "polygon_clipped": 1,
            "polygon_parts_united": 1,
            "polygon_simplified": 16,
            "rotated_frame": 1,
        },
    },
    "voc": {
        # Pictures 1 to 11 have 26 parts, of which one has no box; no list names picture 12.
        IMAGES: (12, 11, 0, 1),
        OBJECTS: (26, 25, 1, 0),
        "rejected": {"missing_bbox": 1},
        "adjusted": {"bbox_corners_swapped": 1, "xml_repaired": 1},
    },
    "folder": {
        # (5 + 2) crops of each of 4 classes, and the web page.
        IMAGES: (29, 28, 1, 0),
        OBJECTS: (29, 28, 1, 0),
        "rejected": {"not_an_image": 1, "image_rejected": 1},
        "adjusted": {},
    },
    "folder-multilabel": {
        # 12 pictures; one has no labels, and one no row. 2+2+2+3+2+1+3+1+3+4 distinct labels on the others.
        IMAGES: (12, 10, 0, 2),
        OBJECTS: (23, 23, 0, 0),
        "rejected": {},
        "adjusted": {"format_from_content": 1, "image_by_other_name": 1, "orientation_ambiguous": 1},
    },
}


@pytest.fixture(scope="module")
def where_the_demo_ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("checkout")
    with contextlib.chdir(directory):
        assert main(["demo"]) == 0
    return directory


def test_there_is_an_example_for_each_format_and_none_is_untested() -> None:
    assert {path.stem for path in CONFIGS.glob("*.yaml")} >= EXPECTED.keys()
    for path in CONFIGS.glob("*.yaml"):
        if "labelbeam-demo" in path.read_text(encoding="utf-8"):
            assert path.stem in EXPECTED


def test_the_first_example_is_what_the_demo_builds(
    where_the_demo_ran: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(where_the_demo_ran)
    assert main(["convert", str(CONFIGS / "coco.yaml"), "--json", "--if-changed"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "unchanged"


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_example_builds_the_demo(
    where_the_demo_ran: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(where_the_demo_ran)
    status = main(["convert", str(CONFIGS / f"{name}.yaml"), "--json"])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    summary = json.loads(printed.out)
    expected = EXPECTED[name]
    for kind in (IMAGES, OBJECTS):
        counts = dict(zip(("found", "written", "rejected", "skipped"), expected[kind], strict=True))
        assert summary["counts"][kind] == counts
        written = sum(part[kind] for part in summary["splits"].values())
        assert written == counts["written"]
    assert summary["rejected_by_reason"] == expected["rejected"]
    assert summary["adjusted_by_reason"] == expected["adjusted"]
    assert set(summary["splits"]) == {"train", "validation"}
    assert Path("labelbeam-demo", "built", name, "latest.json").is_file()
