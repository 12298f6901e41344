from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from pycocotools import mask as coco_mask

from labelbeam.schemas.predictions import ObjectsPrediction
from labelbeam.transforms.evaluation.objects import predicted_objects
from labelbeam.transforms.evaluation.predictions.checks import PredictionsError
from labelbeam.transforms.evaluation.predictions.coco import CocoObjects, own_names, read_names
from labelbeam.transforms.evaluation.predictions.read import Form
from labelbeam.transforms.stores.locate import locate
from tests.transforms.evaluation.files import BOX, DETECTION, NAMES, OBJECTS, RESULT, SEGMENTATION, read, refused, write


def test_coco_results_are_collected_by_image_in_their_order(tmp_path: Path) -> None:
    results = [RESULT, RESULT | {"image_id": 2}, RESULT | {"category_id": 2, "score": 12.5}]
    found = read(write(tmp_path / "r.json", results), DETECTION)
    assert (found.form, [item.name for item in found.said]) == (Form.COCO, ["a.jpg", "b.jpg"])
    value = found.said[0].value
    assert isinstance(value, CocoObjects)
    items = predicted_objects(value, "", 100, 100, with_masks=False)
    assert [(item.label, item.box, item.score) for item in items] == [
        ("cat", (10, 20, 40, 40), 0.75),
        ("dog", (10, 20, 40, 40), 12.5),
    ]


def test_coco_results_of_nothing_are_predictions(tmp_path: Path) -> None:
    found = read(write(tmp_path / "r.json", []), DETECTION)
    assert (found.form, found.said) == (Form.COCO, [])


