"""What is exported and built again is what was published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbeam.transforms.export.registry import EXPORTERS
from labelbeam.transforms.formats.registry import FORMATS
from labelbeam.transforms.images.names import unhidden
from tests.end_to_end.builds import labelbeam
from tests.transforms.export.published import (
    CLASSIFICATION,
    CONTROLS,
    DETECTION,
    HOSTILE,
    MULTILABEL,
    PREFIX,
    SEGMENTATION,
    box,
    draw,
    inside,
    mask,
    publish,
    record,
)
from tests.transforms.formats.same_dataset import box_of, pictures

LABELS = ["hex bolt", 'a, "b"; c', "Füße/µ <&>", "no", "1", "=x"]

NAMES = ["a b/ü,1.png", "100%25.png", "it's.png", "images/1.png", "n/a/1.png", "#1 &%3F.png"]
"""As they stand in URLs."""

RING = [0.1, 0.1, 0.612345, 0.1, 0.5, 0.9]
OTHER = [0.8, 0.1, 0.95, 0.1, 0.9, 0.333333]

BOXES = {
    "train": [
        [
            record("image id.png", []),
            record("Images/3.png", [box(LABELS[0], 0.1, 0.1, 0.2, 0.2)]),
            record(NAMES[0], [box(LABELS[0], 0.1, 0.2, 0.3, 0.41, 1), box(LABELS[1], 0.0, 0.0, 1.0, 1.0)], 486, 333),
            record(NAMES[1], []),
            record(NAMES[2], [box(LABELS[2], 0.205761, 0.333333, 0.411523, 0.666667)], 486, 333),
        ],
        [record(NAMES[3], [box(LABELS[3], 0.123456, 0.5, 0.623457, 0.987654)])],
    ],
    "validation": [
        [
            record(NAMES[4], [box(LABELS[4], 0.9, 0.9, 1.0, 0.999999)]),
            record(NAMES[5], [box(LABELS[5], 0, 0, 0.5, 0.5)]),
        ]
    ],
}
MASKS = {
    "train": [
        [
            record(NAMES[0], [mask(LABELS[0], RING), mask(LABELS[1], OTHER, crowd=1)], 486, 333),
            record(NAMES[1], []),
            record(NAMES[2], [mask(LABELS[2], RING, OTHER)]),
        ]
    ],
    "validation": [[record(NAMES[4], [mask(LABELS[4], RING)])]],
}
HOLE = [[0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9], [0.5, 0.3, 0.3, 0.3, 0.3, 0.6, 0.5, 0.6]]
"""Corners of whole pixels of an image of 200 × 100, as masks are traced: a hole the other way round."""


def records_of(output: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The records of the current build, by split and URL."""
    build = output / "builds" / json.loads((output / "latest.json").read_text())["build"]
    return {
        (path.parent.name, item["image_url"]): item
        for path in build.rglob("*.jsonl")
        if path.parent.name != "rejected"
        for item in map(json.loads, path.read_bytes().splitlines())
    }


def round_trip(tmp_path: Path, task: str, splits: Any, to: str, *options: str, copied: bool = False) -> list[str]:
    """Publish, export and build again; compare all records, and return the codes of what could not be held."""
    images = tmp_path / "images"
    published = publish(tmp_path / "published", task, splits, images if copied else None)
    lost: list[str] = []
    if to == "jsonl":  # A build is a source as it is.
        (tmp_path / "out").symlink_to(published)
    else:
        copy = ["--copy-images"] if copied else []
        answer = labelbeam("export", published, "--to", to, tmp_path / "out", *copy, "--json")
        assert answer.status == 0, answer.err
        lost = list(json.loads(answer.out)["not_held"])
    source = tmp_path / "out" / ("labels.csv" if to == "csv" else "")
    if to == "csv":  # Whose rows name images by URL, and the reader of tables by path.
        text = source.read_bytes().decode().replace(PREFIX, "").replace("%25", "%").replace("%3F", "?")
        source.write_bytes(text.encode())
    looked = ["--check-images", "header"] if copied or to == "csv" else ["--check-images", "none"]
    back = labelbeam(
        *("convert", "--task", task, "--source", source, "--output", tmp_path / "back", "--image-url", PREFIX),
        *(*looked, "--background", "keep", "--max-rejected", "0", "--json", *options),
    )
    assert back.status == 0, back.err
    summary = json.loads(back.out)
    assert not summary["rejected_by_reason"], summary
    # What an export writes is read as it was meant, and not doubted.
    assert "voc_origin" not in [doubt["code"] for doubt in summary["doubts"]]
    before, after = records_of(published), records_of(tmp_path / "back")
    if to in ("voc", "yolo", "huggingface"):  # Which keep images in folders of their own.
        after = {(split, in_folder(url, split, to)): item for (split, url), item in after.items()}
    if "hidden_names" in lost:
        before = {(split, PREFIX + unhidden(url.removeprefix(PREFIX))): item for (split, url), item in before.items()}
    assert after.keys() == before.keys()
    for name, item in before.items():
        details = after[name]["image_details"]
        assert (details["width"], details["height"]) == (
            item["image_details"]["width"],
            item["image_details"]["height"],
        )
        found, expected = flat(after[name]["label"]), flat(item["label"])
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            near = value if isinstance(value, str) else pytest.approx(value, abs=1.0001e-6, rel=0)
            assert found[key] == near, (name, key)
    return lost


