"""Tasks of Label Studio, read into the neutral form.

The fields of results are those of its own pages on the tags (RectangleLabels, PolygonLabels, EllipseLabels, BrushLabels, KeyPointLabels,
Choices, Taxonomy): numbers are percent of the image's width and height, and a rectangle is turned clockwise, in degrees, about its top-left corner,
in pixels. Results of one id are one region: its shape, its labels, and what else was said of it.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.transforms.formats.beside import tell_beside, tell_labels
from labelbeam.transforms.formats.drawn import (
    LARGEST_RADIUS,
    Drawn,
    DrawnError,
    Part,
    add_label,
    add_parts,
    box_around,
    corners_of,
    declare_size,
    ellipse,
    extent,
    label_of,
    number,
)
from labelbeam.transforms.formats.labels import likely_label
from labelbeam.transforms.formats.labelstudio.brush import decode_brush
from labelbeam.transforms.formats.labelstudio.format import LabelStudioOptions
from labelbeam.transforms.formats.labelstudio.names import image_field, other_name, path_in
from labelbeam.transforms.formats.labelstudio.tasks import StudioTask, choose
from labelbeam.transforms.formats.named_images import ImageFinder, image_named, reject_image, reject_object
from labelbeam.transforms.geometry.rle import runs_of_mask
from labelbeam.transforms.geometry.trace import trace
from labelbeam.transforms.messages.words import counted

OVERSHOOT = 50.0
"""How far percent may lie outside of the image; what lies farther is none."""

_LARGEST_SIDE = 2**31
_READ_ANGLE = frozenset({"rotation"})


class StudioImages(NamedTuple):
    """Images that were read, and what was counted: see `units` for what is said of each."""

    images: list[SourceImage]
    counts: Counter[str]
    others: tuple[str, ...] = ()
    """Controls that may hold the labels of a classification beside the one that was taken, which is the first."""


class _Region(NamedTuple):
    """Results of one id: the result that has a shape, None where none has, and the labels of all."""

    locator: str
    shape: dict[str, Any] | None
    labels: list[Any]


def read_studio(
    tasks: Sequence[StudioTask],
    given: LabelStudioOptions,
    images: ImageFinder,
    *,
    path: str,
    source: str,
    task: str,
    split: str | None,
) -> StudioImages:
    """Read the tasks of the file at `path`; `split` is that of the file."""
    read: list[SourceImage] = []
    counts: Counter[str] = Counter()
    chosen = [choose(each, given.labelstudio_annotations, given.labelstudio_annotator) for each in tasks]
    results = [[item for said in each.annotations for item in _items(said.results)] for each in chosen]
    control, others = given.labelstudio_control, tuple[str, ...]()
    if "classification" in task and control is None:
        control, others = _control(results)
    for each, choice, items in zip(tasks, chosen, results, strict=True):
        image = _image_of(each, items, images, path, source)
        image.split = split or image.split
        read.append(image)
        if not choice.annotations and not image.rejected:
            image.left_out = Skipped.NOT_ANNOTATED
            counts["unannotated"] += 1
            counts["predicted"] += bool(each.predictions)
            continue
        counts["several"] += choice.several
        counts["models"] += choice.predicted
        for said in choice.annotations:
            if not isinstance(said.results, list | None):
                reject_image(image, Rejected.INVALID_RECORD, f"result is {said.results!r:.60}, expected a list")
        regions = list(_regions(items, given.labelstudio_control))
        _declare(image, items)
        if "classification" in task:
            _add_labels(image, items, regions, control, counts)
        else:
            _add_objects(image, items, regions, counts, "segmentation" in task)
    shown = (control or "", *others) if others else ()
    return StudioImages(read, counts, shown)


def _items(results: Any) -> list[Any]:
    return results if isinstance(results, list) else []


def _value(item: Any) -> dict[str, Any]:
    value = item.get("value") if isinstance(item, dict) else None
    return value if isinstance(value, dict) else {}


def _image_of(task: StudioTask, items: list[Any], images: ImageFinder, path: str, source: str) -> SourceImage:
    locator = f"{path} {task.locator}"
    to_names = frozenset(
        item["to_name"] for item in items if isinstance(item, dict) and isinstance(item.get("to_name"), str)
    )
    field = image_field(task.data, to_names)
    if task.bad or not isinstance(field, str):
        image = SourceImage(path, source, locator)
        several = (
            f"data names several images ({', '.join(field[:5])}), and nothing says which was annotated" if field else ""
        )
        reject_image(image, Rejected.INVALID_RECORD, task.bad or several or "data names no image")
        return image
    name = path_in(field)
    base = path.rpartition("/")[0]
    found = images.find(name, base)
    other = other_name(name)
    if other is not None and found.path is None and not found.candidates:
        called = images.find(other, base)
        if called.path is not None or called.candidates:
            image = image_named(other, images, path, source, locator)
            image.adjusted = [Adjusted.IMAGE_BY_OTHER_NAME] * (called.path is not None)
            image.named = name  # Two uploads of one name may be two pictures.
            return image
    on_the_web = field.startswith(("http://", "https://")) and found.path is None and not found.candidates
    return image_named(field if on_the_web else name, images, path, source, locator)


def _declare(image: SourceImage, items: list[Any]) -> None:
    """Give the image the size that its first region was drawn on."""
    for item in items:
        sides = [item.get(key) if isinstance(item, dict) else None for key in ("original_width", "original_height")]
        if None not in sides:
            declare_size(image, *sides)
            return


def _regions(items: list[Any], control: str | None) -> Iterator[_Region]:
    """Regions by the ids of results, in order; labels are those of one control where it is given."""
    groups: dict[Any, list[tuple[int, Any]]] = {}
    for place, item in enumerate(items):
        known = item.get("id") if isinstance(item, dict) else None
        groups.setdefault(known if isinstance(known, str) and known else place, []).append((place, item))
    for members in groups.values():
        locator = f"result[{members[0][0]}]"
        if not isinstance(members[0][1], dict):
            yield _Region(locator, None, [])
            continue
        shaped = [item for _, item in members if _kind(_value(item)) is not None]
        if not shaped and not any(_names_of(_value(item)) for _, item in members):
            continue  # What was said of the image: choices, texts, ratings; and relations of regions.
        labels: list[Any] = []
        for wanted in (_names_of, _choices_of):
            for _, item in members:
                if control is None or (isinstance(item, dict) and item.get("from_name") == control):
                    labels += [label for label in wanted(_value(item)) if label not in labels]
            if labels:
                break
        yield _Region(locator, shaped[0] if shaped else members[0][1], labels)


def _kind(value: dict[str, Any]) -> str | None:
    """The kind of shape that a value is, None where it is none that is known."""
    if "rle" in value:
        return "brush"
    if "radiusX" in value and "radiusY" in value:
        return "ellipse"
    if "points" in value:
        return "polygon"
    if "vertices" in value:
        return "vector"
    if "x" in value and "y" in value:
        return "rectangle" if "width" in value and "height" in value else "keypoint"
    return None


def _names_of(value: dict[str, Any]) -> list[Any]:
    """Labels of a region: `rectanglelabels`, `polygonlabels`, `labels` and the like."""
    found = [each for key, each in value.items() if key.lower().endswith("labels")]
    return [label for each in found for label in (each if isinstance(each, list) else [each])]


def _choices_of(value: dict[str, Any]) -> list[Any]:
    """Choices, and paths of a taxonomy with `/` between their names."""
    choices, paths = value.get("choices"), value.get("taxonomy")
    found = list(choices) if isinstance(choices, list) else [] if choices is None else [choices]
    for path in paths if isinstance(paths, list) else []:
        names = path if isinstance(path, list) else [path]
        found.append("/".join(names) if names and all(isinstance(name, str) for name in names) else path)
    return found


def _control(results: Sequence[Sequence[Any]]) -> tuple[str | None, tuple[str, ...]]:
    """The control whose choices for whole images are labels, and the others that have some, the most frequent first."""
    counts: Counter[str] = Counter()
    for items in results:
        said = (item.get("from_name") for item in items if _choices_of(_value(item)) and _kind(_value(item)) is None)
        counts.update({name for name in said if isinstance(name, str)})
    return likely_label(sorted(counts, key=lambda name: (-counts[name], name)))


def _add_labels(
    image: SourceImage, items: list[Any], regions: Sequence[_Region], control: str | None, counts: Counter[str]
) -> None:
    """Labels by choices for the image, else by its regions; each counts once."""
    found: dict[str, SourceObject] = {}
    of_image = [
        (f"result[{place}]", label)
        for place, item in enumerate(items)
        if _kind(_value(item)) is None and (control is None or item.get("from_name") == control)
        for label in _choices_of(_value(item))
    ]
    of_regions = [(region.locator, label) for region in regions for label in region.labels]
    counts["twofold"] += bool(of_image) and bool(of_regions)
    for locator, label in of_image or of_regions:
        add_label(image, label, locator, found)
    image.objects = list(found.values())


def _add_objects(
    image: SourceImage, items: list[Any], regions: Sequence[_Region], counts: Counter[str], outlined: bool
) -> None:
    """Objects by regions; choices for the image tell whether it is one of which nothing was drawn."""
    parts: list[Part] = []
    for region in regions:
        counts["boxes"] += 1
        try:
            if region.shape is None:
                raise DrawnError(Rejected.INVALID_RECORD, "the result is no object")
            drawn = _drawn(region.shape)
            if len(region.labels) != 1:
                counts["unlabelled"] += not region.labels
                raise DrawnError(
                    Rejected.INVALID_LABEL, f"the region has {counted(len(region.labels), 'label')}, expected one"
                )
            label = label_of(region.labels[0], image)
            if label is None:
                raise DrawnError(Rejected.INVALID_LABEL, f"the label is {region.labels[0]!r:.60}, expected a text")
            if drawn.traced and _size_of(region.shape) != (image.width, image.height):
                message = (
                    f"the mask is not of the image's size, which is {image.width}×{image.height} by its first region"
                )
                raise DrawnError(Rejected.RLE_SIZE_MISMATCH, message)
            if min(drawn.box) < -OVERSHOOT or max(drawn.box) > 100 + OVERSHOOT:
                counts["far"] += 1
                raise DrawnError(Rejected.INVALID_BBOX, "a side is no percent of the image's width or height")
        except DrawnError as error:
            reject_object(image, error.code, error.message, region.locator, _raw(region.shape))
            continue
        tell_beside(image, _value(region.shape), upright=not (drawn.rings or drawn.turned), read=_READ_ANGLE)
        parts.append(Part(region.locator, label, region.locator, drawn))
    without, _ = add_parts(image, parts)
    tell_labels(image, (label for item in items if _kind(_value(item)) is None for label in _choices_of(_value(item))))
    counts["without_outline"] += without if outlined else 0


def _drawn(item: dict[str, Any]) -> Drawn:
    """The box and the outline of a result, in percent."""
    value = _value(item)
    kind = _kind(value)
    if kind is None:
        raise DrawnError(Rejected.INVALID_RECORD, f"{item.get('type')!r:.60} is no shape that is read")
    if kind in ("keypoint", "vector"):
        raise DrawnError(Rejected.MISSING_BBOX, f"a {kind} has no area")
    if item.get("image_rotation") not in (None, 0):
        message = f"it was drawn on the image turned by {item['image_rotation']!r:.20} degrees; turn the image itself, and draw it anew"
        raise DrawnError(Rejected.INVALID_BBOX, message)
    if kind == "brush":
        return _of_brush(item, value)
    if kind == "polygon":
        corners = corners_of(value["points"])
        if corners is None or len(corners) < 3:
            raise DrawnError(Rejected.INVALID_POLYGON, "points are no three pairs of finite numbers")
        return Drawn(extent([corners]), [corners])
    names = ("x", "y", "width", "height") if kind == "rectangle" else ("x", "y", "radiusX", "radiusY")
    code = Rejected.INVALID_BBOX if kind == "rectangle" else Rejected.INVALID_POLYGON
    sides = [number(value.get(name)) for name in names]
    turn = number(value.get("rotation") or 0)
    if turn is None or any(side is None or abs(side) > LARGEST_RADIUS for side in sides):
        raise DrawnError(code, f"{', '.join(names)} are no four finite numbers, or rotation is none")
    x, y, third, fourth = (side for side in sides if side is not None)
    if kind == "rectangle" and turn % 360 == 0:
        return Drawn((x, y, x + third, y + fourth), [])
    # Angles are those of pixels.
    size = _size_of(item)
    if size is None and turn % 360 != 0:
        raise DrawnError(code, "it is turned, and original_width and original_height do not say of which image")
    across, down = (side / 100 for side in size or (1000, 1000))
    if kind == "rectangle":
        box = (x * across, y * down, (x + third) * across, (y + fourth) * down)
        left, top, right, bottom = box_around(box, turn, (box[0], box[1]))
        return Drawn((left / across, top / down, right / across, bottom / down), [], turned=True)
    if max(abs(third) * across, abs(fourth) * down) >= LARGEST_RADIUS:
        raise DrawnError(code, f"the radius is {max(third, fourth):g} percent")
    (left, top, right, bottom), ring = ellipse(
        (x * across, y * down), (third * across, fourth * down), math.radians(turn)
    )
    return Drawn((left / across, top / down, right / across, bottom / down), [ring / (across, down)])


def _size_of(item: dict[str, Any]) -> tuple[int, int] | None:
    sides = [number(item.get(key)) for key in ("original_width", "original_height")]
    whole = [int(side) for side in sides if side is not None and side == int(side) and 0 < side < _LARGEST_SIDE]
    return (whole[0], whole[1]) if len(whole) == 2 else None


def _of_brush(item: dict[str, Any], value: dict[str, Any]) -> Drawn:
    size = _size_of(item)
    if size is None:
        raise DrawnError(
            Rejected.RLE_SIZE_MISMATCH, "original_width and original_height do not say how large the mask is"
        )
    width, height = size
    mask = decode_brush(value["rle"], width, height)
    rings = trace(runs_of_mask(mask), height, width)
    left, top, right, bottom = extent(rings)
    box = (100 * left / width, 100 * top / height, 100 * right / width, 100 * bottom / height)
    return Drawn(box, rings, traced=True)  # What is traced stays in pixels, whatever its source's unit.


def _raw(item: Any) -> str:
    """An excerpt of a result, without its mask."""
    if isinstance(item, dict):
        item = {**item, "value": {key: each for key, each in _value(item).items() if key != "rle"}}
    return json.dumps(item, ensure_ascii=True, default=str)[:500]
