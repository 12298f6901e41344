"""The images of a file of VIA, read into the neutral form."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from labelbeam.schemas.neutral import Box, Ring, SourceImage, SourceObject
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.beside import tell_beside
from labelbeam.transforms.formats.drawn import LARGEST_RADIUS, ellipse, extent, label_of, number
from labelbeam.transforms.formats.labels import likely_label
from labelbeam.transforms.formats.named_images import ImageFinder, image_named, reject_image, reject_object
from labelbeam.transforms.formats.paths import join, parts_of
from labelbeam.transforms.formats.via.content import ViaContent, ViaFile

_EXAMPLES = frozenset({"caption", "public_domain", "image_url", "image_quality"})
"""Attributes of files that VIA makes for every new project."""

_FAR = 1e9
"""Pixels beyond which a rectangle is none of an image."""

WITHOUT_AREA = frozenset({"point", "polyline"})


class Attribute(NamedTuple):
    """The attribute that holds labels: of files or of regions, None where there is none. `others` may hold them as well."""

    name: str | None
    of_files: bool = False
    others: tuple[str, ...] = ()


class ViaImages(NamedTuple):
    """Images that were read, how many objects have no outline, and how many no label."""

    images: list[SourceImage]
    boxes: int
    unlabelled: int


def find_attribute(content: ViaContent, given: str | None, task: str) -> Attribute:
    """The attribute that labels are taken from, by all that have a value; those of files only for classification."""
    of_regions = _with_values(each for file in content.files for _, _, each in file.regions)
    if "classification" in task:
        of_files = _with_values(file.attributes for file in content.files)
        chosen = [name for name in of_files if name not in _EXAMPLES] if given is None else []
        if given is not None and given in of_files and given not in of_regions:
            return Attribute(given, True)
        if chosen:
            name, others = likely_label(chosen)
            return Attribute(name, True, (*others, *of_regions))
    if given is not None:
        return Attribute(given)
    name, others = likely_label(of_regions)
    return Attribute(name, others=others)


def _with_values(attributes: Iterable[Any]) -> list[str]:
    """Attributes that have a value somewhere, the most frequent first."""
    counts: Counter[str] = Counter()
    for each in attributes:
        if isinstance(each, dict):
            counts.update(name for name, value in each.items() if value not in ("", None, {}))
    return sorted(counts, key=lambda name: (-counts[name], name))


def read_via(
    content: ViaContent,
    attribute: Attribute,
    images: ImageFinder,
    *,
    path: str,
    source: str,
    task: str,
    split: str | None,
    label: str | None = None,
) -> ViaImages:
    """Read the images of the file at `path`. `label` is that of regions without any attribute; `split` that of the file."""
    read: list[SourceImage] = []
    boxes = unlabelled = 0
    sizes: defaultdict[Any, set[int]] = defaultdict(set)
    for file in content.files:
        if isinstance(file.name, str) and file.size:
            sizes[file.name.strip()].add(file.size)
    for file in content.files:
        image = _image_of(file, content.folder, images, path, source)
        if file.size and isinstance(file.name, str) and len(sizes[file.name.strip()]) > 1:
            image.named = f"{file.name.strip()} of {file.size} bytes"  # VIA tells two images of one name apart so.
        image.split = split or image.split
        read.append(image)
        if "classification" in task:
            _add_labels(image, file, attribute, label)
            continue
        for locator, shape, attributes in file.regions:
            names, problem = _labels(attributes, attribute.name, label)
            if problem or len(names) > 1:
                unlabelled += not names
                problem = problem or f"{len(names)} options of {attribute.name!r} are chosen, expected one"
                reject_object(image, Rejected.INVALID_LABEL, problem, locator, _raw(attributes))
                continue
            name = label_of(names[0], image)
            drawn = _drawn(shape)
            if name is None or isinstance(drawn[0], Rejected):
                code, message = (
                    drawn if isinstance(drawn[0], Rejected) else (Rejected.INVALID_LABEL, f"{names[0]!r:.60}")
                )
                reject_object(image, code, message, locator, _raw(shape))
                continue
            box, rings = drawn
            boxes += rings is None
            beside = attributes if isinstance(attributes, dict) else {}
            tell_beside(image, {**beside, **shape}, upright=rings is None, read=frozenset({attribute.name or ""}))
            image.objects.append(SourceObject(name, locator, box, rings))
    return ViaImages(read, boxes, unlabelled)


def _image_of(file: ViaFile, folder: str, images: ImageFinder, path: str, source: str) -> SourceImage:
    locator = f"{path} {file.locator}"
    if not isinstance(file.name, str) or not file.name.strip():
        image = SourceImage(path, source, locator)
        reject_image(image, Rejected.INVALID_RECORD, f"filename is {file.name!r:.60}, expected a text")
        return image
    name = file.name.strip()
    if folder and "://" not in name and "://" not in folder and not name.replace("\\", "/").startswith("/"):
        below = join(*parts_of(folder), name)
        name = below if images.find(below, path.rpartition("/")[0]).path is not None else name
    image = image_named(name, images, path, source, locator)
    if file.bad:
        reject_image(image, Rejected.INVALID_RECORD, file.bad)
    return image


def _labels(attributes: Any, name: str | None, label: str | None) -> tuple[list[Any], str]:
    """The values of an attribute that are chosen, or why there is none."""
    value = attributes.get(name) if isinstance(attributes, dict) and name is not None else None
    if isinstance(value, dict):
        values = [option for option, chosen in value.items() if chosen not in (False, None, "", "false", 0)]
    else:
        values = [] if value is None or (isinstance(value, str) and not value.strip()) else [value]
    if not values and label is not None:
        values = [label]
    return values, "" if values else f"the region has no value of {name!r}" if name else "the region has no attribute"


def _add_labels(image: SourceImage, file: ViaFile, attribute: Attribute, label: str | None) -> None:
    """Labels of a classification; each counts once."""
    found: dict[str, SourceObject] = {}
    places = [("file_attributes", file.attributes)] if attribute.of_files else []
    places += [] if attribute.of_files else [(locator, attributes) for locator, _, attributes in file.regions]
    for locator, attributes in places:
        names, problem = _labels(attributes, attribute.name, None if attribute.of_files else label)
        if problem and not attribute.of_files:
            reject_object(image, Rejected.INVALID_LABEL, problem, locator, _raw(attributes))
        for value in names:
            name = label_of(value, image)
            if name is None:
                reject_object(image, Rejected.INVALID_LABEL, f"the label is {value!r:.60}", locator, _raw(attributes))
            else:
                found.setdefault(name, SourceObject(name, locator))
    image.objects = list(found.values())


_Drawn = tuple[Box, list[Ring] | None] | tuple[Rejected, str]


def _drawn(shape: Any) -> _Drawn:
    """The box and the outline of a shape, or why it has none."""
    if not isinstance(shape, dict):
        return Rejected.INVALID_RECORD, f"the shape is {shape!r:.60}, expected an object"
    kind = shape.get("name")
    if not isinstance(kind, str):
        return Rejected.INVALID_RECORD, f"the shape is {kind!r:.60}, which is not known"
    if kind in WITHOUT_AREA:
        return Rejected.MISSING_BBOX, f"a {kind} has no area"
    if kind == "rect":
        x, y, width, height = (number(shape.get(key)) for key in ("x", "y", "width", "height"))
        if (
            x is None
            or y is None
            or width is None
            or height is None
            or abs(x) + abs(y) + abs(width) + abs(height) > _FAR
        ):
            return Rejected.INVALID_BBOX, "x, y, width and height are no four finite numbers"
        return (x, y, x + width, y + height), None
    if kind in ("circle", "ellipse"):
        return _round(shape)
    if kind == "polygon":
        columns, rows = (
            [number(side) for side in sides] if isinstance(sides := shape.get(key), list) else []
            for key in ("all_points_x", "all_points_y")
        )
        if len(columns) != len(rows) or len(columns) < 3 or None in columns or None in rows:
            return Rejected.INVALID_POLYGON, "all_points_x and all_points_y are no three corners of finite numbers"
        ring = np.array([columns, rows], np.float64).T.copy()
        ring = ring[:-1] if len(ring) > 3 and (ring[0] == ring[-1]).all() else ring
        return extent([ring]), [ring]
    return Rejected.INVALID_RECORD, f"the shape is {kind!r:.60}, which is not known"


def _round(shape: dict[str, Any]) -> _Drawn:
    keys = ("cx", "cy", "r", "r") if shape["name"] == "circle" else ("cx", "cy", "rx", "ry")
    x, y, across, down = (number(shape.get(key)) for key in keys)
    angle = number(shape.get("theta", 0))
    if x is None or y is None or across is None or down is None or angle is None:
        return Rejected.INVALID_POLYGON, f"{', '.join(dict.fromkeys(keys))} are no finite numbers"
    if not max(abs(across), abs(down)) < LARGEST_RADIUS:
        return Rejected.INVALID_POLYGON, f"the radius is {max(across, down):g}"
    box, ring = ellipse((x, y), (across, down), angle)
    return box, [ring]


def _raw(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, default=str)[:500]