def in_folder(url: str, split: str, to: str) -> str:
    """The URL without the folder of the format's images."""
    folder = PREFIX + {"voc": "JPEGImages/", "yolo": f"images/{split}/", "huggingface": f"{split}/"}[to]
    assert url.startswith(folder)
    return PREFIX + url.removeprefix(folder)


def flat(value: Any) -> dict[str, Any]:
    """What JSON holds, number by number."""
    if isinstance(value, list | dict):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {f"{key}.{rest}": leaf for key, item in items for rest, leaf in flat(item).items()}
    return {"": value}


def test_boxes_come_back_from_coco_with_their_crowds(tmp_path: Path) -> None:
    assert round_trip(tmp_path, DETECTION, BOXES, "coco") == []


def test_outlines_come_back_from_coco(tmp_path: Path) -> None:
    assert round_trip(tmp_path, SEGMENTATION, MASKS, "coco") == []


def test_a_hole_of_whole_pixels_comes_back_from_coco(tmp_path: Path) -> None:
    splits = {"train": [[record("1.png", [mask("nut", *HOLE)])]]}
    assert round_trip(tmp_path, SEGMENTATION, splits, "coco") == []


@pytest.mark.parametrize("task", [CLASSIFICATION, MULTILABEL])
@pytest.mark.parametrize("to", ["coco", "csv"])
def test_labels_come_back(task: str, to: str, tmp_path: Path) -> None:
    labels: list[Any] = (
        LABELS if task == CLASSIFICATION else [sorted(LABELS[:2]), sorted(LABELS[2:4]), sorted(LABELS[4:]), LABELS[:1]]
    )
    records = [record(name, label) for name, label in zip(NAMES, labels, strict=False)]
    if to == "coco":
        records += [record("none.png", [])] if task == MULTILABEL else []
        assert round_trip(tmp_path, task, {"train": [records[1:]], "test": [records[:1]]}, to) == []
        return
    options = ["--images", str(tmp_path / "images"), "--label-separator", ""]
    for item in records:
        draw(tmp_path / "images", item)
    assert round_trip(tmp_path, task, {"train": [records[1:]], "test": [records[:1]]}, to, *options) == []


def test_boxes_come_back_from_yolo(tmp_path: Path) -> None:
    lost = round_trip(tmp_path, DETECTION, without_crowds(BOXES), "yolo", copied=True)
    assert lost == []


def test_outlines_of_one_part_come_back_from_yolo(tmp_path: Path) -> None:
    splits = without_crowds({"train": [MASKS["train"][0][:2]], "validation": MASKS["validation"]})
    assert round_trip(tmp_path, SEGMENTATION, splits, "yolo", copied=True) == []


@pytest.mark.parametrize("copied", [True, False])
def test_boxes_come_back_from_voc_with_crowds_as_difficult(copied: bool, tmp_path: Path) -> None:
    lost = round_trip(tmp_path, DETECTION, BOXES, "voc", "--difficult-as-crowd", copied=copied)
    assert lost == ["crowds_as_difficult"]


def test_outlines_come_back_from_voc_in_their_parts(tmp_path: Path) -> None:
    lost = round_trip(tmp_path, SEGMENTATION, MASKS, "voc", "--difficult-as-crowd", copied=True)
    assert lost == ["crowds_as_difficult"]


def without_crowds(splits: Any) -> Any:
    """The same records with isCrowd 0."""
    return json.loads(json.dumps(splits).replace('"isCrowd": 1', '"isCrowd": 0'))


def records_of_all(outlined: bool) -> Any:
    """The 273 objects that all formats are compared by, as records of two splits."""
    splits: dict[str, list[list[Any]]] = {"train": [[]], "validation": [[]]}
    for split, name, width, height, objects in pictures():
        labels = []
        for label, outline in objects:
            if outlined:
                ring = [
                    round(side / whole, 6)
                    for corner in outline
                    for side, whole in zip(corner, (width, height), strict=True)
                ]
                labels.append(mask(label, ring))
            else:
                edges = zip(box_of(outline), (width, height) * 2, strict=True)
                labels.append(box(label, *(round(edge / side, 6) for edge, side in edges)))
        splits["train" if split == "train" else "validation"][0].append(record(f"{name}.png", labels, width, height))
    return splits


