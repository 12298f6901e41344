"""Images with objects to draw examples from, and the records that they become."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from hypothesis import strategies as st

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.transforms.columns.fragments import fragments_of
from labelbeam.transforms.tasks.records import SplitRecords, encode_jsonl
from labelbeam.transforms.tasks.registry import TASKS
from labelbeam.transforms.write.assemble import assemble
from labelbeam.transforms.write.options import AssembleOptions

# Names that JSON and Parquet have to carry unharmed.
label = st.sampled_from(["cat", 'a "b\\c\n', "日本", "\x7f", "\u2028", "--bg--", " "])


coordinate = st.one_of(st.floats(-50, 700), st.integers(-5, 70).map(float))


ring = st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=6).map(lambda corners: np.array(corners))


item = st.builds(
    SourceObject,
    label,
    st.just("1"),
    st.none() | st.tuples(coordinate, coordinate, coordinate, coordinate),
    st.none() | st.lists(ring, max_size=3),
    st.booleans(),
)


image = st.builds(
    SourceImage,
    path=st.integers(0, 10**6).map(lambda number: f"ü {number}.jpg"),
    source=st.just("s"),
    locator=st.just("1"),
    width=st.integers(1, 5000),
    height=st.integers(1, 5000),
    objects=st.lists(item, max_size=3),
)


def records_of(images: list[SourceImage], task: str) -> SplitRecords | None:
    parts = [fragment for _, fragment in fragments_of(images, 1, 0)]
    assembled = assemble(parts, AssembleOptions(task, "https://h/"), {}, lambda rows: [None] * len(rows))
    return assembled.splits.get("train")


def json_lines(records: SplitRecords, task: str, px: bool = False) -> list[Any]:
    return [json.loads(line) for line in encode_jsonl(records, TASKS[task], px).split(b"\n")[:-1]]
