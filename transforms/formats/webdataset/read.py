"""Samples of a shard, read into the neutral form.

What says something of an image, in this order: `label`, `labels` and the like in its JSON, the number or text in `.cls`, the text in
`.txt`. Objects are those of Hugging Face's datasets, in the JSON: lists of boxes and categories side by side, or a list of objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from labelbeam.schemas.neutral import Rejection, SourceImage
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.drawn import JsonError, decode_json
from labelbeam.transforms.formats.huggingface.objects import BOXES, Samples
from labelbeam.transforms.formats.named_images import reject_image
from labelbeam.transforms.formats.webdataset.samples import (
    Sample,
    is_image_suffix,
    is_label_suffix,
    samples_of,
    split_name,
)
from labelbeam.transforms.formats.yolo.recognise import holds_labels
from labelbeam.transforms.images.names import image_path
from labelbeam.transforms.stores.archives.contents import LEAVES_IT, REPEATED, Contents

LARGEST = 16 * 2**20
"""Bytes of a file of labels; the objects of one image are no more."""

_LABELS = (
    *("label", "labels", "class_name", "class", "classes", "category", "categories"),
    *("cls", "label_name", "class_id", "category_id", "target"),
)
_OBJECTS = ("objects", "annotations")


class Shard(NamedTuple):
    """A shard below `root`: what is in it, and what was seen of its files by where they begin: the content of labels among it."""

    root: str
    path: str
    split: str | None
    contents: Contents
    seen: Mapping[int, Any]


@dataclass(slots=True)
class Counts:
    """Tallies of a shard: how often, and the first example."""

    found: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, name: str, example: str, count: int = 1) -> None:
        """Count one more."""
        before = self.found.get(name, (0, example))
        self.found[name] = before[0] + count, before[1]


class WebDatasetImages(NamedTuple):
    """Images that were read, with what their boxes tell; and what is told of the shard."""

    samples: Samples
    counts: Counts


def content_of(name: str, size: int, read: Callable[[int, int], bytes]) -> bytes | None:
    """The content of a file of labels; None of other files, and of one that is too large."""
    found = split_name(name.removeprefix("./"))
    return read(0, size) if found is not None and is_label_suffix(found[1]) and size <= LARGEST else None


def read_shard(
    shard: Shard, names: Mapping[int, str], task: str, chosen: str | None = None, by_xor: bool = False
) -> WebDatasetImages:
    """Read the samples of a shard. `names` are classes by number, `chosen` the suffix of images; `by_xor` as for `Samples`."""
    found, counts = Samples(names, task, by_xor), Counts()
    paths = shard.contents.files
    samples = samples_of(paths, shard.contents.left_out.get(REPEATED, ()))
    for why, left in shard.contents.left_out.items():
        if why == LEAVES_IT:
            for name in left:
                _unsafe(shard, name, found)
        elif why != REPEATED:
            counts.add(f"left_out {why}", f"{shard.path} {left[0]}", len(left))
    if others := [path for path in paths if split_name(path) is None]:
        counts.add("others", f"{shard.path} {others[0]}", len(others))
    for sample in samples.values():
        image = _image_of(sample, shard, chosen)
        if image is None:
            counts.add("others", f"{shard.path} {next(iter(sample.files.values()))}", len(sample.files))
            continue
        if sample.apart:
            counts.add("apart", image.locator)
        if image.rejected:
            found.images.append(image)
            continue
        if len(sample.images) > 1:
            counts.add("companions", image.locator, len(sample.images) - 1)
        _read(image, sample, shard, found)
    return WebDatasetImages(found, counts)


def _unsafe(shard: Shard, name: str, found: Samples) -> None:
    """An image whose name leads out of the shard, or holds control characters; files of labels go with it."""
    if is_image_suffix(name.lower().rpartition("/")[2].partition(".")[2]):
        image = SourceImage(name, shard.root, f"{shard.path} {name!r}", split=shard.split)
        reject_image(image, Rejected.UNSAFE_PATH, f"{name!r} leads out of the shard, or holds control characters")
        found.images.append(image)


def _image_of(sample: Sample, shard: Shard, chosen: str | None) -> SourceImage | None:
    """The image of a sample, rejected where it cannot be read; None of files that are no sample."""
    suffix = sample.image(chosen)
    labels = any(is_label_suffix(each) for each in sample.files)
    if suffix is None and not sample.images and not labels:
        return None
    inner = sample.files[suffix] if suffix is not None else sample.key
    path, locator = f"{shard.path}/{inner}", f"{shard.path} {sample.key}"
    image = SourceImage(path, shard.root, locator, split=shard.split)
    if suffix is None and not sample.images:
        reject_image(image, Rejected.MISSING_IMAGE, f"{_shown(sample)}: no file of the key is an image")
    elif suffix is None and chosen is not None:
        reject_image(image, Rejected.MISSING_IMAGE, f"{_shown(sample)}: none of its files is called {chosen}")
    elif suffix is None:
        message = f"{_shown(sample)}: several files are images; say with --webdataset-image which is read. A key ends at the first dot of a name"
        reject_image(image, Rejected.AMBIGUOUS_IMAGE, message)
    elif sample.repeated:
        message = f"{_shown(sample)}: {', '.join(sorted(set(sample.repeated)))} stand more than once, and may be of several images"
        reject_image(image, Rejected.AMBIGUOUS_IMAGE, message)
    elif (code := image_path(path, "")[1]) is not None:
        reject_image(image, code, f"{path!r}: {code.doc}")
    elif (problem := shard.contents.files[inner].problem) is not None:
        reject_image(image, Rejected.UNREADABLE_FILE, f"{path}: {problem}")
    return image


def _shown(sample: Sample) -> str:
    return f"the sample has {', '.join(sorted(sample.files))[:200]}"


def _read(image: SourceImage, sample: Sample, shard: Shard, found: Samples) -> None:
    """Give an image what the other files of its sample say."""
    json_file = sample.only("json")
    content: Any = None
    if json_file is not None:
        data = _data(json_file, shard)
        if data is None:
            _reject(
                image,
                found,
                Rejected.INVALID_RECORD,
                f"{json_file} has more than {LARGEST:,} bytes, or is not stored plainly",
            )
            return
        try:
            content = decode_json(data)
        except JsonError as error:
            _reject(image, found, Rejected.INVALID_RECORD, f"{json_file}: {error}")
            return
    fields = content if isinstance(content, dict) else {}
    width, height = fields.get("width"), fields.get("height")
    objects = _objects(content)
    if "classification" not in found.task:
        if objects is None:
            what = (
                f"the JSON has {', '.join(map(repr, fields))[:200] or 'no fields'}" if json_file else "it has no JSON"
            )
            _reject(
                image,
                found,
                Rejected.NO_LABEL,
                f"{_shown(sample)}; {what}, expected objects, annotations, or lists of boxes",
            )
        else:
            found.add(image, objects, width, height)
        return
    labels = _labels(content, sample, shard, "multilabel" in found.task)
    if isinstance(labels, Rejection):
        _reject(image, found, labels.code, labels.message)
    elif labels is not None:
        found.label(image, labels, width, height)
    elif objects is not None:
        found.add(image, objects, width, height)
    else:
        _reject(image, found, Rejected.NO_LABEL, f"{_shown(sample)}; none of these holds a label")


def _reject(image: SourceImage, found: Samples, code: Rejected, message: str) -> None:
    reject_image(image, code, message)
    found.images.append(image)


def _data(path: str, shard: Shard) -> bytes | None:
    member = shard.contents.files[path]
    found = shard.seen.get(member.start) if member.problem is None else None
    return found if isinstance(found, bytes) else None


def _objects(content: Any) -> Any:
    """The objects of the JSON, for `objects_of`; None where it says nothing, and [] where it says that there is none."""
    if isinstance(content, list):
        return content if all(isinstance(item, dict) for item in content) else None
    if not isinstance(content, dict):
        return None
    for key in _OBJECTS:
        if key in content:
            return [] if content[key] is None else content[key]
    boxes = next((key for key in BOXES if isinstance(content.get(key), list)), None)
    if boxes is None:
        return None
    value = content[boxes]
    return value if value and all(isinstance(item, dict) for item in value) else content


def _labels(content: Any, sample: Sample, shard: Shard, several: bool) -> list[Any] | Rejection | None:
    """The labels of an image; why it is rejected; None where nothing says any."""
    if isinstance(content, dict):
        for key in _LABELS:
            value = content.get(key)
            if value is not None:
                return value if isinstance(value, list) else [value]
    elif content is not None and not isinstance(content, list):
        return [content]
    elif isinstance(content, list) and not any(isinstance(item, dict) for item in content):
        return content
    path = sample.only("cls")
    if path is not None:
        text = _text(path, shard)
        if isinstance(text, str):
            return [int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text]
        return text
    path = sample.text()
    if path is None:
        return None
    text = _text(path, shard)
    if not isinstance(text, str):
        return text
    if holds_labels(text):
        return _refusal(f"{path} holds lines of YOLO, which are boxes and no labels")
    if isinstance(content, dict) and isinstance(content.get("caption"), str) and content["caption"].strip() == text:
        return None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines if several or len(lines) > 1 else [text]


def _text(path: str, shard: Shard) -> str | Rejection:
    data = _data(path, shard)
    if data is None:
        return _refusal(f"{path} has more than {LARGEST:,} bytes, or is not stored plainly")
    try:
        return data.decode("utf-8-sig").strip().strip("\0")
    except UnicodeDecodeError:
        return _refusal(f"{path} is not in UTF-8")


def _refusal(message: str) -> Rejection:
    return Rejection("", "", None, "image", Rejected.INVALID_LABEL, message)
