"""The options of a build: one definition for the YAML config, the command line and the documentation.

A field's name with `-` for `_` is the flag; its `Meta.description` is the help. `resolve` fills in what depends on other
options and refuses combinations that cannot work.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import Task

Format: TypeAlias = Literal["auto", "coco", "voc", "folder"]
CheckImages: TypeAlias = Literal["none", "exists", "header", "decode"]
Text: TypeAlias = Annotated[str, Meta(min_length=1)]
SPLITS = ("train", "validation", "test")
SPLIT_ALIASES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


class ConvertConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What `labelbeam convert` builds, from what, and where it goes."""

    task: Annotated[Task, Meta(description="what the model will be trained for")]
    source: Annotated[
        Annotated[list[Text], Meta(min_length=1)],
        Meta(
            description="fsspec URL of the raw dataset; may be repeated, and may be a glob. "
            "coco: the JSON file(s); voc and folder: the root directory"
        ),
    ]
    output: Annotated[Text, Meta(description="fsspec URL of the directory where builds are published")]
    format: Annotated[Format, Meta(description="the raw format; auto recognises it and says why")] = "auto"
    images: Annotated[
        Text | None,
        Meta(
            description="fsspec URL of the directory that the images' names are relative to "
            "(default: beside the source, by the format's convention)"
        ),
    ] = None
    image_url: Annotated[
        Text | None,
        Meta(
            description="what image_url starts with, before the image's path below --images (default: the images' own URL)"
        ),
    ] = None
    check_images: Annotated[
        CheckImages | None,
        Meta(
            description="how far images are looked at; exists: are they there; header: size and format; decode: every "
            "pixel (default: none where the annotations give width and height, header where they do not)"
        ),
    ] = None
    split: Annotated[
        str | dict[str, float] | None,
        Meta(
            description="shares by hash of the image's path, such as train=0.8,validation=0.2 "
            "(default: the source's own splits, else all train)"
        ),
    ] = None
    shards: Annotated[
        Annotated[int, Meta(ge=1, le=99_999)] | Literal["auto"],
        Meta(description="files a split: a number, or auto (by size)"),
    ] = "auto"
    out_of_bounds: Annotated[
        Literal["clip", "reject"], Meta(description="what becomes of an object that leaves its image")
    ] = "clip"
    background: Annotated[
        Literal["keep", "drop"] | None,
        Meta(
            description="what becomes of images without any annotation "
            "(default: keep for detection and segmentation, drop for classification)"
        ),
    ] = None
    max_rejected: Annotated[
        float,
        Meta(ge=0, le=1, description="a fraction of the images found; if more are rejected, nothing is published"),
    ] = 0.05
    max_change: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(
            description="a fraction; if counts or shares of labels differ more from the latest build, or a label, a split "
            "or half of the images vanished, nothing is published"
        ),
    ] = None
    accept_change: Annotated[
        bool, Meta(description="publish what --max-change would refuse, with a warning for each change")
    ] = False
    copy_images: Annotated[Text | None, Meta(description="fsspec URL of a directory to copy the images to as well")] = (
        None
    )
    if_changed: Annotated[
        bool, Meta(description="publish nothing when inputs, config and version are those of the latest build")
    ] = False
    storage_options: Annotated[
        str | dict[str, Any] | None,
        Meta(description='fsspec options by protocol, as JSON or @file, such as {"s3": {"anon": true}}'),
    ] = None
    shared_paths: Annotated[
        bool,
        Meta(
            description="local paths lie on a disk that every worker of a distributed runner has under the same path; "
            "else such a runner refuses them"
        ),
    ] = False
    json: Annotated[
        bool, Meta(description="print the summary as one JSON object on stdout, and nothing else there")
    ] = False
    voc_origin: Annotated[
        Literal[0, 1],
        Meta(
            description="voc: the index of the first pixel; 1: as the original data has it (inclusive, 1-based); "
            "0: as labelImg and similar tools write it"
        ),
    ] = 1
    difficult_as_crowd: Annotated[
        bool, Meta(description="voc: write objects marked difficult with isCrowd 1, which metrics leave out")
    ] = False
    coco_boxes: Annotated[
        Literal["detect", "pixels", "relative"],
        Meta(
            description="coco: whether coordinates are pixels or fractions of the image; detect decides once a file, "
            "by all of its boxes"
        ),
    ] = "detect"
    class_level: Annotated[
        Literal["top", "parent"],
        Meta(description="folder: which directory names the class of a deeply nested image"),
    ] = "top"
    label_separator: Annotated[
        Text | None,
        Meta(
            description="folder: what stands between the labels of a cell in labels.csv (default: by the file's content)"
        ),
    ] = None
    max_polygon_points: Annotated[
        Annotated[int, Meta(ge=4)] | None,
        Meta(description="simplify polygons to at most so many corners an object (default: exact)"),
    ] = None
    dimensions: Annotated[
        Literal["integer", "px"], Meta(description='width and height in image_details: 640, or "640px"')
    ] = "integer"


RUN_ONLY = frozenset(
    {
        "output",
        "if_changed",
        "json",
        "storage_options",
        "shared_paths",
        "max_rejected",
        "max_change",
        "accept_change",
    }
)
"""Options that do not change the bytes of a build's records; the rest belong to its identity."""


def parse_split(value: str | dict[str, float] | None) -> dict[str, float] | None:
    """Read `train=0.8,validation=0.2` (or the same as a mapping) into shares by split, in the given order.

    >>> parse_split("train=0.8,val=0.2")
    {'train': 0.8, 'validation': 0.2}

    Raises:
        UsageError: a share is no number in (0, 1], a split is unknown or named twice, or the sum is not 1.
    """
    if value is None:
        return None
    pairs = value.items() if isinstance(value, dict) else [part.partition("=")[::2] for part in value.split(",")]
    shares: dict[str, float] = {}
    for name, share in pairs:
        split = SPLIT_ALIASES.get(str(name).strip().lower())
        if split is None:
            raise UsageError(
                f"--split: found {name!r}, expected one of {', '.join(SPLITS)}, as in train=0.8,validation=0.2"
            )
        if split in shares:
            raise UsageError(f"--split: {split} is given twice in {value!r}")
        try:
            shares[split] = float(share)
        except ValueError:
            raise UsageError(f"--split: the share of {split} is {share!r}, expected a number such as 0.8") from None
        if not 0 < shares[split] <= 1:
            raise UsageError(f"--split: the share of {split} is {share}, expected a number above 0 and at most 1")
    if abs(sum(shares.values()) - 1) > 1e-9:
        raise UsageError(f"--split: the shares in {value!r} add up to {sum(shares.values()):g}, expected 1")
    return shares


def usual_task(format_name: str) -> Task:
    """The task that a raw format is most often built for, where a person has not said which."""
    return "image_classification" if format_name == "folder" else "image_object_detection"


def background_policy(config: ConvertConfig) -> Literal["keep", "drop"]:
    """What becomes of images without annotations; classification has no way to write them."""
    if config.background is not None:
        return config.background
    return "drop" if config.task.startswith("image_classification") else "keep"
