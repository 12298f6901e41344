"""Columns of a Parquet or Arrow file of Hugging Face: which of them are the images, and which say something of them.

`datasets` writes an Image as a struct of bytes and a path, a ClassLabel as a number, and what its columns are into the footer, under
`huggingface` (https://huggingface.co/docs/datasets/about_dataset_features). Others write such files with pandas, without the footer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import Task
from labelbeam.transforms.formats.drawn import JsonError, decode_json
from labelbeam.transforms.formats.huggingface.format import HuggingFaceOptions
from labelbeam.transforms.formats.huggingface.names import names_of
from labelbeam.transforms.formats.huggingface.objects import BOXES, FIELDS
from labelbeam.transforms.stores.paths import safe_relative
from labelbeam.transforms.stores.shards.rows import Column, image_columns, is_text

OBJECTS = ("objects", "annotations")
_LABELS = ("class", "class_name", "category", "target", "cls", "class_id", "tag", "tags")


class Columns(NamedTuple):
    """Columns that are read of a file.

    `folder` is the directory of its images, "" for a sole column of them; `others` are columns of images that are not read. For
    classification `label` is the column of labels, if there is one; else `objects` are those of objects: one, or lists side by side.
    """

    image: Column
    folder: str
    others: tuple[str, ...]
    label: str | None
    objects: tuple[str, ...]
    size: tuple[str, ...]

    @property
    def named(self) -> str:
        """The column whose class labels have names."""
        if self.label is not None or len(self.objects) < 2:
            return self.label or "".join(self.objects)
        return next(column for column in self.objects if column not in BOXES)

    @property
    def fields(self) -> list[str]:
        """All that is read."""
        labels = [self.label] if self.label is not None else self.objects
        return [*self.image.fields, *labels, *self.size]


def columns_of(schema: pa.Schema, task: Task, options: HuggingFaceOptions, shown: str) -> Columns:
    """The columns of a file that a build for `task` reads; `shown` is the file in messages.

    Raises:
        UsageError: there are no images or labels, or several columns of either that nothing decides between.
    """
    found = image_columns(schema)
    image = _image(found, options.huggingface_image, shown)
    others = tuple(column.name for column in found if column != image)
    if others and safe_relative(image.name) != image.name:
        raise UsageError(f"{shown}: the column {image.name!r} is called so that no directory could be; rename it")
    names = [name for name in schema.names if name != image.name and name not in others]
    objects = _objects(names)
    label: str | None = None
    if task.startswith("image_classification"):
        label = _label(names, schema, task, options.huggingface_label, shown)
        if label is None and not objects:
            raise UsageError(
                f"{shown}: no column of labels among {', '.join(names) or 'its columns'}; say with --huggingface-label which one it is"
            )
    elif not objects:
        raise UsageError(
            f"{shown}: has no objects for {task}, found the columns {', '.join(names) or 'of images alone'}; expected objects, with bbox and "
            "category, or columns of these names"
        )
    size = tuple(name for name in ("width", "height") if name in names)
    return Columns(
        image,
        image.name if others else "",
        others,
        label,
        () if label is not None else objects,
        size if len(size) == 2 else (),
    )


def _image(found: Sequence[Column], chosen: str | None, shown: str) -> Column:
    names = [column.name for column in found]
    if chosen is not None:
        if chosen not in names:
            raise UsageError(
                f"--huggingface-image: {shown} has no column of images {chosen!r}; expected one of {', '.join(names)}"
            )
        return found[names.index(chosen)]
    if len(found) > 1:
        raise UsageError(
            f"{shown}: several columns hold images ({', '.join(names)}); say with --huggingface-image which one is read"
        )
    if not found:
        raise UsageError(
            f"{shown}: no column holds images; expected a struct of bytes and path, as datasets writes them, or bytes in a column "
            "called image"
        )
    return found[0]


def _objects(names: Sequence[str]) -> tuple[str, ...]:
    """The column of objects, or those of boxes and what belongs to them."""
    one = next((name for name in OBJECTS if name in names), None)
    if one is not None:
        return (one,)
    boxes = next((name for name in BOXES if name in names), None)
    beside = [name for name in FIELDS if name in names and name not in BOXES]
    return (boxes, *beside) if boxes is not None and beside else ()


def _label(names: Sequence[str], schema: pa.Schema, task: Task, chosen: str | None, shown: str) -> str | None:
    if chosen is not None:
        if chosen not in names:
            raise UsageError(
                f"--huggingface-label: {shown} has no column {chosen!r}; expected one of {', '.join(names)}"
            )
        return chosen
    usual = ("labels", "label") if task.endswith("multilabel") else ("label", "labels")
    plain = next((name for name in usual if name in names), None)
    if plain is not None:
        return plain
    features = features_of(schema)
    classes = [name for name in names if _is_class(features.get(name))]
    if len(classes) > 1:
        raise UsageError(
            f"{shown}: several columns hold labels ({', '.join(classes)}); say with --huggingface-label which one is read"
        )
    of_class = [name for name in _LABELS if name in names and not _is_list_of_boxes(names, schema, name)]
    return next(iter(classes or of_class), None)


def _is_list_of_boxes(names: Iterable[str], schema: pa.Schema, name: str) -> bool:
    """Tell whether a column stands beside one of boxes, so that its labels are theirs."""
    kind = schema.field(schema.names.index(name)).type
    beside = any(box in names for box in BOXES)
    return beside and (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and not is_text(kind)


def _is_class(feature: Any) -> bool:
    if isinstance(feature, list) and len(feature) == 1:
        feature = feature[0]
    while isinstance(feature, dict) and isinstance(feature.get("feature"), dict):
        feature = feature["feature"]
    return isinstance(feature, dict) and feature.get("_type") == "ClassLabel"


def features_of(schema: pa.Schema) -> Mapping[str, Any]:
    """The features of columns as the footer gives them; none where it gives none."""
    try:
        content = decode_json((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = content["info"]["features"]
    except (JsonError, KeyError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def names_in_footer(schema: pa.Schema, column: str) -> list[dict[int, str]]:
    """The lists of names that the footer gives for the class labels of a column."""
    features = features_of(schema)
    return names_of({column: features[column]}, column) if column in features else []
