"""Check the lines of a build: the records of a shard, on their own and against its Parquet copy, and rejections.

Pure: bytes in, findings out. Records are decoded strictly into their types, a part of a shard at a time, and compared as
columns, so that checking costs little more than parsing; single lines are looked at only where a part is not as it should
be.
"""

from __future__ import annotations

import json
import operator
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, takewhile
from typing import Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelbeam.schemas.neutral import Rejection
from labelbeam.schemas.records import RECORDS, ImageDetails, Record, check_record
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.tasks.records import record_schema
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.verify.differences import Differences, Kind
from labelbeam.transforms.verify.parquet import Copy, compare

PART = 2**20
"""Bytes of JSONL that are decoded at once: many enough to make calls cheap, few enough to stay in the cache."""

Line = TypeVar("Line", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """Facts that the records of a build have in common.

    With `px`, sizes are text such as "640px". `prefix` is what the image_url of a relative path starts with, if known.
    """

    task: str
    px: bool = False
    prefix: str | None = None


@dataclass(slots=True)
class ShardCheck:
    """Content of one shard: counts by label, and of its image_urls `hashes` and `lines`, (images,), are of its image_urls, to find the same one elsewhere."""

    path: str
    labels: Counter[str] = field(default_factory=Counter)
    hashes: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    lines: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


def check_shard(
    path: str, data: bytes, records: int, facts: RecordFacts, copy: Copy | None, differences: Differences
) -> ShardCheck:
    """Check the JSONL of one shard.

    Args:
        path: the shard's path, for differences.
        data: its bytes.
        records: how many lines the manifest says it has.
        facts: what the records of the build have in common.
        copy: its Parquet copy, or None where there is none to compare with.
        differences: where to note what is found.
    """
    check = ShardCheck(path)
    rows = _check_lines(path, data, records, differences)
    if copy is not None and len(copy.rows) != rows:
        differences.add(Kind.PARQUET, copy.path, counted(len(copy.rows), "row"), f"{rows}, as the JSONL has lines")
        copy = None
    decoder = msgspec.json.Decoder(RECORDS[facts.task])
    urls: list[str] = []
    lines: list[int] = []
    before = 0
    for part in _parts(data):
        decoded = _decode(part, decoder)
        good: dict[int, Record] = {}
        for line, item in enumerate(decoded, before + 1):
            if isinstance(item, str):
                differences.add(Kind.RECORD, path, f"line {line}: {item}", f"a record of {facts.task}")
            else:
                good[line] = item
        table = _check_part(path, good, facts, differences)
        if copy is not None and table is not None and len(table) == len(decoded):
            compare(table, copy, before, differences)
        check.labels.update(_names(list(good.values())))
        urls += [record.image_url for record in good.values()]
        lines += good
        before += len(decoded)
    check.hashes = np.fromiter(map(hash, urls), np.int64, len(urls))
    check.lines = np.array(lines, np.int64)
    late = out_of_order(urls, facts.prefix)
    if late is not None:
        found = f"line {lines[late]}: {urls[late]!r} after {urls[late - 1]!r}"
        differences.add(Kind.ORDER, path, found, "records sorted by the image's path")
    return check


def check_rejected(path: str, data: bytes, records: int, differences: Differences) -> list[Rejection]:
    """Check a file of rejections; those that could be read.

    Args:
        path: the file's path, for differences.
        data: its bytes.
        records: how many lines the manifest says it has.
        differences: where to note what is found.
    """
    _check_lines(path, data, records, differences)
    decoder = msgspec.json.Decoder(Rejection)
    good: list[Rejection] = []
    for line, text in enumerate(data.removesuffix(b"\n").split(b"\n") if data else [], 1):
        item = _decode_line(text, decoder)
        if isinstance(item, str):
            differences.add(Kind.REJECTED, path, f"line {line}: {item}", "a rejection")
        elif item.kind not in ("image", "object"):
            differences.add(Kind.REJECTED, path, f"line {line}: kind {item.kind!r}", "'image' or 'object'")
        else:
            good.append(item)
    return good


def check_unique(shards: Sequence[ShardCheck], differences: Differences) -> None:
    """Check that no two records of a build name one image, by 64-bit hashes of their URLs."""
    hashes = np.concatenate([np.empty(0, np.int64), *(shard.hashes for shard in shards)])
    starts = np.cumsum([0, *(len(shard.hashes) for shard in shards)])
    order = np.argsort(hashes, kind="stable")

    def place(position: int) -> tuple[str, int]:
        number = int(np.searchsorted(starts, position, side="right")) - 1
        return shards[number].path, int(shards[number].lines[position - starts[number]])

    for again in np.flatnonzero(np.diff(hashes[order]) == 0).tolist():
        path, line = place(int(order[again]))
        later, later_line = place(int(order[again + 1]))
        found = f"line {later_line}: the image_url of line {line} of {path}"
        differences.add(Kind.DUPLICATE_IMAGE, later, found, "each image once")


def out_of_order(urls: Sequence[str], prefix: str | None) -> int | None:
    """The first of `urls` whose image's path sorts before that of the one before it, or None.

    An image_url is `prefix` and the path with some characters encoded (see `transforms.image_urls`), or a URL that the
    source names, as it stands. Where `prefix` is not known, the common start of all stands for it; where they have none,
    the images lie in several stores and the order of their paths cannot be told.

    >>> out_of_order(["s3://b/a-", "s3://b/a%3Fb", "s3://b/a@", "s3://b/a."], "s3://b/")
    3
    """
    if _descent(urls) is None:
        return None
    if prefix is None:
        folders = zip(min(urls).split("/")[:-1], max(urls).split("/")[:-1], strict=False)
        prefix = "".join(f"{name}/" for name, same in takewhile(lambda pair: pair[0] == pair[1], folders))
        if not prefix.partition("://")[2]:
            return None
    encoded = [url.removeprefix(prefix) for url in urls]
    paths = [
        path if path == url else path.replace("%3F", "?").replace("%23", "#").replace("%25", "%")
        for path, url in zip(encoded, urls, strict=True)
    ]
    return _descent(paths)


def _descent(keys: Sequence[str]) -> int | None:
    if all(map(operator.le, keys, islice(keys, 1, None))):
        return None
    return next(number for number in range(1, len(keys)) if keys[number] < keys[number - 1])


def _check_lines(path: str, data: bytes, records: int, differences: Differences) -> int:
    lines = data.count(b"\n") + (data != b"" and not data.endswith(b"\n"))
    if lines != records:
        differences.add(Kind.COUNT, path, counted(lines, "line"), f"{records}, as the manifest says")
    return lines


def _parts(data: bytes) -> Iterator[bytes]:
    """Cut after line ends, at about `PART` bytes."""
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + PART) + 1 or data.find(b"\n", start + PART) + 1 or len(data)
        yield data[start:end]
        start = end


