"""COCO results: `[{"image_id", "category_id", "bbox": [left, top, width, height], "score", "segmentation"}, …]`, in pixels.

What their ids mean, a COCO dataset says, or else the numbers under which `labelbeam evaluate` itself writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from labelbeam.transforms.evaluation.predictions.checks import PredictionsError
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import ANY, read_bounded

Id: TypeAlias = int | str

FARTHEST = 2.0**31
"""Pixels from the origin at which no box ends any more."""

_Pixels: TypeAlias = Annotated[float, Meta(ge=-FARTHEST, le=FARTHEST)]


class CocoResult(msgspec.Struct, gc=False):
    """An element of COCO results; box or segmentation may be missing. YOLO's tools give the name of the file as `file_name`, or without its
    extension as `image_id`.
    """

    image_id: Id
    category_id: Id
    score: float
    bbox: Annotated[list[_Pixels], Meta(min_length=4, max_length=4)] | None = None
    segmentation: Any = None
    file_name: str | None = None


class Labelled(NamedTuple):
    """A result, the label of its category, and where it stands."""

    place: str
    label: str
    result: CocoResult


@dataclass(slots=True)
class CocoObjects:
    """The results of one image, in the order of the file; `place` is that of the first."""

    place: str
    results: list[Labelled] = field(default_factory=list)


class CocoNames(NamedTuple):
    """Names that ids stand for: images' names and categories' labels; `source` says who says so."""

    images: dict[str, str]
    labels: dict[str, str]
    source: str


class _Image(msgspec.Struct):
    id: Id
    file_name: str


class _Category(msgspec.Struct):
    id: Id
    name: str


class _Dataset(msgspec.Struct):
    images: list[_Image]
    categories: list[_Category]


def read_names(location: Location) -> CocoNames:
    """The images and categories of a COCO dataset.

    Raises:
        StoreError: it cannot be read.
        PredictionsError: it is none, or an id stands for two.
    """
    try:
        dataset = msgspec.json.decode(read_bounded(location, ANY).removeprefix(b"\xef\xbb\xbf"), type=_Dataset)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PredictionsError(
            f"{location.shown}: {error}; expected a COCO dataset with images and categories, for --coco"
        ) from None
    names = CocoNames({}, {}, location.shown)
    for image in dataset.images:
        _add(names.images, image.id, image.file_name, "image", location.shown)
    for category in dataset.categories:
        _add(names.labels, category.id, category.name, "category", location.shown)
    return names


class _ByFile:
    """Images by the names of their files, without folders, and by these without their extension."""

    def __init__(self, names: CocoNames) -> None:
        self._found: dict[str, str | None] = {}
        for name in dict.fromkeys(names.images.values()):
            file = name.replace("\\", "/").rpartition("/")[2]
            for key in dict.fromkeys((name, file, file.rpartition(".")[0])):
                self._found[key] = None if key in self._found else name

    def name_of(self, result: CocoResult, known: str | None) -> str | None:
        """The one image that a result names by its file, or else `known`, that of its id. A number is an id, whatever files are called."""
        said = result.image_id if result.file_name is None and known is None else result.file_name
        found = self._found.get(said) if isinstance(said, str) else None
        return known if found is None else found


def _add(known: dict[str, str], identity: Id, name: str, what: str, shown: str) -> None:
    earlier = known.setdefault(str(identity), name)
    if earlier != name:
        raise PredictionsError(f"{shown}: {what} id {identity!r} stands for {earlier!r} and for {name!r}")


def own_names(urls: Sequence[str], labels: Sequence[str]) -> CocoNames:
    """The ids under which `labelbeam evaluate` writes images and labels: 1 and up, in their order."""
    return CocoNames(
        {str(number): url for number, url in enumerate(urls, 1)},
        {str(number): label for number, label in enumerate(labels, 1)},
        "the build, whose images and labels are numbered from 1 as --coco-truth writes them",
    )


def collect_results(
    items: Iterable[tuple[str, bytes | msgspec.Raw]], names: CocoNames, task: str
) -> dict[str, CocoObjects]:
    """The results of each image, by its name.

    Args:
        items: where each result stands, and its JSON.
        names: what the ids stand for.
        task: what the build is for.

    Raises:
        PredictionsError: the task has no boxes, a result cannot be read, or an id stands for nothing.
    """
    decoder = msgspec.json.Decoder(CocoResult)
    found: dict[str, CocoObjects] = {}
    by_file: _ByFile | None = None
    for place, raw in items:
        if task not in ("image_object_detection", "image_instance_segmentation"):
            raise PredictionsError(f"{place}: found COCO results, which hold boxes; the build is for {task}")
        try:
            result = decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise PredictionsError(f"{place}: {error}; expected an element of COCO results") from None
        name = names.images.get(str(result.image_id))
        if name is None or result.file_name is not None:
            by_file = by_file or _ByFile(names)
            name = by_file.name_of(result, name)
        label = names.labels.get(str(result.category_id))
        if name is None or label is None:
            what = f"image_id {result.image_id!r}" if name is None else f"category_id {result.category_id!r}"
            raise PredictionsError(
                f"{place}: found {what}, expected one of {names.source}; name the COCO dataset that the model was run on with "
                "--coco FILE"
            )
        objects = found.setdefault(name, CocoObjects(place))
        if objects.results and str(objects.results[0].result.image_id) != str(result.image_id):
            raise PredictionsError(
                f"{place}: found image_id {result.image_id!r}, which is {name!r:.300} as image_id "
                f"{objects.results[0].result.image_id!r} at {objects.place} is; expected one id an image"
            )
        objects.results.append(Labelled(place, label, result))
    return found
