"""The yardstick: one COCO instances file to JSON Lines as fast as one process does it, and nothing else.

    python -m benchmarks.by_hand IN.json OUT.jsonl --task image_object_detection|image_instance_segmentation

What is written by hand for one well-known file: only the needed fields are parsed, coordinates of many objects are
computed at once, nothing is validated, split or checked, and the garbage collector is off. Numbers have six decimals,
so they lie within 5e-7 of the exact quotient. Prints what was written and the seconds each phase took, as JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import mmap
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from labelbeam.transforms.geometry.trace import trace

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

PREFIX = "https://example.blob.core.windows.net/images/"
IMAGES_AT_ONCE = 200
MASKS_AT_ONCE = 16


class Image(msgspec.Struct, gc=False):
    """An image record."""

    id: int
    file_name: str
    width: int
    height: int


class Category(msgspec.Struct, gc=False):
    """A category record."""

    id: int
    name: str


class BoxAnnotation(msgspec.Struct, gc=False):
    """What detection needs of an annotation record."""

    image_id: int
    category_id: int
    iscrowd: int
    bbox: list[float]


class MaskAnnotation(msgspec.Struct, gc=False):
    """What segmentation needs of an annotation record."""

    image_id: int
    category_id: int
    iscrowd: int
    segmentation: msgspec.Raw


class BoxFile(msgspec.Struct, gc=False):
    """A COCO file, for detection."""

    images: list[Image]
    categories: list[Category]
    annotations: list[BoxAnnotation]


class MaskFile(msgspec.Struct, gc=False):
    """A COCO file, for segmentation."""

    images: list[Image]
    categories: list[Category]
    annotations: list[MaskAnnotation]


class RunLengths(msgspec.Struct, gc=False):
    """An uncompressed mask; `size` is (height, width)."""

    counts: list[int]
    size: tuple[int, int]


class Details(msgspec.Struct, gc=False):
    """What is known of an image."""

    format: str
    width: int
    height: int


class Box(msgspec.Struct, gc=False):
    """An object of a detection record."""

    label: str
    topX: float  # noqa: N815
    topY: float  # noqa: N815
    bottomX: float  # noqa: N815
    bottomY: float  # noqa: N815
    isCrowd: int  # noqa: N815


class Outline(msgspec.Struct, gc=False):
    """An object of a segmentation record; `polygon` is JSON already."""

    label: str
    isCrowd: int  # noqa: N815
    polygon: msgspec.Raw


class Record(msgspec.Struct, gc=False):
    """A line."""

    image_url: str
    image_details: Details
    label: list[Any]


class Grouped(NamedTuple):
    """All objects in the order of their images: annotation number, image's row, class name, crowd flag of each.

    Image i has the objects `ends[i] - counts of it` to `ends[i]`; `sizes` has the shape (images, 2), width first.
    """

    order: Ints
    rows: Ints
    labels: list[str]
    crowd: Ints
    sizes: Floats
    ends: list[int]


class Clock:
    """Seconds by phase."""

    def __init__(self) -> None:
        """Start the first phase."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        """Add the time since the last lap to a phase."""
        now = time.perf_counter()
        self.seconds[phase] += now - self._last
        self._last = now


def parse(path: Path, kind: type[Any]) -> Any:
    """Parse the mapped file; what is left as `Raw` keeps the mapping open."""
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE, prot=mmap.PROT_READ)
    return msgspec.json.decode(data, type=kind)


def group(file: BoxFile | MaskFile) -> Grouped:
    """Sort the objects by the row of their image."""
    number = len(file.annotations)
    ids = np.array([image.id for image in file.images])
    row_of_id = np.empty(ids.max() + 1, np.int64)
    row_of_id[ids] = np.arange(len(ids))

    def column(name: str) -> Ints:
        return np.fromiter(map(attrgetter(name), file.annotations), np.int64, number)

    rows = row_of_id[column("image_id")]
    order = np.argsort(rows, kind="stable")
    names = {category.id: category.name for category in file.categories}
    labels = list(map(names.__getitem__, column("category_id")[order].tolist()))
    sizes = np.array([(image.width, image.height) for image in file.images], np.float64)
    ends = np.cumsum(np.bincount(rows, minlength=len(ids))).tolist()
    return Grouped(order, rows[order], labels, column("iscrowd")[order], sizes, ends)


def records(images: Iterable[Image], ends: Iterable[int], objects: list[Any], start: int) -> Iterator[Record]:
    """Give each image its objects, of which the first one is `objects[start]`."""
    for image, end in zip(images, ends, strict=True):
        name = image.file_name
        details = Details(name.rpartition(".")[2], image.width, image.height)
        yield Record(PREFIX + name, details, objects[start:end])
        start = end


def detection(source: Path, out: Path, clock: Clock) -> tuple[int, int]:
    """Write boxes; returns the numbers of images and objects."""
    file: BoxFile = parse(source, BoxFile)
    clock.lap("parse")
    grouped = group(file)
    clock.lap("group")
    boxes = np.fromiter(chain.from_iterable(map(attrgetter("bbox"), file.annotations)), np.float64).reshape(-1, 4)
    boxes = boxes[grouped.order]
    boxes[:, 2:] += boxes[:, :2]
    boxes /= np.tile(grouped.sizes, 2)[grouped.rows]
    np.clip(boxes, 0, 1, out=boxes)
    np.round(boxes, 6, out=boxes)
    clock.lap("normalise")
    objects = list(map(Box, grouped.labels, *boxes.T.tolist(), grouped.crowd.tolist()))
    lines = records(file.images, grouped.ends, objects, 0)
    encoder = msgspec.json.Encoder()
    with out.open("wb") as stream:
        while block := list(islice(lines, 2000)):
            stream.write(encoder.encode_lines(block))
    clock.lap("write")
    return len(file.images), len(objects)


def segmentation(source: Path, out: Path, clock: Clock) -> tuple[int, int]:
    """Write outlines; returns the numbers of images and objects."""
    file: MaskFile = parse(source, MaskFile)
    clock.lap("parse")
    grouped = group(file)
    raw = [file.annotations[i].segmentation for i in grouped.order.tolist()]
    scales = 1e6 / grouped.sizes
    render = renderer()
    clock.lap("group")
    crowds = np.flatnonzero(grouped.crowd).tolist()
    outlines = trace_all([raw[i] for i in crowds], scales[grouped.rows[crowds]], render)
    traced = dict(zip(crowds, outlines, strict=True))
    clock.lap("trace")

    decode = msgspec.json.Decoder(list[list[list[float]]]).decode
    encoder = msgspec.json.Encoder()
    crowd = grouped.crowd.tolist()
    start = 0
    with out.open("wb") as stream:
        for first in range(0, len(file.images), IMAGES_AT_ONCE):
            ends = grouped.ends[first : first + IMAGES_AT_ONCE]
            block = range(start, ends[-1])
            polygons = [i for i in block if not crowd[i]]
            parts_of_each = decode(b"[" + b",".join([raw[i] for i in polygons]) + b"]")
            clock.lap("decode")
            parts = list(chain.from_iterable(parts_of_each))
            lengths = np.fromiter(map(len, parts), np.int64, len(parts))
            flat = np.fromiter(chain.from_iterable(parts), np.float64, lengths.sum())
            clock.lap("flatten")
            texts = iter(render(flat, lengths, list(map(len, parts_of_each)), scales[grouped.rows[polygons]]))
            clock.lap("normalise")
            shapes = [traced[i] if crowd[i] else next(texts) for i in block]
            here = slice(start, ends[-1])
            objects = list(map(Outline, grouped.labels[here], crowd[here], shapes))
            images = file.images[first : first + IMAGES_AT_ONCE]
            stream.write(encoder.encode_lines(records(images, [end - start for end in ends], objects, 0)))
            start = ends[-1]
            clock.lap("write")
    return len(file.images), len(raw)


Render: TypeAlias = Callable[[Floats, Ints, list[int], Floats], list[msgspec.Raw]]


def renderer() -> Render:
    """Return the function that writes coordinates as JSON.

    As every coordinate takes the same nine bytes, 0.000000, to 1.000000, a table of all of them does it.
    """
    numbers = np.arange(1_000_001)
    table = np.empty((len(numbers), 9), np.uint8)
    table[:] = np.frombuffer(b"0.000000,", np.uint8)
    table[-1, 0] += 1
    for digit in range(6):
        table[:, 7 - digit] += (numbers // 10**digit % 10).astype(np.uint8)
    cells = table.view("V9").ravel()

    def render(flat: Floats, lengths: Ints, counts: list[int], scales: Floats) -> list[msgspec.Raw]:
        """Write objects of `counts` rings of `lengths` numbers; `scales`, (objects, 2), makes pixels millionths."""
        scales = np.repeat(np.repeat(scales, counts, axis=0), lengths // 2, axis=0)
        millionths = np.rint(flat.reshape(-1, 2) * scales).astype(np.int32)
        # Clipping keeps what lies past the border on it.
        text = cells.take(millionths.ravel(), mode="clip").tobytes()
        ends = (9 * np.cumsum(lengths)).tolist()
        polygons = []
        ring = start = 0
        for count in counts:
            if count == 1:
                polygons.append(msgspec.Raw(b"[[%b]]" % text[start : ends[ring] - 1]))
            else:
                starts = [start, *ends[ring : ring + count - 1]]
                rings = [text[a : b - 1] for a, b in zip(starts, ends[ring : ring + count], strict=True)]
                polygons.append(msgspec.Raw(b"[[%b]]" % b"],[".join(rings)))
            ring += count
            start = ends[ring - 1]
        return polygons

    return render


def trace_all(raw: list[msgspec.Raw], scales: Floats, render: Render) -> list[msgspec.Raw]:
    """Trace masks.

    Masks of one height are traced side by side as one wide mask, an empty column after each: most of what tracing a
    single one costs is the overhead of numpy's calls.
    """
    decode = msgspec.json.Decoder(RunLengths).decode
    by_height = defaultdict(list)
    masks = list(map(decode, raw))
    for i, mask in enumerate(masks):
        by_height[mask.size[0]].append(i)
    outlines = [msgspec.Raw()] * len(raw)
    for height, members in by_height.items():
        for first in range(0, len(members), MASKS_AT_ONCE):
            block = members[first : first + MASKS_AT_ONCE]
            for i, outline in zip(
                block, trace_block([masks[i] for i in block], height, scales[block], render), strict=True
            ):
                outlines[i] = outline
    return outlines


def trace_block(masks: list[RunLengths], height: int, scales: Floats, render: Render) -> list[msgspec.Raw]:
    """Trace masks of one height at once."""
    runs = [0]
    for mask in masks:
        # The runs so far end with background, as the mask's own begin.
        runs[-1] += mask.counts[0]
        runs += mask.counts[1:]
        if len(runs) % 2:
            runs[-1] += height
        else:
            runs.append(height)
    widths = np.array([mask.size[1] + 1 for mask in masks])
    offsets = np.cumsum(widths) - widths
    rings = trace(np.array(runs), height, int(widths.sum()))
    owners = np.searchsorted(offsets, [ring[0, 0] for ring in rings], side="right") - 1
    rings = [rings[i] for i in np.argsort(owners, kind="stable").tolist()]
    counts = np.bincount(owners, minlength=len(masks))
    lengths = np.array([ring.size for ring in rings])
    flat = np.concatenate(rings)
    flat[:, 0] -= np.repeat(np.repeat(offsets, counts), lengths // 2)
    return render(flat, lengths, counts.tolist(), scales)


def main() -> None:
    """Read the command line, convert, and report."""
    parser = argparse.ArgumentParser(description="Convert one COCO file as fast as one process does it by hand.")
    parser.add_argument("source", type=Path, metavar="IN.json")
    parser.add_argument("out", type=Path, metavar="OUT.jsonl")
    tasks = {"image_object_detection": detection, "image_instance_segmentation": segmentation}
    parser.add_argument("--task", choices=tasks, required=True)
    options = parser.parse_args()
    gc.disable()
    clock = Clock()
    images, objects = tasks[options.task](options.source, options.out, clock)
    seconds = {phase: round(value, 2) for phase, value in clock.seconds.items()}
    print(json.dumps({"images": images, "objects": objects, "seconds": seconds}))


if __name__ == "__main__":
    main()