def _decode(part: bytes, decoder: msgspec.json.Decoder[Record]) -> Sequence[Record | str]:
    """The record of each line, or what is wrong with the line."""
    lines = part.count(b"\n")
    # `decode_lines` takes any whitespace between records. But inside one, `}` and `{` never meet without a comma: where
    # every line ends in the one and the next begins with the other, and there are as many records, each has its line.
    if part.startswith(b"{") and part.endswith(b"}\n") and part.count(b"}\n{") == lines - 1:
        try:
            records = decoder.decode_lines(part)
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass  # Line by line it shows which.
        else:
            # A colon that is written as an escape (\u003a) is none in the bytes.
            if len(records) == lines and b"\\u003" not in part and part.count(b":") == _colons(records):
                return records
    return [_decode_line(line, decoder) for line in part.removesuffix(b"\n").split(b"\n")]


def _colons(records: Sequence[Record]) -> int:
    """Number of colons that the records take as JSON when no key occurs twice: one a key, and those within text.

    msgspec lets the last of equal keys win, and the trainer's reader fails on them; counting bytes finds them at no cost.
    """
    items = _items(records)
    keys = len(records) * (len(records[0].__struct_fields__) + len(ImageDetails.__struct_fields__))
    if items and not isinstance(items[0], str):
        keys += len(items) * len(items[0].__struct_fields__)
    in_labels = sum(label.count(":") * times for label, times in Counter(_names(records)).items())
    return keys + in_labels + sum(record.image_url.count(":") for record in records)


