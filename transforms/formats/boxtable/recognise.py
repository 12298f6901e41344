"""Recognise tables of boxes by their columns."""

from __future__ import annotations

import posixpath
from typing import NamedTuple

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.boxtable.columns import BoxColumns, columns_of
from labelbeam.transforms.formats.claims import check_one_each, files_told, goes_first, splits_of_files
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.formats.openimages.recognise import table_of
from labelbeam.transforms.stores.location import Location

_EXTENSIONS = ("csv", "tsv", "txt")


class BoxTables(NamedTuple):
    """The tables to read below a root, by path; and why they cannot be read together, "" where they can."""

    root: Location
    tables: dict[str, BoxColumns]
    rivals: str = ""


def claim_of(tree: Tree, asked: bool) -> Claim | None:
    """Claim one directory, or one table. For classification, labels of images go before it, in tables and folders.

    Tables that may describe the same images are refused where they are planned: other annotations beside them go before.

    Raises:
        StoreError: a file cannot be read.
    """
    if not asked and tree.config.task != "image_object_detection":
        return None
    given = tree.config.of(FolderOptions)

    def tell(file: Location, size: int) -> BoxColumns | None:
        if "submission" in posixpath.basename(file.path).lower():
            return None
        head = tree.head_of(file, size)
        if not asked and table_of(posixpath.basename(file.path), head) is not None:
            return None  # Open Images claims its own.
        text = head.decode("utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")
        # The head may end within a row, which then says nothing.
        text = text if len(head) >= size else text.rpartition("\n")[0]
        return columns_of(text, given.image_column, given.label_columns)

    told = files_told(tree, _EXTENSIONS, tell)
    if told is None or goes_first(tree, asked, told[1]):
        return None
    root, tables, alone = told
    rivals = ""
    try:
        check_one_each(root.shown, "boxes", splits_of_files(tables).items())
        _refuse_nested(root, tables)
    except UsageError as error:
        rivals = str(error)
    shown = ", ".join(list(tables)[:5])
    return Claim(
        f"found boxes in {shown}",
        False,
        BoxTables(root, tables, rivals),
        frozenset({"folder", "coco"} if alone else {"folder"}),
    )


def _refuse_nested(root: Location, tables: dict[str, BoxColumns]) -> None:
    """Refuse a table above the folder of another, which may describe the same images."""
    for path in tables:
        above = posixpath.dirname(path)
        inside = [
            other
            for other in tables
            if posixpath.dirname(other) != above and (not above or other.startswith(f"{above}/"))
        ]
        if inside:
            raise UsageError(
                f"{root.shown}: {path} may describe the same images as {', '.join(inside[:5])}; name the one to read with --source"
            )
