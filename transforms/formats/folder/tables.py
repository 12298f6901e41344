"""Label tables of image folders: `labels.csv`, one-hot CSV, and the `metadata.csv` / `metadata.jsonl` of Hugging Face.

`table_rows` reads what the rows say; here it becomes images: names are looked up among the files that exist, and rows of
one image are joined.

How rows count: the images found are the distinct files that rows name, plus the rows that cannot be read; the objects
found are the distinct labels of each image. A table may have a row for each label of an image, so a further row of an
image is no duplicate: its new labels join the first row's and are counted as adjusted, those that the image has already
add nothing. Only a further row that puts the image into another split is rejected, and its labels still join.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Set
from dataclasses import dataclass, field
from functools import cached_property

from labelbeam.schemas.neutral import RAW_LIMIT, Rejection, SourceImage, SourceObject
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.folder.rows import TableRow, UnreadableRow, read_rows
from labelbeam.transforms.images.names import IMAGE_FORMATS, extension, image_path
from labelbeam.transforms.messages.words import printable

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class LabelTable:
    """A table to be read: a work unit.

    `path` is its own, `images` the folder that its names are relative to ("" for the root); both are relative to the
    root. `split` is that of all its rows; where it is None, a row's own split counts, then the one that `split_folders`
    (folder → split) gives the image's path.
    """

    path: str
    images: str = ""
    split: str | None = None
    split_folders: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class TableContent:
    """What a table says: images in the order of their first rows, rows that are no image of their own, and doubts."""

    images: list[SourceImage]
    rejected: list[Rejection]
    warnings: list[str]


def read_table(
    table: LabelTable,
    data: bytes,
    files: Set[str] | None,
    task: str,
    label_separator: str | None = None,
) -> TableContent:
    """Read the table's bytes into images, with a `SourceObject` for each label; locators are `line N`, N 1-based.

    `files` are the files that exist, relative to the root. A name is looked up below `table.images`, then beside the
    table, then below the root, and at last without regard to case and Unicode form. None trusts every name and takes it
    to lie below `table.images`.

    An image that cannot be used carries a `Rejection` of kind "image", and its labels all the same, for they were found:
    UNSAFE_PATH, UNSUPPORTED_URL, UNSUPPORTED_FORMAT (by the name's extension), MISSING_IMAGE. A label that is not text is
    INVALID_LABEL, of kind "object". Rows apart from these are in `TableContent.rejected`: INVALID_RECORD where no image
    is certain, DUPLICATE_IMAGE where a row puts an image that is kept into another split.

    Images in the folder that no row names are not here, since another table may name them: see `unlisted_images`.

    Raises:
        TableError: the table is empty, or its columns are not recognised.
    """
    content = read_rows(table.path, data, task, label_separator)
    lookup = _Lookup(table, files)
    images: dict[str, SourceImage] = {}
    labels: defaultdict[str, set[str]] = defaultdict(set)
    rejected: list[Rejection] = []
    for row in content.rows:
        locator = f"line {row.line}"
        if isinstance(row, UnreadableRow):
            message = f"the row cannot be read: {row.message}"
            rejected.append(
                Rejection(table.path, locator, None, "image", Rejected.INVALID_RECORD, message, _excerpt(row.raw))
            )
            continue
        path, adjusted, problem = lookup.find(row.file)
        split = table.split or row.split or lookup.split(path)
        image = images.get(path)
        if image is None:
            image = images[path] = SourceImage(path, table.path, locator, split=split, adjusted=adjusted)
            if problem is not None:
                image.rejected.append(_rejection(image, row, "image", *problem))
        elif split != image.split:
            message = f"the row puts the image into {split}, and {image.locator} into {image.split}, which it stays in"
            rejected.append(_rejection(image, row, "image", Rejected.DUPLICATE_IMAGE, message))
        _add_labels(image, row, labels[path])
    return TableContent(list(images.values()), rejected, content.warnings)


def _excerpt(raw: str) -> str:
    return printable(raw[:RAW_LIMIT].rstrip("\r\n"))[:RAW_LIMIT]


def _rejection(image: SourceImage, row: TableRow, kind: str, code: Rejected, message: str) -> Rejection:
    return Rejection(image.source, f"line {row.line}", image.path, kind, code, message, _excerpt(row.raw))


def _add_labels(image: SourceImage, row: TableRow, known: set[str]) -> None:
    """Add a row's labels to its image, less those `known`: the labels that the image has already."""
    locator = f"line {row.line}"
    invalid = [*row.invalid]
    for label in row.labels:
        if _CONTROL.search(label):
            invalid.append(repr(label[:80]))
        elif label not in known:
            known.add(label)
            image.objects.append(SourceObject(label, locator))
            if image.locator != locator:
                image.adjusted.append(Adjusted.OBJECT_OF_DUPLICATE_IMAGE)
    image.adjusted += [Adjusted.LABEL_FROM_NUMBER] * row.numbers
    for found in invalid:
        message = f"the label is {found}, expected text"
        image.rejected.append(_rejection(image, row, "object", Rejected.INVALID_LABEL, message))


class _Lookup:
    """Finds the files that a table names, and the splits of their folders."""

    def __init__(self, table: LabelTable, files: Set[str] | None) -> None:
        self.table = table
        self.files = files
        self.bases = list(dict.fromkeys([table.images, posixpath.dirname(table.path), ""]))

    @cached_property
    def by_folded_name(self) -> dict[str, list[str]]:
        folded: dict[str, list[str]] = {}
        for path in sorted(self.files or ()):
            folded.setdefault(_fold(path), []).append(path)
        return folded

    def find(self, name: str) -> tuple[str, list[Adjusted], tuple[Rejected, str] | None]:
        """The image's path, what was adjusted to find it, and why it is rejected, if it is."""
        relative, code, normalized = image_path(name, "")
        if relative is None:
            problem = code or Rejected.UNSAFE_PATH
            return printable(name), [], (problem, f"found {name[:200]!r}, but {problem.doc}")
        if "://" in relative:
            return relative, [], _unsupported(relative.partition("?")[0])
        adjusted = [Adjusted.PATH_NORMALIZED] if normalized else []
        candidates = [f"{base}/{relative}" if base else relative for base in self.bases]
        if self.files is None:
            return candidates[0], adjusted, _unsupported(relative)
        for candidate in candidates:
            if candidate in self.files:
                return candidate, adjusted, _unsupported(candidate)
        for candidate in candidates:
            matches = self.by_folded_name.get(_fold(candidate), [])
            if len(matches) == 1:
                return matches[0], [*adjusted, Adjusted.IMAGE_BY_OTHER_NAME], _unsupported(matches[0])
        message = f"found no file of this name, expected it as {' or '.join(map(repr, candidates))}"
        return candidates[0], adjusted, (Rejected.MISSING_IMAGE, message)

    def split(self, path: str) -> str | None:
        """The split of the innermost split folder that holds `path`."""
        folders = self.table.split_folders
        while folders and path:
            # Not dirname, which never comes out of the root of an absolute path.
            path = path.rpartition("/")[0]
            if path in folders:
                return folders[path]
        return None


def _fold(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _unsupported(path: str) -> tuple[Rejected, str] | None:
    found = extension(path)
    if found in IMAGE_FORMATS:
        return None
    message = (
        f"found {f'a .{found} file' if found else 'no extension'}, expected one of {', '.join(sorted(IMAGE_FORMATS))}"
    )
    return Rejected.UNSUPPORTED_FORMAT, message
