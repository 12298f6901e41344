"""A manifest, and an evaluation, as what the page shows of them: tables and charts. Pure.

Everything here comes from counts; what is read of a build are the samples (`transforms.report.samples`) alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec
from markupsafe import Markup

from labelbeam.schemas.config import SPLITS
from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.schemas.statistics import GRID, IMAGE_EDGES, OBJECT_EDGES, RATIO_EDGES, SIDE_EDGES, SplitStatistics
from labelbeam.transforms.report.charts import bar, heat_map, histogram

HEAD = 40
"""Labels that a table shows at first."""

SHORT = 8
"""Labels up to which nobody needs the length of their tail in words."""

MOST_LABELS = 1000
"""Labels that a table holds; the manifest has all."""

DOCS = {str(reason): reason.doc for kind in (Rejected, Skipped, Adjusted) for reason in kind}


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its title, a remark, and its numbers as a table: a head and rows."""

    title: str
    svg: Markup
    note: str = ""
    head: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A label: its objects, the images that show it (None: not known), and its share of the objects of each split."""

    name: str
    objects: int
    images: int | None
    shares: list[tuple[int, float, Markup]]


@dataclass(frozen=True, slots=True)
class Labels:
    """The table of labels, the most frequent first; how many the table leaves out; and how long the tail is, in words."""

    rows: list[LabelRow]
    left_out: int
    tail: str


def in_order(manifest: Manifest) -> Manifest:
    """The manifest with its splits in the order in which people name them: train, validation, test; each with statistics, also one
    without an image, so that a split has the same number everywhere.
    """
    splits = {split: manifest.splits[split] for split in SPLITS if split in manifest.splits}
    statistics = manifest.statistics or {}
    found = {split: statistics.get(split, SplitStatistics()) for split in splits} if statistics else {}
    return msgspec.structs.replace(manifest, splits=splits, statistics=found or None)


def reasons(counts: Mapping[str, int]) -> list[tuple[str, int, str]]:
    """Code, count and meaning, the most frequent first."""
    return [(code, count, DOCS.get(code, "")) for code, count in sorted(counts.items(), key=lambda i: (-i[1], i[0]))]


def labels_table(manifest: Manifest) -> Labels:
    """The labels of a build, side by side over its splits."""
    totals: Counter[str] = Counter()
    for counts in manifest.label_counts.values():
        totals.update(counts)
    images: Counter[str] = Counter()
    for part in (manifest.statistics or {}).values():
        images.update(part.images_by_label)
    of_split = {split: sum(manifest.label_counts.get(split, {}).values()) for split in manifest.splits}
    # Bars share one scale, the largest share of any label, or those of a hundred labels would be invisible.
    shares = {
        name: [manifest.label_counts.get(split, {}).get(name, 0) / max(total, 1) for split, total in of_split.items()]
        for name in totals
    }
    most = max((share for row in shares.values() for share in row), default=1) or 1
    ordered = sorted(totals, key=lambda name: (-totals[name], name))
    rows = [
        LabelRow(
            name,
            totals[name],
            images[name] if manifest.statistics is not None else None,
            [
                (manifest.label_counts.get(split, {}).get(name, 0), share, bar(share / most, number))
                for number, (split, share) in enumerate(zip(of_split, shares[name], strict=True))
            ],
        )
        for name in ordered[:MOST_LABELS]
    ]
    return Labels(rows, len(ordered) - len(rows), _tail([totals[name] for name in ordered]))


def _tail(counts: Sequence[int]) -> str:
    if len(counts) <= SHORT:
        return ""
    total, so_far, most = sum(counts), 0, 0
    for most, count in enumerate(counts, start=1):  # noqa: B007  # its last value is used
        so_far += count
        if so_far >= total * 0.9:
            break
    return (
        f"The most frequent one was written {counts[0]:,} times, the median one {counts[len(counts) // 2]:,}, the rarest {counts[-1]:,}. "
        f"{most:,} of {len(counts):,} labels make up 90 % of all."
    )


def missing_labels(manifest: Manifest) -> list[tuple[str, list[str]]]:
    """For each split that lacks some of the labels, which."""
    found = []
    for split in manifest.splits:
        missing = [name for name in manifest.labels if name not in manifest.label_counts.get(split, {})]
        if missing and len(missing) < len(manifest.labels):
            found.append((split, missing))
    return found


def bin_names(edges: Sequence[float], whole: bool = False) -> list[str]:
    """Names of bins between edges; `whole` numbers from one edge to before the next.

    >>> bin_names((1, 2, 10), whole=True), bin_names((4, 6))
    (['0', '1', '2–9', '10+'], ['<4', '4–6', '6+'])
    """
    if not whole:
        return [f"<{edges[0]:g}", *(f"{low:g}–{high:g}" for low, high in pairwise(edges)), f"{edges[-1]:g}+"]
    bins = [(0, edges[0]), *pairwise(edges)]
    return [f"{low:g}" if high - low == 1 else f"{low:g}–{high - 1:g}" for low, high in bins] + [f"{edges[-1]:g}+"]


_RATIOS = {1 / 8: "1:8", 1 / 6: "1:6", 1 / 4: "1:4", 1 / 3: "1:3", 1 / 2: "1:2", 2 / 3: "2:3", 4 / 5: "4:5"}
_RATIOS |= {5 / 4: "5:4", 3 / 2: "3:2", 2: "2:1", 3: "3:1", 4: "4:1", 6: "6:1", 8: "8:1"}


def ratio_names() -> list[str]:
    """Names of the bins of width by height: by the edge that is nearer to a square."""
    names = [_RATIOS[edge] for edge in RATIO_EDGES]
    square = RATIO_EDGES.index(5 / 4)
    return [f"<{name}" for name in names[:square]] + ["square"] + [f">{name}" for name in names[square:]]


def charts(manifest: Manifest) -> list[Chart]:
    """Histograms of images and objects, stacked over the splits; none where the manifest holds no statistics."""
    statistics = manifest.statistics or {}
    if not statistics:
        return []
    many = manifest.task != "image_classification"
    what = "labels" if manifest.task == "image_classification_multilabel" else "objects"
    found = []
    if many:
        names = bin_names(OBJECT_EDGES, whole=True)
        found.append(_chart(f"{what.capitalize()} an image", names, statistics, "objects_an_image"))
    found.append(_chart("Longer side of the images, in pixels", bin_names(IMAGE_EDGES), statistics, "image_sides"))
    if any(part.box_sides for part in statistics.values()):
        side = "The square root of width × height, in pixels of the image as it is published."
        found.append(_chart("Size of boxes, in pixels", bin_names(SIDE_EDGES), statistics, "box_sides", side))
        found.append(_chart("Width to height of boxes", ratio_names(), statistics, "box_ratios"))
    return found


def _chart(title: str, bins: list[str], statistics: Mapping[str, SplitStatistics], name: str, note: str = "") -> Chart:
    series = {split: list(getattr(part, name)) or [0] * len(bins) for split, part in statistics.items()}
    used = [number for number in range(len(bins)) if any(counts[number] for counts in series.values())]
    first, last = (used[0], used[-1] + 1) if used else (0, len(bins))
    bins, series = bins[first:last], {split: counts[first:last] for split, counts in series.items()}
    rows = [(name, *counts) for name, *counts in zip(bins, *series.values(), strict=True)]
    return Chart(title, histogram(title, bins, series), note, ["", *series], rows)


def sizes_table(manifest: Manifest) -> list[tuple[str, list[tuple[int, float]]]]:
    """Small, medium and large boxes of each split: counts and shares. Empty where nothing is known of boxes."""
    small, large = SIDE_EDGES.index(32) + 1, SIDE_EDGES.index(96) + 1
    found = []
    for split, part in (manifest.statistics or {}).items():
        if sides := part.box_sides:
            counts = [sum(sides[:small]), sum(sides[small:large]), sum(sides[large:])]
            found.append((split, [(count, count / max(sum(counts), 1)) for count in counts]))
    return found


def maps(manifest: Manifest) -> list[Chart]:
    """Maps of the centres of boxes in their images, a map a split."""
    return [
        Chart(split, heat_map(f"Where boxes of {split} have their centres", part.positions, GRID))
        for split, part in (manifest.statistics or {}).items()
        if any(part.positions)
    ]


def options(manifest: Manifest) -> list[tuple[str, str]]:
    """The options that decided about the build, as flags."""
    return [(f"--{name.replace('_', '-')}", _option(value)) for name, value in manifest.config.items()]


def _option(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
