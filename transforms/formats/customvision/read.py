"""The images of an answer of Custom Vision's training API, read into the neutral form.

The fields are those of the API's `Image`, `ImageRegion` and `ImageTag` (Training 3.x, also as Python's SDK spells them), and those
that images are uploaded with: a name, `tagIds`, and regions by `tagId`. The API knows no file names: whoever downloads images names
them by `id`, or adds a name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.schemas.reasons import Rejected, Skipped
from labelbeam.transforms.formats.beside import tell_beside, tell_labels
from labelbeam.transforms.formats.drawn import JsonError, declare_size, decode_json, label_of, number
from labelbeam.transforms.formats.named_images import ImageFinder, image_named, reject_image, reject_object
from labelbeam.transforms.stores.paths import unquote_path

OVERSHOOT = 0.5
"""How far fractions may lie outside of the image; what lies farther is none."""

_NAMES = ("name", "fileName", "filename", "file_name", "path", "imagePath", "image_path")
_URIS = ("originalImageUri", "original_image_uri", "resizedImageUri", "resized_image_uri")


class CustomVisionError(ValueError):
    """A file that cannot be read as a whole; the message says why."""


class CustomVisionImages(NamedTuple):
    """Images that were read, and how many boxes they have, of which `far` are no fractions; pairs of a tag's id and its name; and how many
    images nobody has tagged.
    """

    images: list[SourceImage]
    boxes: int
    far: int
    ids: frozenset[tuple[str, str]]
    untagged: int = 0


def read_tags(data: bytes) -> dict[str, str]:
    """Names of tags by id, from the list that the API gives of them; none where it is no such list."""
    try:
        content = decode_json(data)
    except JsonError:
        return {}
    return _names_of(content)


def _names_of(tags: Any) -> dict[str, str]:
    entries = tags if isinstance(tags, list) else []
    return {
        tag["id"]: tag["name"]
        for tag in entries
        if isinstance(tag, dict) and isinstance(tag.get("id"), str) and isinstance(tag.get("name"), str)
    }


def read_images(
    data: bytes, tags: Mapping[str, str], images: ImageFinder, *, path: str, source: str, task: str
) -> CustomVisionImages:
    """Read the images of the file at `path`: a list, or an object that holds it. `tags` are names of tags by id.

    Boxes are fractions of the image.

    Raises:
        CustomVisionError: it holds no list of images.
    """
    try:
        content = decode_json(data)
    except JsonError as error:
        raise CustomVisionError(str(error)) from None
    names = dict(tags)
    if isinstance(content, dict):
        names |= _names_of(content.get("tags"))
        content = content.get("images", content.get("value"))
    if not isinstance(content, list):
        raise CustomVisionError("it holds no list of images")
    read: list[SourceImage] = []
    ids: set[tuple[str, str]] = set()
    boxes = far = untagged = 0
    # Several pages of the API, each a list, are one list.
    entries = [each for entry in content for each in (entry if isinstance(entry, list) else [entry])]
    for place, entry in enumerate(entries):
        image = _image_of(entry, images, path, source, f"{path} images[{place}]")
        read.append(image)
        if not isinstance(entry, dict):
            continue
        declare_size(image, entry.get("width"), entry.get("height"))
        if not image.rejected and _is_untagged(entry):
            image.left_out = Skipped.NOT_ANNOTATED
            untagged += 1
            continue
        ids |= _ids_of(entry, names)
        if "classification" in task:
            _add_labels(image, entry, names)
            continue
        for number_of, region in enumerate(_list_of(entry.get("regions"), image, "regions")):
            boxes += 1
            far += _add_region(image, region, names, f"regions[{number_of}]")
        if isinstance(tagged := entry.get("tags"), list):
            tell_labels(image, (_name_of(tag, names) if isinstance(tag, dict) else tag for tag in tagged))
    return CustomVisionImages(read, boxes, far, frozenset(ids), untagged)


def _image_of(entry: Any, images: ImageFinder, path: str, source: str, locator: str) -> SourceImage:
    if not isinstance(entry, dict):
        image = SourceImage(path, source, locator)
        reject_image(image, Rejected.INVALID_RECORD, f"the image is {entry!r:.60}, expected an object")
        return image
    metadata = entry.get("metadata")
    named = [fields.get(key) for fields in (entry, metadata) if isinstance(fields, dict) for key in _NAMES]
    name = next((each.strip() for each in named if isinstance(each, str) and each.strip()), None)
    if name is not None:
        return image_named(name, images, path, source, locator)
    by_id = [entry.get("id"), *(_last_of(entry.get(key)) for key in _URIS)]
    known = [each for each in by_id if isinstance(each, str) and each.strip()]
    base = path.rpartition("/")[0]
    for each in known:
        found = images.find(each, base)
        if found.path is not None or found.candidates:
            return image_named(each, images, path, source, locator)
    image = SourceImage(known[0] if known else path, source, locator)
    said = f"no image is called {known[0]!r:.80}, its id" if known else "it has neither a name nor an id"
    code = Rejected.MISSING_IMAGE if known else Rejected.INVALID_RECORD
    reject_image(image, code, f"{said}; save each image under its id, or add its file's name as `name`")
    return image


def _is_untagged(entry: Mapping[str, Any]) -> bool:
    """Tell whether an image of the API's own answer says nothing of tags and regions, as `GetImages` gives those that nobody has looked at yet.

    Custom Vision trains on none of these: what shows nothing is tagged so there. An empty list says that there are none.
    """
    said = any(entry.get(key) is not None for key in ("tags", "tagIds", "tag_ids", "regions"))
    return not said and any(entry.get(key) for key in (*_URIS, "created"))


def _last_of(uri: Any) -> str | None:
    """The last name of a URI's path."""
    return unquote_path(uri.partition("?")[0]).rpartition("/")[2] if isinstance(uri, str) else None