def test_a_coco_dataset_says_what_ids_mean_be_they_numbers_or_text(tmp_path: Path) -> None:
    dataset = {
        "images": [{"id": "7", "file_name": "x/a.jpg", "width": None}],
        "categories": [{"id": 0, "name": "emu"}],
        "annotations": [{"id": None}],
    }
    names = read_names(locate(str(write(tmp_path / "gt.json", dataset)), {}))
    found = read(write(tmp_path / "r.json", [RESULT | {"image_id": 7, "category_id": "0"}]), DETECTION, names)
    assert [(item.name, item.value.results[0].label) for item in found.said] == [("x/a.jpg", "emu")]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("dataset", "told"),
    [
        ([], "expected a COCO dataset"),
        ({"images": []}, "categories"),
        (
            {"images": [{"id": 1, "file_name": name} for name in "ab"], "categories": []},
            "image id 1 stands for 'a' and for 'b'",
        ),
    ],
)
def test_a_dataset_that_does_not_say_what_ids_mean_is_refused(tmp_path: Path, dataset: Any, told: str) -> None:
    with pytest.raises(PredictionsError, match=told) as caught:
        read_names(locate(str(write(tmp_path / "gt.json", dataset)), {}))
    assert "gt.json" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"image_id": 3}, "image_id 3"),
        ({"category_id": 3}, "category_id 3"),
        ({"image_id": None}, "image_id"),
        ({"bbox": [1, 2, 3]}, "bbox"),
        ({"bbox": [1, 2, 3, 1e300]}, "bbox"),
        ({"bbox": [1, 2, 3, float("inf")]}, "found Infinity at byte"),
        ({"score": "high"}, "score"),
    ],
)
def test_a_result_that_cannot_be_read_is_named_by_its_place(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    path = write(tmp_path / "r.json", [RESULT, RESULT | change])
    refused(path, DETECTION, "r.json", told, "" if told == "found Infinity at byte" else "element 1: ")


def test_two_ids_of_one_image_are_not_put_together(tmp_path: Path) -> None:
    names = NAMES._replace(images={"1": "a.jpg", "2": "a.jpg"})
    path = write(tmp_path / "r.json", [RESULT, RESULT | {"image_id": 2}])
    with pytest.raises(PredictionsError, match=r"element 1: found image_id 2.*'a.jpg'.*image_id 1.*element 0"):
        read(path, DETECTION, names)
    assert len(read(write(tmp_path / "r.json", [RESULT, RESULT]), DETECTION, names).said) == 1


def objects(result: dict[str, Any], tmp_path: Path, task: str = SEGMENTATION) -> Any:
    ((_, place, value),) = read(write(tmp_path / "r.json", [result]), task).said
    assert isinstance(value, CocoObjects)
    (item,) = predicted_objects(value, place, 10, 8, with_masks=task == SEGMENTATION)
    return item


SQUARE = [2, 2, 6, 2, 6, 6, 2, 6]


@pytest.mark.parametrize(
    ("segmentation", "area"),
    [
        ([SQUARE], 16),
        ([SQUARE, [4, 2, 8, 2, 8, 6, 4, 6]], 24),
        ({"size": [8, 10], "counts": [8, 8, 64]}, 8),
        ({"size": [8, 10], "counts": "88P2"}, 8),
        ({"size": [8, 10], "counts": [80]}, 0),
    ],
)
def test_masks_are_polygons_that_unite_or_run_lengths(tmp_path: Path, segmentation: Any, area: int) -> None:
    item = objects(RESULT | {"segmentation": segmentation}, tmp_path)
    assert int(coco_mask.area(item.mask)) == area
    assert item.box == (10, 20, 40, 40)


def test_a_box_that_is_missing_is_the_one_around_the_mask(tmp_path: Path) -> None:
    result = {key: value for key, value in RESULT.items() if key != "bbox"} | {"segmentation": [SQUARE]}
    assert objects(result, tmp_path).box == (2, 2, 4, 4)
    assert objects(result, tmp_path, DETECTION).box == (2, 2, 4, 4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "no segmentation"),
        ({"bbox": [1, 1, -1, 1], "segmentation": [SQUARE]}, "negative width"),
        ({"segmentation": {"size": [10, 8], "counts": [80]}}, "the mask's size is"),
        ({"segmentation": {"size": [8, 10], "counts": [81]}}, "expected 0 to 80"),
        ({"segmentation": {"size": [8, 10], "counts": [8, 8]}}, "add up to 16"),
        ({"segmentation": [[1, 1, 2]]}, "in pairs"),
        ({"segmentation": [[1, 1, 2, 2]]}, "2 corners"),
        ({"segmentation": [[1, 1, 2, 2, 1e9, 3]]}, "beyond"),
        ({"segmentation": "all"}, "expected RLE"),
        ({"segmentation": [["1", "2", "3", "4", "5", "6"]]}, "in pairs"),
    ],
)
def test_a_mask_or_box_that_cannot_be_used_is_named_by_its_place(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(PredictionsError, match=told) as caught:
        objects(RESULT | change, tmp_path)
    assert "r.json, element 0: " in str(caught.value)


def test_a_result_without_box_and_mask_is_refused(tmp_path: Path) -> None:
    result = {key: value for key, value in RESULT.items() if key != "bbox"}
    with pytest.raises(PredictionsError, match="neither bbox nor segmentation"):
        objects(result, tmp_path, DETECTION)


def test_an_object_of_a_segmentation_needs_an_outline_and_an_empty_one_is_an_empty_mask() -> None:
    bare = msgspec.convert(OBJECTS, ObjectsPrediction)
    assert predicted_objects(bare, "p, line 1", 10, 10, with_masks=False)[0].mask is None
    with pytest.raises(PredictionsError, match=r"p, line 1: boxes\[0\]: it has no polygon"):
        predicted_objects(bare, "p, line 1", 10, 10, with_masks=True)
    empty = msgspec.convert(OBJECTS | {"boxes": [BOX | {"polygon": []}]}, ObjectsPrediction)
    assert int(coco_mask.area(predicted_objects(empty, "", 10, 10, with_masks=True)[0].mask)) == 0


FILES = own_names(["https://h/a/1.jpg", "https://h/a/x.y.jpg", "https://h/b/1.jpg", "https://h/b/2.jpg"], ["cat"])


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"image_id": "x.y"}, "https://h/a/x.y.jpg"),
        ({"image_id": "x.y.jpg"}, "https://h/a/x.y.jpg"),
        ({"image_id": "https://h/b/1.jpg"}, "https://h/b/1.jpg"),
        ({"image_id": 1, "file_name": "2.jpg"}, "https://h/b/2.jpg"),
        ({"image_id": 1, "file_name": "1.jpg"}, "https://h/a/1.jpg"),
        ({"image_id": 77, "file_name": "2.jpg"}, "https://h/b/2.jpg"),
        ({"image_id": 2, "file_name": None}, "https://h/a/x.y.jpg"),
    ],
)
def test_results_may_name_the_file(tmp_path: Path, change: dict[str, Any], name: str) -> None:
    found = read(write(tmp_path / "r.json", [RESULT | change]), DETECTION, FILES)
    assert [item.name for item in found.said] == [name]


@pytest.mark.parametrize(
    "change", [{"image_id": "z"}, {"image_id": "1.jpg"}, {"image_id": 9}, {"image_id": "z", "file_name": "1.jpg"}]
)
def test_a_name_of_no_file_or_of_several_is_told(tmp_path: Path, change: dict[str, Any]) -> None:
    refused_by = pytest.raises(PredictionsError, match="element 0: found image_id")
    with refused_by:
        read(write(tmp_path / "r.json", [RESULT | change]), DETECTION, FILES)
