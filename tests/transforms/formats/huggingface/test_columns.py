"""Columns of Parquet files: images, labels and objects by what datasets calls them, and what is asked about."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.huggingface.columns import Columns, columns_of, features_of, names_in_footer
from labelbeam.transforms.formats.huggingface.format import HuggingFaceOptions
from tests.transforms.stores.shards_made import embedded, parquet

ONE: Any = "image_classification"
SEVERAL: Any = "image_classification_multilabel"
DETECTION: Any = "image_object_detection"
CLASS = {"names": ["cat", "dog"], "_type": "ClassLabel"}
IMAGE = [embedded(b"x")]


def schema(columns: dict[str, Any], features: Any = None) -> pa.Schema:
    return pq.ParquetFile(pa.BufferReader(parquet(columns, features))).schema_arrow


def found(columns: dict[str, Any], task: Any = ONE, features: Any = None, **options: Any) -> Columns:
    return columns_of(schema(columns, features), task, HuggingFaceOptions(**options), "a.parquet")


@pytest.mark.parametrize(
    ("columns", "task", "features", "label"),
    [
        ({"label": [0], "labels": [[0]]}, ONE, None, "label"),
        ({"label": [0], "labels": [[0]]}, SEVERAL, None, "labels"),
        ({"fine": [0], "id": [1]}, ONE, {"fine": CLASS}, "fine"),
        ({"genres": [[0]], "id": [1]}, SEVERAL, {"genres": {"feature": CLASS, "_type": "List"}}, "genres"),
        ({"genres": [[0]]}, SEVERAL, {"genres": [CLASS]}, "genres"),
        ({"class_name": ["a"], "text": ["b"]}, ONE, None, "class_name"),
        ({"objects": [{"bbox": [[1]], "category": [0]}]}, ONE, None, None),
        ({"bbox": [[[1]]], "category": [[0]]}, ONE, None, None),
    ],
)
def test_the_column_of_labels(columns: dict[str, Any], task: Any, features: Any, label: str | None) -> None:
    assert found({"image": IMAGE} | columns, task, features).label == label


@pytest.mark.parametrize(
    ("columns", "objects", "named"),
    [
        ({"objects": [{"bbox": [[1]], "category": [0]}], "label": [1]}, ("objects",), "objects"),
        ({"annotations": [[{"bbox": [1], "category": 0}]]}, ("annotations",), "annotations"),
        ({"bboxes": [[[1]]], "labels": [[0]], "area": [[1]]}, ("bboxes", "labels", "area"), "labels"),
    ],
)
def test_the_columns_of_objects(columns: dict[str, Any], objects: tuple[str, ...], named: str) -> None:
    columns = {"image": IMAGE, "width": [1], "height": [1]} | columns
    read = found(columns, DETECTION)
    assert (read.objects, read.named, read.size) == (objects, named, ("width", "height"))
    assert read.fields == ["image.bytes", "image.path", *objects, "width", "height"]


def test_one_of_several_columns_of_images_is_chosen() -> None:
    columns = {"image": IMAGE, "mask": IMAGE, "label": [1]}
    read = found(columns, huggingface_image="mask")
    assert (read.image.name, read.folder, read.others) == ("mask", "mask", ("image",))
    assert found({"image": IMAGE, "label": [1]}).folder == ""


@pytest.mark.parametrize(
    ("columns", "task", "features", "options", "words"),
    [
        (
            {"image": IMAGE, "mask": IMAGE, "label": [1]},
            ONE,
            None,
            {},
            r"\(image, mask\); say with --huggingface-image",
        ),
        ({"label": [1]}, ONE, None, {}, "no column holds images"),
        ({"image": IMAGE, "label": [1]}, ONE, None, {"huggingface_image": "x"}, "expected one of image"),
        ({"image": IMAGE, "label": [1]}, ONE, None, {"huggingface_label": "x"}, "expected one of label"),
        ({"image": IMAGE, "id": [1]}, ONE, None, {}, "no column of labels among id"),
        (
            {"image": IMAGE, "a": [1], "b": [1]},
            ONE,
            {"a": CLASS, "b": CLASS},
            {},
            r"\(a, b\); say with --huggingface-label",
        ),
        ({"image": IMAGE, "label": [1]}, DETECTION, None, {}, "no objects for image_object_detection"),
        ({"../x": IMAGE, "y": IMAGE, "label": [1]}, ONE, None, {"huggingface_image": "../x"}, "rename it"),
    ],
)
def test_what_nothing_decides_is_asked(
    columns: dict[str, Any], task: Any, features: Any, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        found(columns, task, features, **options)


def test_names_of_classes_stand_in_the_footer() -> None:
    objects = {"feature": {"bbox": {}, "category": {"feature": CLASS, "_type": "List"}}, "_type": "List"}
    read = schema({"image": IMAGE, "label": [1]}, {"label": CLASS, "objects": objects, "other": {"names": ["x"]}})
    assert names_in_footer(read, "label") == names_in_footer(read, "objects") == [{0: "cat", 1: "dog"}]
    assert names_in_footer(read, "other") == names_in_footer(read, "none") == []


@pytest.mark.parametrize("text", [b"no JSON", b"[]", b'{"info": null}', b'{"info": {"features": []}}', b"\xff"])
def test_a_footer_that_says_something_else_says_nothing(text: bytes) -> None:
    assert features_of(pa.schema([("a", pa.int8())], metadata={"huggingface": text})) == {}