WAYS = [("coco", False), ("yolo", True), ("voc", False), ("huggingface", True), ("jsonl", False)]
"""Ways out that are read again, and whether their images are copied for that."""


@pytest.mark.parametrize("outlined", [False, True], ids=["boxes", "outlines"])
@pytest.mark.parametrize(("to", "copied"), WAYS)
def test_the_same_273_objects_come_back_from_each_format_that_is_read(
    to: str, copied: bool, outlined: bool, tmp_path: Path
) -> None:
    task = SEGMENTATION if outlined else DETECTION
    assert round_trip(tmp_path, task, records_of_all(outlined), to, copied=copied) == []


def test_every_format_that_is_written_and_read_is_in_a_round_trip() -> None:
    both = (EXPORTERS.keys() & FORMATS.keys()) | {"jsonl"}
    assert both - {to for to, _ in WAYS} == {"webdataset"}, "which test_sample_round_trips has"


@pytest.mark.parametrize(
    ("to", "copied"), [("coco", False), ("yolo", True), ("voc", False), ("jsonl", False), ("csv", True)]
)
def test_boxes_of_hostile_labels_come_back_by_their_labels(to: str, copied: bool, tmp_path: Path) -> None:
    labels = HOSTILE if to == "voc" else HOSTILE + CONTROLS
    records = [record(f"{number}.png", [box(label, 0.1, 0.1, 0.5, 0.5)]) for number, label in enumerate(labels)]
    options = ["--images", str(tmp_path / "images")] if to == "csv" else []
    for item in records if to == "csv" else []:
        draw(tmp_path / "images", item)
    assert round_trip(tmp_path, DETECTION, {"train": [records]}, to, *options, copied=copied and to != "csv") == []


@pytest.mark.parametrize("to", ["coco", "csv"])
def test_hostile_labels_of_images_come_back(to: str, tmp_path: Path) -> None:
    records = [record(f"{number}.png", label) for number, label in enumerate(HOSTILE)]
    options = ["--images", str(tmp_path / "images"), "--label-separator", ""] if to == "csv" else []
    for item in records:
        draw(tmp_path / "images", item)
    assert round_trip(tmp_path, CLASSIFICATION, {"train": [records]}, to, *options) == []


HIDDEN = [".hid.png", "._1.png", ".d/1.png", "a/.b.png", "__MACOSX/1.png", "..c.png", "thumbs.db/1.png", "seen.png"]


@pytest.mark.parametrize(
    ("to", "copied", "lost"),
    [
        ("coco", False, []),
        ("coco", True, []),
        ("yolo", True, ["hidden_names"]),
        ("voc", False, ["hidden_names"]),
        ("voc", True, ["hidden_names"]),
        ("huggingface", True, ["hidden_names"]),
        ("jsonl", False, []),
    ],
)
def test_images_of_hidden_names_come_back_by_names_that_are_seen_and_it_is_told(
    to: str, copied: bool, lost: list[str], tmp_path: Path
) -> None:
    splits = {"train": [[record(name, [box(name, 0.1, 0.2, 0.3, 0.4)]) for name in HIDDEN]]}
    assert round_trip(tmp_path, DETECTION, splits, to, copied=copied) == lost


def test_a_build_comes_back_as_it_is_with_crowds_and_holes(tmp_path: Path) -> None:
    assert round_trip(tmp_path / "boxes", DETECTION, BOXES, "jsonl") == []
    splits = {"train": [[*MASKS["train"][0], record("hole.png", [mask(LABELS[0], *HOLE)])]]}
    assert round_trip(tmp_path / "outlines", SEGMENTATION, splits, "jsonl") == []


@pytest.mark.parametrize("to", ["yolo", "voc"])
def test_a_hole_that_was_bridged_is_a_hole_when_it_is_read_again(to: str, tmp_path: Path) -> None:
    published = publish(
        tmp_path / "published", SEGMENTATION, {"train": [[record("1.png", [mask("nut", *HOLE)])]]}, tmp_path / "i"
    )
    assert labelbeam("export", published, "--to", to, tmp_path / "out", "--copy-images").status == 0
    options = ("--background", "keep", "--image-url", PREFIX, "--output", tmp_path / "back")
    back = labelbeam("convert", "--task", SEGMENTATION, "--source", tmp_path / "out", *options)
    assert back.status == 0, back.err
    (item,) = records_of(tmp_path / "back").values()
    (found,) = item["label"]
    assert [inside_all(found["polygon"], x, y) for x, y in ((0.2, 0.2), (0.4, 0.5), (0.7, 0.7), (0.05, 0.5))] == [
        True,
        False,
        True,
        False,
    ]


def inside_all(rings: list[list[float]], x: float, y: float) -> bool:
    """Tell whether a point lies in rings that combine by XOR."""
    return sum(inside(ring, x, y) for ring in rings) % 2 == 1
