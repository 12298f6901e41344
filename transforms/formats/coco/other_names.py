"""Fields of COCO's records that stand under other names than COCO's, where what they are called leaves no doubt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.images.names import IMAGE_FORMATS, OTHER_IMAGE_FORMATS, extension

_IDS = ("imageid", "imgid")
_CATEGORY = ("categoryid", "catid", "classid", "labelid")

OF_IMAGES: Mapping[str, tuple[str, ...]] = {
    "id": _IDS,
    "file_name": (
        *("filename", "imagename", "imgname", "imagefilename", "imagefile"),
        *("filepath", "imagepath", "imgpath", "path", "image", "img", "file", "name"),
    ),
}
OF_ANNOTATIONS: Mapping[str, tuple[str, ...]] = {
    "image_id": (*_IDS, "image", "itemid", "photoid", "pictureid", "fileid"),
    "category_id": (*_CATEGORY, "categoryname", "classname", "labelname", "category", "class", "label"),
    "bbox": ("box", "boundingbox", "bndbox", "bboxxywh", "rect", "rectangle"),
    "segmentation": ("segmentations", "polygon", "polygons", "points", "mask", "rle"),
}
OF_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "id": _CATEGORY,
    "name": ("categoryname", "classname", "labelname", "label", "class", "category", "title"),
}
"""Other names of each field, the likeliest first, without joining marks and in lower case."""


def folded(key: str) -> str:
    """The name of a field without joining marks and letter case.

    >>> folded("boundingBox") == folded("bounding-box") == folded("BOUNDING_BOX")
    True
    """
    return key.replace("_", "").replace("-", "").replace(" ", "").lower()


def _may_be(field: str, value: Any) -> bool:
    """Tell whether a value can be one of the field that it seems to stand for."""
    if field == "file_name":
        return isinstance(value, str) and extension(value) in IMAGE_FORMATS | OTHER_IMAGE_FORMATS
    if field in ("id", "image_id", "category_id", "name"):
        return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
    return isinstance(value, list | dict | str) and bool(value)


def other_name(fields: Mapping[str, Any], field: str, others: Mapping[str, tuple[str, ...]]) -> str | None:
    """The name under which a record has a field that it lacks under COCO's name; None where it has none.

    >>> other_name({"fileName": "a.jpg", "id": 1}, "file_name", OF_IMAGES)
    'fileName'
    """
    if fields.get(field) not in (None, ""):
        return None
    names = {folded(key): key for key in fields if key != field}
    own = folded(field)
    for name in (own, *others.get(field, ())):
        key = names.get(name)
        if key is not None and _may_be(field, fields[key]):
            return key
    return None


def with_usual_names(
    fields: dict[str, Any], wanted: Iterable[str], others: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, Any], dict[str, str]]:
    """A record with COCO's names for those of its fields that have others, and these others by field."""
    renamed = {field: key for field in wanted if (key := other_name(fields, field, others)) is not None}
    return (fields | {field: fields[key] for field, key in renamed.items()} if renamed else fields), renamed


def may_hold(block: bytes, field: str) -> bool:
    """Tell whether a range of annotations seems to have a field under another name: where it does not, it has none for certain.

    >>> may_hold(b'{"Bounding_Box": [1, 2, 3, 4]}', "bbox"), may_hold(b'{"bbox": [1, 2, 3, 4]}', "bbox")
    (True, False)
    """
    return _pattern(field).search(block) is not None


@cache
def _pattern(field: str) -> re.Pattern[bytes]:
    names = "|".join("[-_ ]?".join(name) for name in OF_ANNOTATIONS[field])
    return re.compile(rf'"(?:{names})"\s*:'.encode(), re.IGNORECASE)


def doubts_of_names(shown: str, renamed: Mapping[tuple[str, str], int]) -> Iterator[Doubt]:
    """What a person should know of fields that were read by another name; `renamed` counts records by field and name."""
    if not renamed:
        return
    read = ", ".join(f"{name!r:.60} as {field} ({count:,})" for (field, name), count in sorted(renamed.items()))
    example = min(name for _, name in renamed)
    message = (
        f"{shown}: fields are called otherwise than COCO calls them, and were read by what they are called: {read}"
    )
    yield Doubt(Doubted.FIELDS_RENAMED, message, sum(renamed.values()), example[:60])
