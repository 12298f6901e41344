"""The options of a build: one definition for the YAML config, the command line and the documentation.

A field's name with `-` for `_` is the flag; its `Meta.description` is the help. Options of a single format stand in that
format's module.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import Task

CheckImages: TypeAlias = Literal["none", "exists", "header", "decode"]
FARTHEST = 10
"""The most bits of 64 in which images that look alike may differ; unrelated ones differ in about 32, and few in less than 20."""

LARGEST_SAMPLE = 100_000
"""Images of a sample by number: the hashes of so many are compared in one place. A fraction has no such limit."""
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


Options = TypeVar("Options", bound=msgspec.Struct)


class ConvertConfig(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Options of `labelbeam convert`: what is built, from what, and where it goes."""

    task: Annotated[Task, Meta(description="the task that the model is trained for")]
    source: Annotated[
        Annotated[list[Text], Meta(min_length=1)],
        Meta(description="fsspec URL of the raw dataset; may be repeated, and may be a glob"),
    ]
    output: Annotated[Text, Meta(description="fsspec URL of the directory where builds are published")]
    format: Annotated[Text, Meta(description="the raw format; auto recognises it and says why")] = "auto"
    images: Annotated[
        Text | None,
        Meta(
            description="fsspec URL of the directory that the images' names are relative to "
            "(default: beside the source, by the format's convention)"
        ),
    ] = None
    image_url: Annotated[
        Text | None,
        Meta(description="prefix of image_url, before the image's path below --images (default: the images' own URL)"),
    ] = None
    check_images: Annotated[
        CheckImages | None,
        Meta(
            description="how images are checked; exists: the file exists; header: size and format; decode: every "
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
    split_group: Annotated[
        Text | None,
        Meta(
            description="what --split keeps together in one split: folder, a column or COCO field such as "
            "patient_id, or a regular expression over the image's path (default: each image by itself)"
        ),
    ] = None
    stratify: Annotated[
        bool,
        Meta(description="stratify --split: its shares hold for the images of each label, as far as possible"),
    ] = False
    duplicates: Annotated[
        Literal["keep", "drop", "fail"] | None,
        Meta(
            description="compare the images byte by byte; keep: report identical ones; drop: write one of them; fail: publish nothing "
            "(default: not compared)"
        ),
    ] = None
    near_duplicates: Annotated[
        Annotated[int, Meta(ge=0, le=FARTHEST)] | None,
        Meta(
            description="with --duplicates: also compare perceptual hashes of 64 bits, of which at most this many may differ, such as 4; "
            "needs pip install 'labelbeam[near]' (default: only bytes are compared)"
        ),
    ] = None
    labels: Annotated[
        str | dict[str, Any] | None,
        Meta(
            description="new names of labels: a YAML or JSON file that renames, merges, keeps or drops them, or pairs such as "
            "kitten=cat,person= (default: unchanged)"
        ),
    ] = None
    sample: Annotated[
        Annotated[int, Meta(ge=1, le=LARGEST_SAMPLE)] | Annotated[float, Meta(gt=0, lt=1)] | None,
        Meta(description="build a subset of the images, drawn by hash: a number, or a fraction of them (default: all)"),
    ] = None
    shards: Annotated[
        Annotated[int, Meta(ge=1, le=99_999)] | Literal["auto"],
        Meta(description="number of files for each split, or auto (by size)"),
    ] = "auto"
    out_of_bounds: Annotated[
        Literal["clip", "reject"], Meta(description="what to do with an object that extends past its image")
    ] = "clip"
    background: Annotated[
        Literal["keep", "drop"] | None,
        Meta(
            description="what to do with images without any annotation "
            "(default: keep for detection and segmentation, drop for classification)"
        ),
    ] = None
    max_rejected: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="maximum fraction of the images that may be rejected; above it, nothing is published",
        ),
    ] = 0.05
    max_change: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(
            description="maximum change of counts and label shares from the latest build, as a fraction; above it, or if a label, a split "
            "or half of the images vanished, nothing is published"
        ),
    ] = None
    accept_change: Annotated[
        bool, Meta(description="publish what --max-change would refuse, with a warning for each change")
    ] = False
    strict: Annotated[
        bool, Meta(description="publish nothing if there is a doubt that --accept does not name; for schedules")
    ] = False
    accept: Annotated[
        list[Text], Meta(description="the code of a doubt to accept as it was decided; may be repeated")
    ] = []
    copy_images: Annotated[Text | None, Meta(description="fsspec URL of a directory to copy the images to")] = None
    transcode: Annotated[
        Literal["jpg", "png"] | None,
        Meta(
            description="with --copy-images: write the copies in this format, upright, also of WebP, AVIF, GIF, JPEG 2000 "
            "and, with pip install 'labelbeam[heif]', HEIC"
        ),
    ] = None
    max_side: Annotated[
        Annotated[int, Meta(ge=1, le=65_535)] | None,
        Meta(description="with --copy-images: downscale copies whose longer side has more pixels than this"),
    ] = None
    datastore: Annotated[
        Text | None,
        Meta(
            description="the datastore of the container of --copy-images, else of --images, as "
            "azureml://subscriptions/…/datastores/NAME: image_url begins with it (default: as in --image-url)"
        ),
    ] = None
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
            description="local paths are on a disk that every worker of a distributed runner mounts under the same path; "
            "otherwise such a runner refuses them"
        ),
    ] = False
    json: Annotated[
        bool, Meta(description="print the summary as one JSON object on stdout, and nothing else there")
    ] = False
    max_polygon_points: Annotated[
        Annotated[int, Meta(ge=4)] | None,
        Meta(description="simplify polygons to at most this many corners an object (default: exact)"),
    ] = None
    dimensions: Annotated[
        Literal["integer", "px"], Meta(description='width and height in image_details: 640, or "640px"')
    ] = "integer"
    of_formats: tuple[Any, ...] = ()
    """The options of single formats, each as its format's own struct; flat in a file, on the command line, in a manifest."""

    def of(self, options: type[Options]) -> Options:
        """The options of one format, by their type; its defaults where none are given."""
        return next((given for given in self.of_formats if isinstance(given, options)), options())

    def flat(self) -> dict[str, Any]:
        """All options that differ from their defaults, as plain values by name."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        values.pop("of_formats", None)
        for given in self.of_formats:
            values |= msgspec.to_builtins(given)
        return values


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
        "strict",
        "accept",
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
                f"--split: found {name!r}, expected NAME=SHARE of {', '.join(SPLITS)}, such as train=0.8,validation=0.2"
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


def background_policy(config: ConvertConfig) -> Literal["keep", "drop"]:
    """Policy for images without annotations; classification has no way to write them."""
    if config.background is not None:
        return config.background
    return "drop" if config.task.startswith("image_classification") else "keep"
