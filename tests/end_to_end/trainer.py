"""What the consumer of a build would make of it, from its own rules alone: nothing of LabelBeam is asked.

Azure AutoML for Images drops an object that breaks a rule without a word, and drops the image with its last object, so
that nothing fails when a dataset is broken. `problems` names each rule that a split's files break.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

IMAGE_FORMATS = ("jpg", "jpeg", "png", "jpe", "jfif", "bmp", "tif", "tiff")
SIDES = ("topX", "topY", "bottomX", "bottomY")

MLTABLE = """\
paths:
  - pattern: ./{split}-*.jsonl
transformations:
  - read_json_lines: {{encoding: utf8, invalid_lines: error, include_path_column: false}}
  - convert_column_types:
      - columns: image_url
        column_type: stream_info
"""

_READ_SCHEMES = ("azureml", "AmlDatastore", "https", "http", "wasbs", "abfss", "file")
_LONG_FORM = re.compile(
    r"azureml://subscriptions/[^/]+/resourcegroups/[^/]+/workspaces/[^/]+/datastores/[^/]+/paths/.+"
)


def fetched(url: str) -> str:
    """What the trainer asks the store for: names in `file:///` stand as they are, elsewhere a URL is taken apart."""
    scheme, _, rest = url.partition("://")
    if scheme == "file":
        return rest
    for mark in "?#" if scheme in ("wasbs", "abfss") else "?":
        rest = rest.partition(mark)[0]
    return unquote(rest)


def xor_mask(polygon: Sequence[Sequence[float]], width: int, height: int) -> Any:
    """The pixels of an object, (height, width), as the trainer fills them: parts combine by XOR (even-odd)."""
    inside = np.zeros((height, width), bool)
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    for part in polygon:
        corners = np.array(part, np.float64).reshape(-1, 2)
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            crossed = (y0 > y) != (y1 > y)
            if crossed.any():
                at = x0 + (y[crossed] - y0) * (x1 - x0) / (y1 - y0)
                inside[crossed] ^= x[None, :] < at[:, None]
    return inside


def problems(split: Path, task: str) -> list[str]:
    """Every rule that the files of one split, a directory with its MLTable, break."""
    return list(_problems_of_split(split, task))


def _problems_of_split(split: Path, task: str) -> Iterator[str]:
    name = split.name
    if split.joinpath("MLTable").read_text() != MLTABLE.format(split=name):
        yield "MLTable is not the one that works"
    shards = sorted(split.glob(f"{name}-*.jsonl"))
    if {path.name for path in split.iterdir()} != {"MLTable", *(shard.name for shard in shards)}:
        yield "the split holds files that MLTable does not load"
    records = []
    for shard in shards:
        data = shard.read_bytes()
        if data.startswith(b"\xef\xbb\xbf"):
            yield f"{shard.name} begins with a byte order mark"
        if data and not data.endswith(b"\n"):
            yield f"{shard.name} ends inside a line"
        for number, line in enumerate(data.split(b"\n")[:-1], 1):
            try:
                record = _strict(line)
            except ValueError as error:
                yield f"{shard.name}:{number}: {error}"
                continue
            records.append(record)
            yield from (f"{shard.name}:{number}: {problem}" for problem in problems_of_record(record, task))
    yield from _problems_of_columns(records)


def _strict(line: bytes) -> Any:
    """A line as the table reader takes it: UTF-8 or nothing, no NaN, no key twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
        if twice:
            raise ValueError(f"the key {twice[0]} occurs twice")
        return dict(pairs)

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} stands in it")

    return json.loads(line.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse)


