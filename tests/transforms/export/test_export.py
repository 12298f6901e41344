"""Exports: what stands in the files, what is counted, and what is refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from pycocotools.coco import COCO

import labelbeam
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.export.marker import MARKER
from tests.end_to_end.builds import labelbeam as command
from tests.transforms.export.published import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    PREFIX,
    SEGMENTATION,
    box,
    mask,
    publish,
    record,
    tree,
)

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ODD = ['a, "b"', "line\nbreak", "Füße/µ <&>", "no", "a b"]


def export(tmp_path: Path, task: str, records: list[dict[str, Any]], to: str, **options: Any) -> labelbeam.Exported:
    """Publish records as one split of one shard, and export them to `out`."""
    publish(tmp_path / "published", task, {"train": [records]}, prefix=options.pop("prefix", PREFIX))
    return labelbeam.export(tmp_path / "published", tmp_path / "out", to=to, **options)


def coco_of(tmp_path: Path, split: str = "train") -> dict[str, Any]:
    """The COCO file of a split."""
    found: dict[str, Any] = json.loads((tmp_path / f"out/annotations/instances_{split}.json").read_text("utf-8"))
    return found


def test_pycocotools_finds_the_same_boxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    boxes = [box("b", 0.205761, 0.25, 0.411523, 0.5, 1), box("a", 0.0, 0.0, 1.0, 1.0)]
    export(tmp_path, DETECTION, [record("x/1.png", boxes, 486, 100), record("2.png", [])], "coco")
    coco = COCO(str(tmp_path / "out/annotations/instances_train.json"))
    assert [image["file_name"] for image in coco.loadImgs(coco.getImgIds())] == ["x/1.png", "2.png"]
    assert coco.loadCats(coco.getCatIds()) == [
        {"id": 1, "name": "a", "supercategory": ""},
        {"id": 2, "name": "b", "supercategory": ""},
    ]
    found = [(one["id"], one["image_id"], one["bbox"], one["area"], one["iscrowd"]) for one in coco.loadAnns([1, 2])]
    assert found == [(1, 1, [100.0, 25.0, 100.0, 25.0], 2500.0, 1), (2, 1, [0.0, 0.0, 486.0, 100.0], 48600.0, 0)]


def test_a_hole_is_a_mask_that_pycocotools_reads_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outer, hole = [0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9], [0.3, 0.3, 0.5, 0.3, 0.5, 0.5, 0.3, 0.5]
    exported = export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", outer, hole)], 100, 100)], "coco")
    coco = COCO(str(tmp_path / "out/annotations/instances_train.json"))
    pixels = coco.annToMask(coco.loadAnns([1])[0])
    assert (pixels.sum(), pixels[20, 20], pixels[40, 40]) == (80 * 80 - 20 * 20, 1, 0)
    assert coco.loadAnns([1])[0]["area"] == pixels.sum()
    assert not exported.not_held


def test_a_hole_between_pixels_is_counted_as_rounded(tmp_path: Path) -> None:
    outer, hole = [0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9], [0.3, 0.3, 0.505, 0.3, 0.5, 0.5]
    exported = export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", outer, hole)], 100, 100)], "coco")
    assert exported.not_held == {"outlines_as_masks": 1}


def test_parts_that_lie_apart_stay_polygons_in_coco(tmp_path: Path) -> None:
    one, other = [0.1, 0.1, 0.2, 0.1, 0.2, 0.2], [0.5, 0.5, 0.75, 0.5, 0.75, 0.7]
    export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", one, other)], 100, 100)], "coco")
    (annotation,) = coco_of(tmp_path)["annotations"]
    assert annotation["segmentation"] == [[10, 10, 20, 10, 20, 20], [50, 50, 75, 50, 75, 70]]
    assert (annotation["bbox"], annotation["area"]) == ([10, 10, 65, 60], 300.0)


def test_ids_count_through_shards_and_begin_anew_in_each_split(tmp_path: Path) -> None:
    shards = [[record("1.png", [box("a", 0, 0, 1, 1)])], [record("2.png", [box("a", 0, 0, 1, 1)])]]
    publish(tmp_path / "published", DETECTION, {"train": shards, "test": shards[:1]})
    labelbeam.export(tmp_path / "published", tmp_path / "out", to="coco")
    train, test = coco_of(tmp_path), coco_of(tmp_path, "test")
    assert [(one["id"], one["image_id"]) for one in train["annotations"]] == [(1, 1), (2, 2)]
    assert [image["id"] for image in test["images"]] == [1]


def test_an_image_that_lies_elsewhere_keeps_its_url_in_coco(tmp_path: Path) -> None:
    url = "https://other.example.org/b/1.png"
    export(tmp_path, DETECTION, [record(url, [])], "coco")
    assert [image["file_name"] for image in coco_of(tmp_path)["images"]] == [url]


def test_rows_of_objects_hold_odd_names_and_images_without_objects_are_told(tmp_path: Path) -> None:
    boxes = [box(label, 0.000001, 0.2, 0.3, 1.0, number % 2) for number, label in enumerate(ODD)]
    publish(tmp_path / "published", DETECTION, {"test": [[record("ü, 1.png", boxes), record("2.png", [])]]})
    answer = command("export", tmp_path / "published", "--to", "csv", tmp_path / "out", "--json")
    assert json.loads(answer.out)["not_held"] == {"background_images": 1}
    assert "1 images without a label have no row" in answer.err
    with (tmp_path / "out/labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ODD
    first = dict(zip(("topX", "topY", "bottomX", "bottomY"), ("0.000001", "0.2", "0.3", "1"), strict=True))
    assert rows[0] == {"image_url": f"{PREFIX}ü, 1.png", "split": "test", "label": ODD[0], **first, "isCrowd": "0"}


def test_an_outline_is_json_in_its_cell(tmp_path: Path) -> None:
    ring = [0.1, 0.2, 0.9, 0.2, 0.5, 0.8]
    export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", ring, crowd=1)])], "csv")
    with (tmp_path / "out/labels.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert json.loads(row["polygon"]) == [ring]
    assert [row[name] for name in ("topX", "topY", "bottomX", "bottomY", "isCrowd")] == [
        "0.1",
        "0.2",
        "0.9",
        "0.8",
        "1",
    ]


def test_a_row_for_each_label_of_an_image(tmp_path: Path) -> None:
    exported = export(tmp_path, MULTILABEL, [record("1.png", ["a", "b"]), record("2.png", [])], "csv")
    rows = (tmp_path / "out/labels.csv").read_text("utf-8").splitlines()
    assert rows == ["image_url,split,label", f"{PREFIX}1.png,train,a", f"{PREFIX}1.png,train,b"]
    assert exported.not_held == {"background_images": 1}


def test_names_of_classes_are_text_in_data_yaml(tmp_path: Path) -> None:
    boxes = [box(label, 0, 0, 0.5, 0.5, 1) for label in ODD]
    exported = export(tmp_path, DETECTION, [record("a/1.png", boxes)], "yolo")
    about = yaml.safe_load((tmp_path / "out/data.yaml").read_text("utf-8"))
    assert about == {"train": "train.txt", "nc": len(ODD), "names": dict(enumerate(sorted(ODD)))}
    assert (tmp_path / "out/train.txt").read_text("utf-8") == "./images/train/a/1.png\n"
    first = (tmp_path / "out/labels/train/a/1.txt").read_text("utf-8").splitlines()[0]
    assert first == f"{sorted(ODD).index(ODD[0])} 0.250000 0.250000 0.500000 0.500000"
    assert exported.not_held == {"crowds": len(ODD)}


@pytest.mark.parametrize("edges", [(0.0, 0.000001), (0.999999, 1.0), (0.5, 0.500001), (0.0, 0.999999), (0.000001, 1.0)])
def test_no_box_of_yolo_leaves_its_image(edges: tuple[float, float], tmp_path: Path) -> None:
    low, high = edges
    export(tmp_path, DETECTION, [record("1.png", [box("a", low, low, high, high)])], "yolo")
    _, x, _, width, _ = map(float, (tmp_path / "out/labels/train/1.txt").read_text("utf-8").split())
    left, right = x - width / 2, x + width / 2
    assert left == pytest.approx(low, abs=5.01e-7) and right == pytest.approx(high, abs=5.01e-7)
    assert left > -1e-6 + 1e-9 and right < 1 + 1e-6 - 1e-9


def test_rings_of_an_object_are_one_line_of_yolo_with_the_same_area_inside(tmp_path: Path) -> None:
    outer, hole = [0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9], [0.3, 0.3, 0.5, 0.3, 0.5, 0.5, 0.3, 0.5]
    exported = export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", outer, hole)])], "yolo")
    numbers = [float(number) for number in (tmp_path / "out/labels/train/1.txt").read_text("utf-8").split()[1:]]
    assert inside(numbers, 0.2, 0.2) and not inside(numbers, 0.4, 0.41) and not inside(numbers, 0.95, 0.5)
    assert exported.not_held == {"parts_bridged": 1}


def inside(numbers: list[float], x: float, y: float) -> bool:
    """Tell whether a point lies in an outline, by the even-odd rule."""
    corners = list(zip(numbers[::2], numbers[1::2], strict=True))
    crossed = 0
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
        crossed += (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1)
    return crossed % 2 == 1


def test_names_are_escaped_and_pixels_count_from_1_in_voc(tmp_path: Path) -> None:
    boxes = [box(label, 0.0, 0.1, 0.5, 1.0, number % 2) for number, label in enumerate(ODD)]
    exported = export(tmp_path, DETECTION, [record("ü <&>/1.png", boxes)], "voc")
    document = ElementTree.parse(tmp_path / "out/Annotations/ü <&>/1.xml")
    assert [name.text for name in document.findall("object/name")] == ODD
    (filename,), (first, *_) = document.findall("filename"), document.findall("object/bndbox")
    assert filename.text == "1.png"
    assert [edge.text for edge in first] == ["1", "11", "100", "100"]
    assert (tmp_path / "out/ImageSets/Main/train.txt").read_text("utf-8") == "ü <&>/1\n"
    assert exported.not_held == {"crowds_as_difficult": 2}


def test_a_box_under_a_pixel_is_widened_inside_its_image_and_counted_in_voc(tmp_path: Path) -> None:
    exported = export(tmp_path, DETECTION, [record("1.png", [box("a", 0.998, 0.5, 1.0, 0.75)])], "voc")
    text = (tmp_path / "out/Annotations/1.xml").read_text("utf-8")
    assert "<xmin>200</xmin><ymin>51</ymin><xmax>200</xmax><ymax>75</ymax>" in text
    assert exported.not_held == {"boxes_under_a_pixel": 1}


def test_a_hole_is_kept_as_a_bridged_outline_in_voc(tmp_path: Path) -> None:
    outer, hole = [0.1, 0.1, 0.9, 0.1, 0.9, 0.9, 0.1, 0.9], [0.3, 0.3, 0.5, 0.3, 0.5, 0.5, 0.3, 0.5]
    exported = export(tmp_path, SEGMENTATION, [record("1.png", [mask("a", outer, hole)], 100, 100)], "voc")
    (polygon,) = ElementTree.parse(tmp_path / "out/Annotations/1.xml").findall("object/polygon")
    numbers = [float(corner.text or "") - 0.5 for corner in polygon]
    assert inside(numbers, 20, 20) and not inside(numbers, 40, 41)
    assert exported.not_held == {"parts_bridged": 1}


def test_a_name_that_xml_cannot_hold_ends_the_export_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(LabelBeamError, match="a character that XML cannot"):
        export(tmp_path, DETECTION, [record("1.png", [box("a\x01", 0, 0, 1, 1)])], "voc")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["published"]


@pytest.mark.parametrize("to", ["yolo", "voc"])
def test_two_images_that_differ_by_their_extension_alone_are_refused(to: str, tmp_path: Path) -> None:
    with pytest.raises(LabelBeamError, match="differ by their extension"):
        export(tmp_path, DETECTION, [record("a/1.png", []), record("a/1.jpg", [])], to)


@pytest.mark.parametrize("to", ["yolo", "voc", "coco", "csv"])
@pytest.mark.parametrize("url", ["https://h/c/../../x.png", "https://h/%2e%2e/x.png", f"{PREFIX}../../x.png"])
def test_a_hostile_name_never_leaves_the_destination(url: str, to: str, tmp_path: Path) -> None:
    with pytest.raises(LabelBeamError, match=r"without `\.\.`"):
        export(tmp_path, DETECTION, [record(url, [])], to)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["published"]


def test_images_are_copied_to_where_the_label_files_expect_them(tmp_path: Path) -> None:
    records = [record("images/1.png", []), record("b/2.png", [])]
    published = publish(tmp_path / "published", DETECTION, {"train": [records]}, tmp_path / "images")
    exported = labelbeam.export(published, tmp_path / "out", to="yolo", copy_images=True)
    files = tree(tmp_path / "out")
    assert files["images/train/images/1.png"] == (tmp_path / "images/images/1.png").read_bytes()
    assert exported.copied == 2
    assert {"images/train/labels/1.txt", "labels/train/b/2.txt"} < files.keys()
    assert yaml.safe_load(files["data.yaml"])["train"] == "images/train"


def test_an_image_that_is_missing_ends_the_export(tmp_path: Path) -> None:
    published = publish(tmp_path / "published", DETECTION, {"train": [[record("1.png", [])]]}, tmp_path / "images")
    (tmp_path / "images/1.png").unlink()
    with pytest.raises(LabelBeamError, match=r"1\.png"):
        labelbeam.export(published, tmp_path / "out", to="coco", copy_images=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("to", ["coco", "yolo", "voc", "csv"])
def test_the_same_build_gives_the_same_bytes(to: str, tmp_path: Path) -> None:
    records = [record(f"{number}.png", [box("a", 0.1, 0.1, 0.5, 0.5)]) for number in range(9)]
    export(tmp_path, DETECTION, records, to)
    first = tree(tmp_path / "out")
    labelbeam.export(tmp_path / "published", tmp_path / "out", to=to)
    assert tree(tmp_path / "out") == first
    assert json.loads(first[MARKER])["files"] == {name: len(data) for name, data in first.items() if name != MARKER}


def test_a_shard_that_is_not_as_it_was_published_ends_the_export(tmp_path: Path) -> None:
    published = publish(tmp_path / "published", DETECTION, {"train": [[record("1.png", [])]]})
    (shard,) = published.rglob("*.jsonl")
    shard.write_bytes(shard.read_bytes().replace(b"200", b"201"))
    with pytest.raises(LabelBeamError, match="is not the file that was published"):
        labelbeam.export(published, tmp_path / "out", to="coco")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("task", "options", "words"),
    [
        (DETECTION, {"to": "huggingface"}, "expected one of coco, yolo, voc, csv"),
        (CLASSIFICATION, {"to": "yolo"}, "no form for image_classification"),
        (DETECTION, {"to": "csv", "copy_images": True}, "no place for images"),
        (DETECTION, {"to": "coco", "images": "x"}, "without --copy-images"),
    ],
)
def test_what_makes_no_sense_is_a_wrong_option(task: str, options: dict[str, Any], words: str, tmp_path: Path) -> None:
    publish(tmp_path / "published", task, {"train": [[record("1.png", "a" if task == CLASSIFICATION else [])]]})
    with pytest.raises(UsageError, match=words):
        labelbeam.export(tmp_path / "published", tmp_path / "out", **options)


@pytest.mark.parametrize("place", ["published/out", "images/out", ".", "images"])
def test_a_destination_within_or_around_the_build_or_its_images_is_refused(place: str, tmp_path: Path) -> None:
    publish(tmp_path / "published", DETECTION, {"train": [[record("1.png", [])]]}, tmp_path / "images")
    before = tree(tmp_path)
    with pytest.raises(UsageError, match="lie in each other"):
        labelbeam.export(tmp_path / "published", tmp_path / place, to="coco")
    assert tree(tmp_path) == before
