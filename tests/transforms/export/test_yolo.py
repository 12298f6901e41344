"""YOLO: lines of label files, and the names in `data.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.transforms.export.published import DETECTION, ODD, SEGMENTATION, box, export, inside, mask, record


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
