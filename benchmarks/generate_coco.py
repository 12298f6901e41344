"""Write a COCO instances file of the size and shape of train2017, without a network.

    python -m benchmarks.generate_coco OUT.json [--images 118287] [--objects 863000] [--seed 0] [--pairs]

The file is one line. Annotations are not grouped by image. One object in ten has several parts, one in two hundred has
parts that overlap, 1.2 % are crowds with uncompressed run lengths, 1 % of the images have no annotation; and, as in
the official file, a few boxes have no width and a few end past the border. With `--pairs` one object in ten has two parts
that overlap, and no other has several. The same arguments give the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import IO, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

# (width, height), and how many of a hundred images have it; the remaining ones are 640 on one side.
SIZES = {(640, 480): 26, (640, 427): 22, (480, 640): 15, (427, 640): 8, (640, 426): 6, (500, 375): 6, (612, 612): 3}
OTHER_SIZES = 14
CATEGORY_IDS = [i for i in range(1, 91) if i not in {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}]
MATERIALS = ("amber", "birch", "copper", "felt", "granite", "linen", "paper", "slate", "tin", "wicker")
THINGS = ("anvil", "bell", "crate", "drum", "kettle", "ladder", "parasol", "sundial")

SINGLE, CROWD, PARTS, OVERLAPPING, ZERO_WIDTH, PAST_BORDER, PAIR = range(7)
SHARES = {CROWD: 0.012, PARTS: 0.095, OVERLAPPING: 0.005, ZERO_WIDTH: 5e-6, PAST_BORDER: 1e-4}
SHARES_WITH_PAIRS = {CROWD: 0.012, PAIR: 0.1, ZERO_WIDTH: 5e-6, PAST_BORDER: 1e-4}

BLOCK = 20_000
# Every number of two decimals from 0 to 660 as the official file spells it: 348, 120.5, 0.25.
HUNDREDTHS = [f"{value / 100:.2f}".rstrip("0").rstrip(".") for value in range(66_000)]


class Outlines(NamedTuple):
    """A stock of star-shaped outlines, sorted by their number of corners; each spans exactly [0, 1] × [0, 1].

    Outline i is `corners[starts[i] : starts[i] + lengths[i]]`; `corners` has the shape (all corners, 2).
    """

    corners: Floats
    starts: Ints
    lengths: Ints


class Parts(NamedTuple):
    """Parts of objects, in pixels: `boxes` (parts, 4) as left, top, width, height; `owners` ascend from 0."""

    owners: Ints
    outlines: Ints
    boxes: Floats


class Table(NamedTuple):
    """One row an image: `ids` ascend in no order, `sizes` has the shape (images, 2), width before height."""

    ids: Ints
    sizes: Ints


def generate(out: Path, images: int, objects: int, seed: int, shares: dict[int, float]) -> None:
    """Write the file in blocks, so that memory does not grow with it."""
    rng = np.random.default_rng(seed)
    table = image_table(rng, images)
    with out.open("wb") as file:
        file.write(b'{"info": {"description": "Generated in the shape of train2017","version": "1.0","year": 2017},')
        licenses = (
            f'{{"url": "http://example.org/licenses/{i}/","id": {i},"name": "License {i}"}}' for i in range(1, 9)
        )
        file.write(f'"licenses": [{",".join(licenses)}],"images": ['.encode())
        write_joined(file, image_blocks(rng, table))
        file.write(b'],"annotations": [')
        write_joined(file, annotation_blocks(rng, table, objects, shares))
        names = (f"{material} {thing}" for thing, material in product(THINGS, MATERIALS))
        categories = (
            f'{{"supercategory": "{name.split()[1]}","id": {i},"name": "{name}"}}'
            for i, name in zip(CATEGORY_IDS, names, strict=True)
        )
        file.write(f'],"categories": [{",".join(categories)}]}}'.encode())


def write_joined(file: IO[bytes], blocks: Iterator[list[str]]) -> None:
    """Write the records of all blocks with a comma between any two."""
    for number, block in enumerate(blocks):
        file.write(b"," * (number > 0) + ",".join(block).encode())


def image_table(rng: np.random.Generator, images: int) -> Table:
    """Draw ids without repetition, and sizes."""
    ids = rng.permutation(5 * images)[:images] + 1
    long_side = np.array([*SIZES, (640, 640)], dtype=np.int64)
    shares = np.array([*SIZES.values(), OTHER_SIZES])
    sizes = long_side[rng.choice(len(shares), images, p=shares / shares.sum())]
    other = np.flatnonzero((sizes == 640).all(axis=1))
    sizes[other, rng.integers(0, 2, len(other))] = rng.integers(320, 641, len(other))
    return Table(ids, sizes)


def image_blocks(rng: np.random.Generator, table: Table) -> Iterator[list[str]]:
    """Yield the image records."""
    for start in range(0, len(table.ids), BLOCK):
        ids = table.ids[start : start + BLOCK].tolist()
        numbers = rng.integers([1, 1, 1000, 10**9, 2**39, 1, 0], [9, 10, 9999, 10**10, 2**40, 29, 86400], (len(ids), 7))
        yield [
            f'{{"license": {license_id},"file_name": "{i:012d}.jpg",'
            f'"coco_url": "http://images.cocodataset.org/train2017/{i:012d}.jpg","height": {height},"width": {width},'
            f'"date_captured": "2013-11-{day:02d} {time // 3600:02d}:{time // 60 % 60:02d}:{time % 60:02d}",'
            f'"flickr_url": "http://farm{farm}.staticflickr.com/{server}/{photo}_{secret:010x}_z.jpg","id": {i}}}'
            for i, (width, height), (license_id, farm, server, photo, secret, day, time) in zip(
                ids, table.sizes[start : start + BLOCK].tolist(), numbers.tolist(), strict=True
            )
        ]


def annotation_blocks(
    rng: np.random.Generator, table: Table, objects: int, shares: dict[int, float]
) -> Iterator[list[str]]:
    """Yield the annotation records, in an order that has nothing to do with that of the images."""
    rows = image_of_each_object(rng, len(table.ids), objects)
    kinds = kind_of_each_object(rng, objects, shares)
    ids = rng.permutation(3 * objects)[:objects] + 1
    outlines = outline_stock(rng, 4096)
    blobs = [blob(rng) for _ in range(64)]
    for start in range(0, objects, BLOCK):
        block = slice(start, start + BLOCK)
        sizes = table.sizes[rows[block]]
        shapes = polygons(rng, outlines, kinds[block], sizes)
        for i in np.flatnonzero(kinds[block] == CROWD).tolist():
            shapes[i] = crowd(rng, blobs, *sizes[i].tolist())
        categories = np.array(CATEGORY_IDS)[(80 * rng.random(len(sizes)) ** 2.5).astype(np.int64)]
        yield [
            f'{{"segmentation": {segmentation},"area": {area},"iscrowd": {kind == CROWD:d},"image_id": {image},'
            f'"bbox": [{bbox}],"category_id": {category},"id": {i}}}'
            for (segmentation, area, bbox), kind, image, category, i in zip(
                shapes,
                kinds[block].tolist(),
                table.ids[rows[block]].tolist(),
                categories.tolist(),
                ids[block].tolist(),
                strict=True,
            )
        ]


def image_of_each_object(rng: np.random.Generator, images: int, objects: int) -> Ints:
    """Draw the image's row for each object: one image in a hundred has none, few have very many."""
    annotated = rng.permutation(images)[max(1, images // 100) :]
    weights = rng.gamma(0.8, size=len(annotated))
    crowding = rng.choice(annotated, max(0, objects - len(annotated)), p=weights / weights.sum())
    return rng.permutation(np.concatenate([annotated, crowding])[:objects])


def kind_of_each_object(rng: np.random.Generator, objects: int, shares: dict[int, float]) -> Ints:
    """Draw the kinds, each of them at least once however small the file is."""
    kinds = [np.full(max(1, round(share * objects)), kind) for kind, share in shares.items()]
    special = np.concatenate(kinds)[:objects]
    return rng.permutation(np.concatenate([special, np.full(objects - len(special), SINGLE)]))


def outline_stock(rng: np.random.Generator, number: int) -> Outlines:
    """Draw outlines of about 20 corners on average (an object, with its parts, has 25), of 4 at least and of some hundreds at most."""
    lengths = np.sort(np.clip(rng.lognormal(np.log(15.5), 0.67, number), 4, 400).astype(np.int64))
    return Outlines(np.concatenate([star(rng, n) for n in lengths]), np.cumsum(lengths) - lengths, lengths)


def star(rng: np.random.Generator, corners: int) -> Floats:
    """Draw one outline, shape (corners, 2): the distance from the middle varies with the angle."""
    angles = 2 * np.pi / corners * (np.arange(corners) + rng.uniform(-0.4, 0.4, corners))
    waves = np.arange(1, 6)
    radii = 1 + np.sin(np.outer(angles, waves) + rng.uniform(0, 2 * np.pi, 5)) @ (rng.uniform(0, 0.5, 5) / waves)
    xy = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    low, high = xy.min(axis=0), xy.max(axis=0)
    return np.asarray((xy - low) / (high - low))


def polygons(
    rng: np.random.Generator, outlines: Outlines, kinds: Ints, sizes: Ints
) -> list[tuple[str, float | int, str]]:
    """Draw (segmentation, area, bbox) for each object, as they stand in the file."""
    parts = place_parts(rng, outlines, kinds, sizes)
    lengths = outlines.lengths[parts.outlines]
    ends = np.cumsum(lengths)
    starts = ends - lengths
    corner = np.arange(ends[-1]) + np.repeat(outlines.starts[parts.outlines] - starts, lengths)
    boxes = np.repeat(parts.boxes, lengths, axis=0)
    points = np.rint(100 * (boxes[:, :2] + outlines.corners[corner] * boxes[:, 2:])).astype(np.int64)

    following = np.arange(1, len(points) + 1)
    following[ends - 1] = starts
    x, y = points.T / 100
    areas = np.bincount(parts.owners, np.abs(np.add.reduceat(x * y[following] - x[following] * y, starts)) / 2)
    first_parts = np.flatnonzero(np.diff(parts.owners, prepend=-1))
    low = np.minimum.reduceat(points, starts[first_parts])
    extent = np.maximum.reduceat(points, starts[first_parts]) - low

    text = [HUNDREDTHS[value] for value in points.ravel().tolist()]
    rings = [f"[{','.join(text[2 * a : 2 * b])}]" for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    cuts = [*first_parts.tolist(), len(rings)]
    return [
        (f"[{','.join(rings[cuts[i] : cuts[i + 1]])}]", area, ",".join([HUNDREDTHS[value] for value in bbox]))
        for i, (area, bbox) in enumerate(zip(areas.tolist(), np.hstack([low, extent]).tolist(), strict=True))
    ]


def place_parts(rng: np.random.Generator, outlines: Outlines, kinds: Ints, sizes: Ints) -> Parts:
    """Draw each object's box, larger ones with more corners, and divide it among the object's parts."""
    objects = len(kinds)
    scale = rng.normal(np.log(0.1), 0.95, objects)
    shape = rng.normal(0, 0.3, objects)
    extent = np.clip(np.exp(np.stack([scale + shape, scale - shape], axis=1)) * sizes, 3, sizes)
    extent[kinds == ZERO_WIDTH, 0] = 0
    origin = rng.random((objects, 2)) * (sizes - extent)
    past = np.flatnonzero(kinds == PAST_BORDER)
    axis = rng.integers(0, 2, len(past))
    origin[past, axis] = (sizes - extent)[past, axis] + rng.uniform(0.05, 2, len(past))

    several = np.isin(kinds, (PARTS, OVERLAPPING, PAIR))
    numbers = np.where(several, rng.choice([2, 3, 4, 5], objects, p=[0.7, 0.18, 0.08, 0.04]), 1)
    numbers[kinds == PAIR] = 2
    owners = np.repeat(np.arange(objects), numbers)
    nth = np.arange(len(owners)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    fraction = np.select([kinds == PARTS, np.isin(kinds, (OVERLAPPING, PAIR))], [0.9 / numbers, 1.4 / numbers], 1.0)
    step = (1 - fraction) / np.maximum(numbers - 1, 1)
    along = np.arange(2) == np.argmax(extent, axis=1)[:, None]
    part_extent = extent * np.where(along, fraction[:, None], 1)
    part_origin = origin[owners] + (extent * np.where(along, step[:, None], 0))[owners] * nth[:, None]

    rank = 0.5 + 0.12 * (scale - np.log(0.1))[owners] + rng.uniform(-0.5, 0.5, len(owners))
    chosen = (np.clip(rank / np.sqrt(numbers)[owners], 0, 0.9999) * len(outlines.lengths)).astype(np.int64)
    return Parts(owners, chosen, np.hstack([part_origin, part_extent[owners]]))


def blob(rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Draw a mask, some of several islands or with holes, that fills over half of its 320 × 320 pixels."""
    grid = np.linspace(0, 1, 320)
    bumps = [np.exp(-(((grid - at) / rng.uniform(0.08, 0.25)) ** 2)) for at in rng.uniform(0.1, 0.9, 24)]
    field = sum(np.outer(a, b) for a, b in zip(bumps[::2], bumps[1::2], strict=True))
    return np.asarray(field > np.quantile(field, 0.45))


def crowd(
    rng: np.random.Generator, blobs: list[npt.NDArray[np.bool_]], width: int, height: int
) -> tuple[str, float | int, str]:
    """Draw (segmentation, area, bbox) for a crowd that covers 5 to 40 % of the image, as they stand in the file."""
    shape = blobs[rng.integers(len(blobs))]
    side = np.sqrt(rng.uniform(0.05, 0.40) / shape.mean())
    w, h = (min(length, round(length * side)) for length in (width, height))
    left, top = rng.integers(width - w + 1), rng.integers(height - h + 1)
    # Transposed, because run lengths go down the columns.
    mask = np.zeros((width, height), dtype=bool)
    mask[left : left + w, top : top + h] = shape[np.ix_(np.arange(w) * 320 // w, np.arange(h) * 320 // h)]
    changes = np.flatnonzero(np.diff(mask.ravel(), prepend=False, append=~mask[-1, -1]))
    counts = np.diff(changes, prepend=0).tolist()
    columns, rows = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    bbox = f"{columns[0]},{rows[0]},{np.ptp(columns) + 1},{np.ptp(rows) + 1}"
    return f'{{"counts": [{",".join(map(str, counts))}],"size": [{height},{width}]}}', int(mask.sum()), bbox


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description="Write a COCO instances file of the size and shape of train2017.")
    parser.add_argument("out", type=Path, metavar="OUT.json")
    parser.add_argument("--images", type=int, default=118_287)
    parser.add_argument("--objects", type=int, default=863_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pairs", action="store_true", help="one object in ten has two parts that overlap")
    options = parser.parse_args()
    shares = SHARES_WITH_PAIRS if options.pairs else SHARES
    generate(options.out, options.images, options.objects, options.seed, shares)


if __name__ == "__main__":
    main()
