"""Rows of a table of boxes, read into the neutral form: a box each, in the frame that all of them tell."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from labelbeam.schemas.doubts import Doubt
from labelbeam.schemas.neutral import Box, SourceImage, SourceObject
from labelbeam.schemas.reasons import Rejected, Skipped
from labelbeam.transforms.formats.beside import tell_beside
from labelbeam.transforms.formats.boxtable.columns import SIDES, BoxColumns
from labelbeam.transforms.formats.cloud_rows import below_bucket, cloud_rows, is_cloud_url
from labelbeam.transforms.formats.coco.evidence import Collector
from labelbeam.transforms.formats.coco.values import RecordError, bbox_of
from labelbeam.transforms.formats.drawn import declare_size, label_of
from labelbeam.transforms.formats.folder.answers import confidence_column, sureness
from labelbeam.transforms.formats.folder.cells import parse_list
from labelbeam.transforms.formats.folder.columns import SEPARATOR_LINE
from labelbeam.transforms.formats.folder.flags import number
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.rows import NOT_TEXT
from labelbeam.transforms.formats.folder.split_columns import SplitColumns, split_columns
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.labels import says_there_is_none
from labelbeam.transforms.formats.named_images import ImageFinder, image_named, reject_image, reject_object
from labelbeam.transforms.messages.words import counted, printable

_NOTHING = frozenset({"", "nan", "none", "null", "na"})
_NO_OBJECT = frozenset({"no finding", "no findings", "normal"})
"""What labels of medical images say where no box goes with them."""

_LONGEST_CELL = 2**20


class BoxRow(NamedTuple):
    """A row as text: what stands for the image, the label and each side; "" where nothing does. `wrong` says what cannot be read."""

    locator: str
    image: str = ""
    label: str = ""
    sides: tuple[str, ...] = ()
    split: str | None = None
    size: tuple[str, str] = ("", "")
    crowd: bool = False
    raw: str = ""
    wrong: str = ""
    sure: float | None = None
    beside: Mapping[str, str] = {}


def rows_of(
    name: str, data: bytes, columns: BoxColumns, options: FolderOptions, doubts: list[Doubt]
) -> Iterator[BoxRow]:
    """The rows of the table `name`, without its header; what is doubtful about its columns goes into `doubts`.

    What tells the split and how sure a label is, all rows tell together, as in tables of labels.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    else:
        # What is not UTF-8 survives as lone surrogates, which reject their row.
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    if columns.cloud:
        for row in cloud_rows(text):
            sides = () if row.box is None else tuple(map(str, row.box))
            label = row.labels[0] if row.labels else ""
            yield BoxRow(f"line {row.line}", row.url, label, sides, row.split, raw=row.raw, wrong=row.wrong)
        return
    rows, wrong = _cells_of(text, columns)
    whole = [cells for _, cells in rows if len(cells) >= len(columns.names)]
    splits = split_columns(name, columns.names, whole, columns.image, options, doubts)
    sure = confidence_column(columns.names, whole, columns.label, columns.image)
    for line, cells in rows:
        yield _row(f"line {line}", cells, columns, splits, sure)
    if wrong:
        yield BoxRow("its end", wrong=wrong)


