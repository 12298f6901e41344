"""What a dataset, however it is written, is read into without a runner, and whether two such are the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.neutral import Rejection
from labelbeam.transforms.columns.fragments import decode
from labelbeam.transforms.formats.plans import Plan
from labelbeam.transforms.formats.reading import Reading, ReadOptions, ReadResult, merge_findings
from labelbeam.transforms.formats.registry import FORMATS
from labelbeam.transforms.images.facts import ImageFacts
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.stores.files import put
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.tasks.records import encode_jsonl
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.workers import parcels
from labelbeam.transforms.write.assemble import assemble
from labelbeam.transforms.write.options import assemble_options

Sized = TypeVar("Sized", bound=tuple[str, str, int, int, Sequence[Any]])
"""An image of the dataset: split, name, width, height and objects."""

Way: TypeAlias = tuple[str, Callable[[Sequence[Sized]], Mapping[str, str | bytes]], dict[str, Any]]
"""A way of writing a dataset: the format that it is taken for, what writes it, and the format's options."""

IN_SHARDS = re.compile(r"(?:data/)?(train|val)-[\w-]*\.(?:tar|parquet)/(?:.*/|\d{6}_)")
"""How the path of an image in a shard begins."""


def read(root: str, made: Sequence[Sized], way: Way[Sized], task: Any) -> tuple[ConvertConfig, Plan, list[ReadResult]]:
    """What a dataset in a format is read into, without a runner."""
    expected, write, options = way
    files = write(made)
    for path, text in files.items():
        put(locate(root, {}).below(path), text.encode() if isinstance(text, str) else text)
    in_shards = any(IN_SHARDS.match(f"{path}/{'0' * 6}_") for path in files)
    for split, stem, *_ in () if in_shards else made:
        put(locate(root, {}).below(f"images/{split}/{stem}.jpg"), b"x")
    struct = FORMATS[expected].options
    config = ConvertConfig(
        task=task,
        source=[root],
        output="memory://nowhere",
        image_url="https://h/",
        background="keep",
        images=None if in_shards else root,
        of_formats=(struct(**options),),
    )
    plan = make_plan(config, {})
    assert plan.format == expected
    how = ReadOptions(config, {}, 1)
    indexes = {unit.makes: unit.read(Reading(how)) for unit in plan.indexes}
    results = [*indexes.values()]
    results += [unit.read(Reading(how, indexes[unit.index].index if unit.index else None)) for unit in plan.units]
    return config, plan, results


def records(
    root: str, made: Sequence[Sized], way: Way[Sized], task: Any
) -> tuple[dict[str, list[Any]], list[Rejection]]:
    """The records of each split that a dataset in a format is read into, and what is rejected."""
    config, plan, results = read(root, made, way, task)
    frames = FORMATS[plan.format].frames(merge_findings(result.findings for result in results).evidence, config)
    sizes = {f"images/{split}/{stem}.jpg": (width, height) for split, stem, width, height, _ in made}
    fragments = [decode(parcels.unwrap(data)) for result in results for _, data in result.fragments]
    found = assemble(
        fragments,
        assemble_options(config, plan),
        frames,
        lambda rows: [ImageFacts("jpg", *sizes[IN_SHARDS.sub(r"images/\1/", row.path)]) for row in rows],
    )
    lines = {
        split: sorted(
            (plainly(json.loads(line)) for line in encode_jsonl(part, TASKS[task], False).splitlines()),
            key=lambda line: str(line["image_url"]),
        )
        for split, part in found.splits.items()
    }
    return lines, found.rejections


def plainly(line: dict[str, Any]) -> dict[str, Any]:
    """A record whose image is called as where it is in no shard."""
    return line | {"image_url": IN_SHARDS.sub(r"images/\1/", line["image_url"])}


def numbers_of(value: Any) -> list[float]:
    if isinstance(value, list):
        return [number for item in value for number in numbers_of(item)]
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers_of(item)]
    return [value] if isinstance(value, float | int) else []


def shape_of(value: Any) -> Any:
    if isinstance(value, list):
        return [shape_of(item) for item in value]
    if isinstance(value, dict):
        return {key: shape_of(item) for key, item in value.items()}
    return "a number" if isinstance(value, float) or value in (0, 1) else value


def same(one: Any, other: Any) -> None:
    assert shape_of(one) == shape_of(other)
    assert numbers_of(one) == pytest.approx(numbers_of(other), abs=1e-6)