def _problems_of_columns(records: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What only shows when all lines of a table are seen."""
    for url, times in Counter(record.get("image_url") for record in records).items():
        if times > 1:
            yield f"{url} stands {times} times"
    details = [record.get("image_details", {}) for record in records]
    kinds = {type(detail.get(side)) for detail in details for side in ("width", "height")}
    if len(kinds) > 1:
        yield f"width and height are of mixed types: {sorted(kind.__name__ for kind in kinds)}"


def problems_of_record(record: Any, task: str) -> Iterator[str]:
    """Every rule that one line breaks."""
    if not isinstance(record, dict) or record.keys() != {"image_url", "image_details", "label"}:
        yield f"the line holds {record!r:.80}"
        return
    yield from _problems_of_url(record["image_url"])
    details = record["image_details"]
    if details.keys() != {"format", "width", "height"} or details["format"] not in IMAGE_FORMATS:
        yield f"image_details is {details}"
    for side in ("width", "height"):
        value = details.get(side)
        if not (re.fullmatch(r"[1-9]\d*px", value) if isinstance(value, str) else type(value) is int and value > 0):
            yield f"{side} is {value!r}"
    label = record["label"]
    if task == "image_classification":
        if not isinstance(label, str) or not label:
            yield f"label is {label!r}"
        return
    if not isinstance(label, list):
        yield f"label is {label!r}"
        return
    if task == "image_classification_multilabel":
        if not all(isinstance(name, str) and name for name in label) or len(set(label)) < len(label):
            yield f"label is {label!r}"
        return
    for number, item in enumerate(label):
        check = _problems_of_box if task == "image_object_detection" else _problems_of_mask
        yield from (f"label[{number}]: {problem}" for problem in check(item))


def _problems_of_url(url: Any) -> Iterator[str]:
    if not isinstance(url, str) or "://" not in url:
        yield f"image_url is {url!r}"
        return
    scheme, _, rest = url.partition("://")
    if scheme not in _READ_SCHEMES:
        yield f"image_url has the scheme {scheme}"
    if scheme == "azureml" and not _LONG_FORM.fullmatch(url):
        yield "image_url is the short form of azureml"
    if scheme == "file" and not rest.startswith("/"):
        yield "image_url is a relative file"
    if scheme != "file" and re.search(r"%(?![0-9A-Fa-f]{2})", rest):
        yield "image_url holds a bare %"
    if any(mark in rest for mark in {"wasbs": "?#", "abfss": "?#", "file": ""}.get(scheme, "?")):
        yield "image_url is cut where the trainer reads it"
    if re.search(r"[\x00-\x1f\x7f]", url):
        yield "image_url holds a control character"


def _problems_of_object(item: Any, keys: set[str]) -> Iterator[str]:
    if not isinstance(item, dict) or item.keys() != keys:
        yield f"the object holds {item!r:.80}"
        return
    if not isinstance(item["label"], str) or not item["label"]:
        yield f"label is {item['label']!r}"
    if type(item["isCrowd"]) is not int or item["isCrowd"] not in (0, 1):
        yield f"isCrowd is {item['isCrowd']!r}"


def _problems_of_numbers(numbers: Sequence[Any]) -> Iterator[str]:
    if not all(type(number) is float for number in numbers):
        yield "a coordinate is not written as a float, which mixes types in its column"
    elif not all(0 <= number <= 1 for number in numbers):
        yield "a coordinate is outside of [0, 1]"


def _problems_of_box(item: Any) -> Iterator[str]:
    broken = list(_problems_of_object(item, {"label", "isCrowd", *SIDES}))
    yield from broken
    if broken:
        return
    left, top, right, bottom = sides = [item[side] for side in SIDES]
    broken = list(_problems_of_numbers(sides))
    yield from broken
    if not broken and not (left < right and top < bottom):
        yield f"the box {sides} is empty"


def _problems_of_mask(item: Any) -> Iterator[str]:
    broken = list(_problems_of_object(item, {"label", "isCrowd", "polygon"}))
    yield from broken
    if broken:
        return
    polygon = item["polygon"]
    if not polygon or any(len(part) < 6 or len(part) % 2 for part in polygon):
        yield f"its parts have {[len(part) for part in polygon]} numbers"
        return
    for part in polygon:
        yield from _problems_of_numbers(part)
    # Filled as large as it is, so that the smallest object has pixels too.
    corners = np.concatenate([np.array(part, np.float64).reshape(-1, 2) for part in polygon])
    low, extent = corners.min(axis=0), np.ptp(corners, axis=0)
    if not extent.all() or not xor_mask([(np.reshape(part, (-1, 2)) - low) / extent for part in polygon], 64, 64).any():
        yield "the parts cancel out or enclose nothing"
