"""Label tables of image folders: `labels.csv`, one-hot CSV, and the `metadata.csv` / `metadata.jsonl` of Hugging Face.

`rows` reads what the rows say; here it becomes images: names are looked up among the files that exist, and rows of
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
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.neutral import RAW_LIMIT, Rejection, SourceImage, SourceObject
from labelbeam.schemas.packed import Packed
from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.cloud_rows import is_cloud_url
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.lookup import ImageNames, Lookup
from labelbeam.transforms.formats.folder.rows import TableRow, UnreadableRow, read_rows
from labelbeam.transforms.images.names import another_picture
from labelbeam.transforms.messages.words import agreeing, counted, printable

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
    """Content of a table: images in the order of their first rows, rows that are no image of their own, and doubts."""

    images: list[SourceImage]
    rejected: Packed[Rejection]
    doubts: list[Doubt]

    @property
    def warnings(self) -> list[str]:
        """The messages of its doubts."""
        return [doubt.message for doubt in self.doubts]


def read_table(
    table: LabelTable,
    data: bytes,
    files: Set[str] | ImageNames | None,
    task: str,
    options: FolderOptions | None = None,
    group: str = "",
) -> TableContent:
    """Read the table's bytes into images, with a `SourceObject` for each label; locators are `line N`, N 1-based.

    `files` are the files that exist, relative to the root. A name is looked up below `table.images`, then beside the
    table, then below the root, then as `Lookup` finds it otherwise. None trusts every name and takes it to lie below
    `table.images`.

    An image that cannot be used carries a `Rejection` of kind "image", and its labels all the same, for they were found:
    UNSAFE_PATH, UNSUPPORTED_URL, UNSUPPORTED_FORMAT (by the name's extension), MISSING_IMAGE. A label that is not text is
    INVALID_LABEL, of kind "object". Rows apart from these are in `TableContent.rejected`: INVALID_RECORD where no image
    is certain, DUPLICATE_IMAGE where a row puts an image that is kept into another split.

    `group` names the column of what an image belongs to; where several rows of an image say something there, the first counts.

    Images in the folder that no row names are not here, since another table may name them: see `unlisted_images`.

    Raises:
        TableError: the table is empty, or its columns are not recognised.
        UsageError: it names its images by URLs of a store, and none of them is among the files.
    """
    known = ImageNames(files) if isinstance(files, Set) else files
    content = read_rows(table.path, data, task, options, known, group)
    named = [row.file for row in content.rows if isinstance(row, TableRow)]
    lookup = Lookup([table.images, posixpath.dirname(table.path), ""], known, table.split_folders, named)
    images: dict[str, SourceImage] = {}
    called: dict[str, str] = {}
    labels: defaultdict[str, set[str]] = defaultdict(set)
    rejected: Packed[Rejection] = Packed()
    conflicts = _Conflicts(task == "image_classification" or not content.one_label_a_row)
    for row in content.rows:
        locator = f"line {row.line}"
        if isinstance(row, UnreadableRow):
            message = f"the row cannot be read: {row.message}"
            rejected.append(
                Rejection(table.path, locator, None, "image", Rejected.INVALID_RECORD, message, _excerpt(row.raw))
            )
            continue
        path, adjusted, problem = lookup.find(row.file, table.split or row.split)
        split = table.split or row.split or lookup.split(path)
        image = images.get(path)
        if image is None:
            image = images[path] = SourceImage(path, table.path, locator, split=split, adjusted=adjusted)
            called[path] = row.file
            if problem is not None:
                image.rejected.append(_rejection(image, row, "image", *problem))
        elif Adjusted.IMAGE_BY_OTHER_NAME in adjusted and another_picture(called[path], row.file):
            if not image.rejected:
                message = f"{called[path]!r:.200} and {row.file!r:.200} lead to this file, and may mean two pictures"
                image.rejected.append(_rejection(image, row, "image", Rejected.AMBIGUOUS_IMAGE, message))
        elif split != image.split:
            message = f"the row puts the image into {split}, and {image.locator} into {image.split}, which it stays in"
            rejected.append(_rejection(image, row, "image", Rejected.DUPLICATE_IMAGE, message))
        image.group = image.group or row.group
        conflicts.add(path, row)
        _add_labels(image, row, labels[path])
    _refuse_elsewhere(table.path, named, images)
    doubts = [*content.doubts, *conflicts.doubts(table.path, images), *_against_folders(table.path, images)]
    return TableContent(list(images.values()), rejected, doubts)


def _refuse_elsewhere(name: str, named: list[str], images: Mapping[str, SourceImage]) -> None:
    elsewhere = next(filter(is_cloud_url, named), None)
    if elsewhere is not None and all(image.rejected for image in images.values()):
        raise UsageError(
            f"{name}: names images by URLs such as {elsewhere!r:.200}, which are not fetched, and none of them lies beside the table; "
            "--images names the directory, or the bucket, that holds them"
        )


_FEWEST, _MANY = 2, 10
"""Images in a folder that is called like another label, and their share of all in such folders, that are no corrections."""


def _against_folders(name: str, images: Mapping[str, SourceImage]) -> list[Doubt]:
    """A doubt where images lie in folders that are called like labels, and the table gives them other ones."""
    labels = {found.label for image in images.values() for found in image.objects}
    named = {path: labels.intersection(path.split("/")[:-1]) for path in images if "/" in path}
    told = {path: folders for path, folders in named.items() if folders and images[path].objects}
    against = [
        path for path, folders in told.items() if folders.isdisjoint(item.label for item in images[path].objects)
    ]
    if len(against) < _FEWEST or len(against) * _MANY < len(told):
        return []
    first = against[0]
    message = (
        f"{name}: {len(against)} of {len(told)} images lie in a folder that is called like another label than the table gives them, "
        f"such as {first!r} with {images[first].objects[0].label!r}; the table's labels are taken"
    )
    return [Doubt(Doubted.LABELS_CONFLICT, message, len(against), first)]


class _Conflicts:
    """Images of which rows say different things. Where a row holds one label of several, other labels are none."""

    def __init__(self, whole_rows: bool) -> None:
        self.whole_rows = whole_rows
        self.first: dict[str, frozenset[str]] = {}
        self.absent: defaultdict[str, set[str]] = defaultdict(set)
        self.found: dict[str, None] = {}

    def add(self, path: str, row: TableRow) -> None:
        if row.absent:
            self.absent[path].update(row.absent)
        elif self.whole_rows:
            labels = frozenset(row.labels)
            if labels != self.first.setdefault(path, labels):
                self.found[path] = None

    def doubts(self, name: str, images: Mapping[str, SourceImage]) -> list[Doubt]:
        both = [
            path
            for path, absent in self.absent.items()
            if not absent.isdisjoint(item.label for item in images[path].objects)
        ]
        found = list(dict.fromkeys([*self.found, *both]))
        if not found:
            return []
        message = (
            f"{name}: {counted(len(found), 'image')}, such as {found[0]!r}, {agreeing(len(found), 'stands', 'stand')} in several rows that say different things of their "
            "labels; all labels that any row gives are taken"
        )
        return [Doubt(Doubted.LABELS_CONFLICT, message, len(found), found[0])]


def _excerpt(raw: str) -> str:
    return printable(raw[:RAW_LIMIT].rstrip("\r\n"))[:RAW_LIMIT]


def _rejection(image: SourceImage, row: TableRow, kind: str, code: Rejected, message: str) -> Rejection:
    return Rejection(image.source, f"line {row.line}", image.path, kind, code, message, _excerpt(row.raw))


def _add_labels(image: SourceImage, row: TableRow, known: set[str]) -> None:
    """Add a row's labels to its image, less those `known`: the labels that the image has already."""
    locator = f"line {row.line}"
    invalid = [*row.invalid]
    image.adjusted += [Adjusted.LABEL_NORMALIZED] * row.normalized
    for found in row.labels:
        label = found if found.isascii() else unicodedata.normalize("NFC", found)
        if label != found and label not in known:
            image.adjusted.append(Adjusted.LABEL_NORMALIZED)
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