def _list_of(value: Any, image: SourceImage, key: str) -> list[Any]:
    if value is None or isinstance(value, list):
        return value or []
    reject_image(image, Rejected.INVALID_RECORD, f"{key} is {value!r:.60}, expected a list")
    return []


def _name_of(tag: Mapping[str, Any], names: Mapping[str, str]) -> Any:
    """The name of a tag, or of the tag of a region: its own, else that of its id."""
    for key in ("tagName", "tag_name", "name"):
        if isinstance(tag.get(key), str):
            return tag[key]
    known = tag.get("tagId", tag.get("tag_id"))
    return names.get(known) if isinstance(known, str) else None


def _ids_of(entry: Mapping[str, Any], names: Mapping[str, str]) -> set[tuple[str, str]]:
    """Pairs of a tag's id and its name, of the tags and regions of an image."""
    found = (tag for key in ("tags", "regions") if isinstance(entry.get(key), list) for tag in entry[key])
    tags = [tag for tag in found if isinstance(tag, dict)]
    pairs = [(tag.get("tagId", tag.get("tag_id")), _name_of(tag, names)) for tag in tags]
    plain = (known for key in ("tagIds", "tag_ids") if isinstance(entry.get(key), list) for known in entry[key])
    pairs += [(known, names[known]) for known in plain if isinstance(known, str) and known in names]
    return {(known, name) for known, name in pairs if isinstance(known, str) and isinstance(name, str)}


def _add_labels(image: SourceImage, entry: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Labels by tags, else by their ids, else by regions; each counts once."""
    found: dict[str, SourceObject] = {}
    for key in ("tags", "tagIds", "tag_ids", "regions"):
        tags = _list_of(entry.get(key), image, key)
        for place, tag in enumerate(tags):
            locator = f"{key}[{place}]"
            value = _name_of(tag, names) if isinstance(tag, dict) else tag
            value = names.get(tag) if key in ("tagIds", "tag_ids") and isinstance(tag, str) else value
            label = label_of(value, image) if isinstance(value, str) else None
            if label is None:
                reject_object(image, *_unknown_tag(tag), locator, _raw(tag))
            else:
                found.setdefault(label, SourceObject(label, locator))
        if tags:
            break
    image.objects = list(found.values())


def _unknown_tag(tag: Any) -> tuple[Rejected, str]:
    return (
        Rejected.UNKNOWN_CATEGORY,
        f"the tag is {_raw(tag):.200}, which has no name; add the list of tags beside the file",
    )


def _add_region(image: SourceImage, region: Any, names: Mapping[str, str], locator: str) -> bool:
    """Add the object of a region, or reject it; whether its numbers are no fractions."""
    if not isinstance(region, dict):
        reject_object(image, Rejected.INVALID_RECORD, f"the region is {region!r:.60}, expected an object", locator)
        return False
    name = _name_of(region, names)
    label = label_of(name, image) if isinstance(name, str) else None
    if label is None:
        reject_object(image, *_unknown_tag(region), locator, _raw(region))
        return False
    left, top, width, height = (number(region.get(key)) for key in ("left", "top", "width", "height"))
    if left is None or top is None or width is None or height is None:
        message = "left, top, width and height are no four finite numbers"
        reject_object(image, Rejected.INVALID_BBOX, message, locator, _raw(region))
        return False
    box = (left, top, left + width, top + height)
    if min(box) < -OVERSHOOT or max(box) > 1 + OVERSHOOT:
        message = f"{max(box, key=lambda side: abs(side - 0.5)):g} is no fraction of the image's width or height"
        reject_object(image, Rejected.INVALID_BBOX, message, locator, _raw(region))
        return True
    tell_beside(image, region, upright=True)
    image.objects.append(SourceObject(label, locator, box))
    return False


def _raw(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, default=str)[:500]
