"""Images and objects to draw examples from, and their rows as tuples that compare."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labelbeam.schemas.neutral import SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Skipped
from labelbeam.transforms.columns.fragments import Fragment, fragments_of
from labelbeam.transforms.columns.images import Images
from labelbeam.transforms.columns.objects import Objects

# Whatever a coordinate may be: pixels, two decimals as COCO writes them, and what no packing may touch.
whole = st.integers(-(2**33), 2**33).map(float)


decimal = st.integers(-(10**7), 10**7).map(lambda number: number / 100)


coordinate = st.one_of(
    whole, decimal, st.floats(), st.sampled_from([math.nan, math.inf, -math.inf, 1e300, 2.0**31, -0.0])
)


ring = st.one_of(
    *(
        arrays(np.float64, st.tuples(st.integers(1, 9), st.just(2)), elements=each)
        for each in (whole, decimal, coordinate)
    )
)


label = st.sampled_from(["cat", "dog", "日本", ""])


item = st.builds(
    SourceObject,
    label=label,
    locator=st.sampled_from(["object[0]", "a.xml object[1]", ""]),
    bbox=st.none() | st.tuples(coordinate, coordinate, coordinate, coordinate),
    rings=st.none() | st.lists(ring, max_size=3),
    crowd=st.booleans(),
    from_mask=st.booleans(),
)


side = st.none() | st.integers(1, 2**31 - 1)


image = st.builds(
    SourceImage,
    path=st.sampled_from(["a.jpg", "b/ü.png", "\udc80.jpg", "https://x/1.jpg"]),
    source=st.just("file:///s"),
    locator=st.sampled_from(["a.xml", "images id=1"]),
    width=side,
    height=side,
    split=st.sampled_from([None, "train", "test"]),
    objects=st.lists(item, max_size=4),
    skipped=st.lists(st.sampled_from(Skipped), max_size=2),
    adjusted=st.lists(st.sampled_from(Adjusted), max_size=2),
)


sources = st.lists(image, max_size=5)


quick = settings(deadline=None, max_examples=30)


def fragment_of(images: list[SourceImage], first_key: int = 0) -> Fragment:
    """Return all images as one fragment."""
    return next((fragment for _, fragment in fragments_of(images, 1, first_key)), Fragment())


def told(value: Any) -> str:
    """Return a text in which NaN is like NaN, and -0.0 like 0.0, which packing does not tell apart."""
    return repr(np.asarray(value).tolist()).replace("-0.0,", "0.0,").replace("-0.0]", "0.0]")


def image_rows(images: Images) -> list[tuple[Any, ...]]:
    return [(images.row(row), images.splits[row], images.notes.get(row)) for row in range(len(images))]


def object_rows(objects: Objects) -> list[tuple[Any, ...]]:
    return [
        (
            int(objects.image[row]),
            int(objects.order[row]),
            int(objects.label[row]),
            int(objects.crowd[row]),
            told(objects.bbox[row]),
            objects.mask_size[row].tolist(),
            [told(ring) for ring in objects.rings_of(row)],
            objects.ids[row],
        )
        for row in range(len(objects))
    ]