def _decode_line(line: bytes, decoder: msgspec.json.Decoder[Line]) -> Line | str:
    """Record of a line, or what is wrong with it."""
    repeated: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> None:
        repeated.extend(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)

    try:
        decoded = decoder.decode(line)
        json.loads(line.decode(), object_pairs_hook=collect, parse_int=str, parse_float=str)
    except RecursionError:
        return "it is nested too deeply"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return str(error) if line else "the line is empty"
    return f"the key {repeated[0]!r} occurs twice in one object" if repeated else decoded


def _items(records: Sequence[Record]) -> list[Any]:
    """The labels, boxes or masks of all records, in order."""
    if records and isinstance(records[0].label, str):
        return [record.label for record in records]
    return list(chain.from_iterable(record.label for record in records))


def _names(records: Sequence[Record]) -> list[str]:
    """The label of every object."""
    return [item if isinstance(item, str) else item.label for item in _items(records)]


_PX = re.compile(r"([1-9][0-9]{0,9})px")


def _check_part(path: str, records: dict[int, Record], facts: RecordFacts, differences: Differences) -> pa.Table | None:
    """Check records, by line, beyond their types; as columns like the Parquet copy's, or None where they fit none."""
    sides: list[tuple[int, int]] = []
    for line, record in records.items():
        details = record.image_details
        width, height = _pixels(details.width, facts.px), _pixels(details.height, facts.px)
        if width is None or height is None:
            found = f"line {line}: width {details.width!r}, height {details.height!r}"
            expected = 'text such as "640px"' if facts.px else "whole numbers below 2**31"
            differences.add(Kind.RECORD, path, found, expected)
        else:
            sides.append((width, height))
    if len(sides) < len(records):
        return None
    table = _table(list(records.values()), sides, facts.task)
    if _may_break_rules(table):
        for line, record in records.items():
            for breach in check_record(record):
                differences.add(Kind.RECORD, path, f"line {line}: {breach}", "what the trainer takes")
    return table


def _pixels(side: int | str, px: bool) -> int | None:
    if px and isinstance(side, str):
        match = _PX.fullmatch(side)
        number = int(match[1]) if match else None
    else:
        number = None if px or isinstance(side, str) else side
    return number if number is not None and number < 2**31 else None


def _table(records: Sequence[Record], sides: Sequence[tuple[int, int]], task: str) -> pa.Table:
    """The records, of sizes `sides`, as the columns that their Parquet copy has."""
    schema = record_schema(TASKS[task])
    details = [
        pa.array([record.image_details.format for record in records], pa.string()),
        pa.array([width for width, _ in sides], pa.int32()),
        pa.array([height for _, height in sides], pa.int32()),
    ]
    columns = [
        pa.array([record.image_url for record in records], pa.string()),
        pa.StructArray.from_arrays(details, fields=list(schema.field("image_details").type)),
    ]
    label_type, items = schema.field("label").type, _items(records)
    if pa.types.is_list(label_type):
        kind = label_type.value_type
        if pa.types.is_struct(kind):
            parts = [pa.array([getattr(item, part.name) for item in items], part.type) for part in kind]
            values = pa.StructArray.from_arrays(parts, fields=list(kind))
        else:
            values = pa.array(items, kind)
        offsets = np.cumsum([0, *(len(record.label) for record in records)], dtype=np.int32)
        columns.append(pa.ListArray.from_arrays(pa.array(offsets), values, type=label_type))
    else:
        columns.append(pa.array(items, label_type))
    return pa.Table.from_arrays(columns, schema=schema)


def _may_break_rules(table: pa.Table) -> bool:
    """Tell whether `check_record` may have something to say; it is asked only then, because it takes number by number."""
    labels = table.column("label").combine_chunks()
    if not pa.types.is_list(labels.type) or not pa.types.is_struct(labels.type.value_type):
        return False
    items = labels.flatten()
    if labels.type.value_type.get_field_index("polygon") >= 0:
        numbers = items.field("polygon").flatten().value_lengths().to_numpy()
        return bool((numbers % 2).any())
    left, top, right, bottom = (items.field(name).to_numpy() for name in ("topX", "topY", "bottomX", "bottomY"))
    return bool(((left >= right) | (top >= bottom)).any())
