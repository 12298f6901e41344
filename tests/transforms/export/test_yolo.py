"""YOLO: lines of label files, and the names in `data.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import labelbeam
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.export.yolo import bridged, label_path
from tests.transforms.export.published import DETECTION, ODD, SEGMENTATION, box, export, inside, mask, publish, record


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


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("images/train/a/1.jpg", "labels/train/a/1.txt"),
        ("images/train/images/1.jpg", "images/train/labels/1.txt"),
        ("images/train/my.images/1.2.jpg", "labels/train/my.images/1.2.txt"),
        ("images/train/images.v2/1", "labels/train/images.v2/1.txt"),
    ],
)
def test_labels_stand_where_ultralytics_looks(image: str, labels: str) -> None:
    assert label_path(image) == labels


def test_rings_are_joined_by_way_of_the_first_corner_of_the_first() -> None:
    one, two, three = [0.0, 0, 9, 0, 0, 9], [1.0, 1, 2, 1, 1, 2], [4.0, 4, 5, 4, 4, 5]
    assert bridged([one]) == one
    assert bridged([one, two, three]) == [*one, 0, 0, *two, 1, 1, 0, 0, *three, 4, 4]


def test_an_image_without_objects_has_an_empty_file_and_a_line_of_the_list(tmp_path: Path) -> None:
    export(tmp_path, DETECTION, [record("1.png", []), record("b/2.png", [])], "yolo")
    assert [(tmp_path / f"out/labels/train/{name}.txt").read_bytes() for name in ("1", "b/2")] == [b"", b""]
    assert (tmp_path / "out/train.txt").read_bytes() == b"./images/train/1.png\n./images/train/b/2.png\n"


def test_a_hidden_image_is_listed_by_a_name_that_is_seen_and_so_are_its_labels(tmp_path: Path) -> None:
    exported = export(tmp_path, DETECTION, [record(".d/.1.png", [box("a", 0, 0, 1, 1)]), record("2.png", [])], "yolo")
    assert exported.not_held == {"hidden_names": 1}
    listed = (tmp_path / "out/train.txt").read_text("utf-8")
    assert listed == "./images/train/visible.d/visible.1.png\n./images/train/2.png\n"
    assert (tmp_path / "out/labels/train/visible.d/visible.1.txt").read_bytes()


def test_validation_is_val_in_data_yaml(tmp_path: Path) -> None:
    records = [record("1.png", [box("a", 0, 0, 1, 1)])]
    publish(tmp_path / "published", DETECTION, {"train": [records], "validation": [[]], "test": [[]]})
    labelbeam.export(tmp_path / "published", tmp_path / "out", to="yolo")
    about = yaml.safe_load((tmp_path / "out/data.yaml").read_bytes())
    assert {name: about.get(name) for name in ("train", "val", "test", "validation")} == {
        "train": "train.txt",
        "val": "validation.txt",
        "test": "test.txt",
        "validation": None,
    }


def test_an_empty_split_has_no_folder_of_images_in_data_yaml(tmp_path: Path) -> None:
    splits = {"train": [[record("1.png", [box("a", 0, 0, 1, 1)])]], "validation": [[record("2.png", [])]], "test": [[]]}
    publish(tmp_path / "published", DETECTION, splits, tmp_path / "images")
    labelbeam.export(tmp_path / "published", tmp_path / "out", to="yolo", copy_images=True)
    about = yaml.safe_load((tmp_path / "out/data.yaml").read_bytes())
    assert {name: about.get(name) for name in ("train", "val", "test")} == {
        "train": "images/train",
        "val": "images/validation",
        "test": None,
    }


def test_an_image_with_a_line_break_in_its_name_ends_the_export_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(LabelBeamError, match="or control characters; nothing was exported"):
        export(tmp_path, DETECTION, [record("a\nb.png", [])], "yolo")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["published"]