def _cells_of(text: str, columns: BoxColumns) -> tuple[list[tuple[int, list[str]]], str]:
    """The cells of each row that is not blank, with its line; and what ended the reading before the end."""
    if csv.field_size_limit() < _LONGEST_CELL:
        csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=columns.delimiter, skipinitialspace=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(map(str.strip, cells)) and not (
                not rows and SEPARATOR_LINE.fullmatch(columns.delimiter.join(cells))
            ):
                rows.append((reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        return rows[columns.header :], f"it is no CSV: {error}"
    return rows[columns.header :], ""


def _row(
    locator: str, cells: Sequence[str], columns: BoxColumns, splits: SplitColumns, confidence: int | None
) -> BoxRow:
    raw = printable(columns.delimiter.join(cells)[:500])
    wrong = ""
    if len(cells) < len(columns.names) or any(cells[len(columns.names) :]):
        wrong = f"the row has {counted(len(cells), 'cell')}, expected {len(columns.names)}"
    elif any(map(NOT_TEXT.search, cells)):
        wrong = "the row is not valid UTF-8; save the table as UTF-8"
    if wrong:
        image = cells[columns.image] if len(cells) > columns.image else ""
        return BoxRow(locator, "" if NOT_TEXT.search(image) else image, raw=raw, wrong=wrong)
    sides = tuple(cells[at] for at in columns.box)
    if len(sides) == 1:
        sides = _sides_in(sides[0])
    return BoxRow(
        locator,
        cells[columns.image],
        cells[columns.label] if columns.label >= 0 else "",
        () if all(side.lower() in _NOTHING for side in sides) else sides,
        splits.split(cells),
        ("", "") if columns.size is None else (cells[columns.size[0]], cells[columns.size[1]]),
        columns.crowd is not None and cells[columns.crowd].lower() in ("1", "1.0", "true", "yes"),
        raw,
        sure=None if confidence is None else sureness(cells[confidence]),
        beside={name: cells[at] for at, name in columns.beside if at != confidence},
    )


def _sides_in(cell: str) -> tuple[str, ...]:
    """The sides of a box in one cell: a list, numbers without brackets, or a mapping, of which corners become sizes. The cell itself where it is none."""
    if cell.lower() in _NOTHING:
        return ()
    inside = parse_list(cell)
    if inside is not None and not any(isinstance(item, dict) for item in inside):
        return tuple(str(side) for side in inside)
    try:
        box = bbox_of(cell, set())
    except RecordError:
        return (cell,)
    return () if box is None else tuple(map(str, box))


def read_rows(
    rows: Iterable[BoxRow],
    columns: BoxColumns,
    images: ImageFinder,
    evidence: Evidence,
    *,
    path: str,
    source: str,
    split: str | None,
    with_boxes: bool = True,
) -> list[SourceImage]:
    """Read the rows of the table at `path` into images, in the order in which they are first named.

    What boxes tell of their frame goes into `evidence`, as for COCO; `split` is the table's own. Without `with_boxes` the labels of
    boxes are those of their images, each once.
    """
    by_name: dict[str, SourceImage] = {}
    places: dict[int, int] = {}
    numbers: list[tuple[float, ...]] = []
    of: list[SourceImage] = []
    for row in rows:
        image = by_name.get(row.image) if row.image else None
        name = row.image or f"\0{row.locator}"
        if image is not None and _of_another_size(row, image):
            name = f"{row.image}\0{row.size}"
            image = by_name.get(name)  # A record of its own, whose boxes lie in another frame.
        if image is None:
            image = _image_of(row, images, path, source, evidence)
            by_name[name] = image
            places[id(image)] = len(places)
            image.split = split or row.split or image.split
            if columns.cloud:
                evidence.add("unassigned" if row.split is None else "assigned", 1, row.image[:200])
        if row.wrong or not row.image:
            if row.image:
                reject_object(image, Rejected.INVALID_RECORD, row.wrong, row.locator, row.raw)
            continue
        if row.sure is not None and row.sure <= 0 and row.label:
            image.skipped.append(Skipped.LABEL_ABSENT)
            continue
        if row.sure is not None and row.sure < 1:
            evidence.add("unsure", 1, f"{path} {row.locator}")
        made = _object(image, row, columns.kind, with_boxes)
        if made is None:
            continue
        if with_boxes or all(made.label != item.label for item in image.objects):
            image.objects.append(made)
        if made.bbox is not None:
            left, top, right, bottom = made.bbox
            numbers.append((left, top, right - left, bottom - top))
            of.append(image)
    if numbers:
        collector = Collector(evidence, [image.locator for image in of].__getitem__)
        sizes = np.array([(image.width or 0, image.height or 0) for image in of], np.int32)
        ids = np.array([places[id(image)] for image in of], np.int64)
        collector.boxes(np.array(numbers, np.float64), sizes, np.full(len(of), np.nan), ids)
    return list(by_name.values())


def _image_of(row: BoxRow, images: ImageFinder, path: str, source: str, evidence: Evidence) -> SourceImage:
    locator = f"{path} {row.locator}"
    evidence.add("images", 1)
    if not row.image:
        image = SourceImage(path, source, locator)
        reject_image(image, Rejected.INVALID_RECORD, row.wrong or "the row names no image")
        return image
    stored = is_cloud_url(row.image)
    name = below_bucket(row.image) if stored else row.image
    image = image_named(name, images, path, source, locator)
    if stored and image.path not in images and not image.rejected:
        evidence.add("elsewhere", 1, row.image[:200])
        message = f"{row.image[:200]!r} is not among the files, and URLs are not fetched; --images names the directory that holds it"
        reject_image(image, Rejected.MISSING_IMAGE, message)
    width, height = (_whole(side) for side in row.size)
    declare_size(image, width, height)
    return image


def _of_another_size(row: BoxRow, image: SourceImage) -> bool:
    width, height = (_whole(side) for side in row.size)
    sized = isinstance(width, int) and isinstance(height, int) and image.width is not None and image.height is not None
    return sized and (width, height) != (image.width, image.height)


def _whole(cell: str) -> int | str | None:
    found = number(cell)
    if cell.lower() in _NOTHING:
        return None
    return int(found) if found is not None and found.is_integer() else cell


def _object(image: SourceImage, row: BoxRow, kind: str, with_boxes: bool) -> SourceObject | None:
    """The object of a row; None where it has none, or where it is rejected."""
    boxed = any(number(side) != 0 for side in row.sides)  # As well as no box, zeros stand for none.
    if not boxed and row.label.lower() in _NOTHING:
        return None  # An image without objects.
    label = label_of(row.label, image)
    if label is None:
        reject_object(image, Rejected.INVALID_LABEL, "the box has no label", row.locator, row.raw)
        return None
    if not with_boxes:
        return SourceObject(label, row.locator)
    if not boxed and (says_there_is_none(label) or label.casefold() in _NO_OBJECT):
        image.skipped.append(Skipped.EMPTY_LABEL)
        return None
    if not row.sides:
        reject_object(image, Rejected.MISSING_BBOX, f"the label {label!r:.80} has no box", row.locator, row.raw)
        return None
    box = _box(row.sides, kind)
    if box is None:
        message = f"the box is {', '.join(row.sides)!r:.80}, expected four finite numbers"
        reject_object(image, Rejected.INVALID_BBOX, message, row.locator, row.raw)
        return None
    if row.beside:
        tell_beside(image, row.beside, upright=True)
    return SourceObject(label, row.locator, box, crowd=row.crowd)


def _box(sides: Sequence[str], kind: str) -> Box | None:
    found = [value for side in sides if (value := number(side)) is not None]
    if len(found) != SIDES or len(sides) != SIDES:
        return None
    x, y, third, fourth = found
    if kind == "corners":
        return x, y, third, fourth
    if kind == "centre":
        return x - third / 2, y - fourth / 2, x + third / 2, y + fourth / 2
    return x, y, x + third, y + fourth
