"""Types of the keywords: the options of the commands, with `_` for `-`. Their meanings are those of the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

from labelbeam.pipelines.command_line.options import storage_options
from labelbeam.schemas.config import CheckImages
from labelbeam.schemas.requests import XaiAlgorithm
from labelbeam.schemas.score_config import Protocol
from labelbeam.schemas.tasks import Task

Url: TypeAlias = str | os.PathLike[str]
"""An fsspec URL, or a local path."""

Storage: TypeAlias = Mapping[str, Mapping[str, Any]] | str | None
"""fsspec options by protocol; or, as on the command line, JSON or @FILE."""


class InspectOptions(TypedDict, total=False):
    """Options of `inspect`."""

    task: Task
    source: Url | Sequence[Url]
    format: str
    images: Url
    image_url: str
    datastore: str
    check_images: CheckImages
    split: str | Mapping[str, float]
    split_group: str
    stratify: bool
    duplicates: Literal["keep", "drop", "fail"]
    near_duplicates: int
    labels: Url | Mapping[str, Any]
    sample: int | float
    shards: int | Literal["auto"]
    out_of_bounds: Literal["clip", "reject"]
    background: Literal["keep", "drop"]
    max_rejected: float
    strict: bool
    accept: Sequence[str]
    max_polygon_points: int
    dimensions: Literal["integer", "px"]
    coco_boxes: Literal["detect", "pixels", "relative", "percent"]
    coco_corners: bool
    voc_origin: Literal[0, 1]
    voc_boxes: Literal["detect", "pixels", "relative"]
    difficult_as_crowd: bool
    labelme_labels: Literal["detect", "flags", "shapes"]
    via_attribute: str | None
    via_label: str | None
    cvat_labels: Literal["detect", "tags", "shapes"]
    cvat_groups: Literal["unite", "apart"]
    labelstudio_annotations: Literal["detect", "first", "latest", "all", "predictions"]
    labelstudio_annotator: str | None
    labelstudio_control: str | None
    datumaro_groups: Literal["unite", "apart"]
    supervisely_corners: Literal["pixels", "edges"]
    supervisely_groups: Literal["unite", "apart"]
    supervisely_tag: str | None
    huggingface_image: str | None
    huggingface_label: str | None
    webdataset_image: str | None
    yolo_data: str
    yolo_boxes: Literal["detect", "pixels", "relative"]
    yolo_oriented: Literal["detect", "reject", "box", "polygon"]
    class_level: Literal["top", "parent"]
    split_folders: str
    split_column: str
    split_values: str
    label_pattern: str
    image_column: str
    label_columns: str
    min_confidence: float
    label_separator: str
    source_image_url: str
    transcode: Literal["jpg", "png"]
    max_side: int
    storage_options: Storage


class ConvertOptions(InspectOptions, total=False):
    """Options of `convert`: those of `inspect`, and what is published where."""

    output: Url
    copy_images: Url
    if_changed: bool
    max_change: float
    accept_change: bool
    shared_paths: bool


class ScoreOptions(TypedDict, total=False):
    """Options of `score` beside the source, the endpoint and the output."""

    task: Task
    split: Sequence[str]
    images: Url
    image_url: str
    protocol: Protocol
    batch: int
    batch_bytes: int
    concurrency: int
    timeout: float
    key_env: str
    key_file: Url
    auth: Literal["key", "entra"]
    auth_scope: str
    deployment: str
    header: Mapping[str, str]
    header_env: Mapping[str, str]
    explain: XaiAlgorithm
    explain_steps: int
    explain_threshold: float
    attributions: bool
    max_failed: float
    shared_paths: bool


class Gates(TypedDict, total=False):
    """The least that figures of `evaluate` may be."""

    min_map: float
    min_map_50: float
    min_mar: float
    min_accuracy: float
    min_f1: float
    min_average_precision: float


def builtin(value: Any) -> Any:
    """A value as the command line and YAML know it: paths as text, and plain mappings and lists."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {key: builtin(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [builtin(item) for item in value]
    return value


def storage_of(options: Storage) -> dict[str, dict[str, Any]]:
    """fsspec options by protocol.

    Raises:
        UsageError: they are no mapping of mappings.
    """
    return storage_options(builtin(options))
