"""Recognise Open Images' tables by the columns of their first row."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import NamedTuple

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import Task
from labelbeam.transforms.formats.folder.classified import are_classified
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.formats.split_names import split_name, split_of_path
from labelbeam.transforms.images.names import extension
from labelbeam.transforms.stores.files import StoredFile, stat
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.stores.threads import in_threads

_LOOKED_AT = 50
_HEAD = 4096
BOX = ("xmin", "xmax", "ymin", "ymax")
_LABELS = ("imageid", "labelname")


class Table(NamedTuple):
    """A table by its path: its columns in lower case, and where its second row begins."""

    path: str
    columns: tuple[str, ...]
    first: int

    @property
    def of_boxes(self) -> bool:
        """Tell whether its rows are boxes, not labels of images."""
        return all(name in self.columns for name in BOX)


class Tables(NamedTuple):
    """The tables to read below a root, and the files of class descriptions beside them."""

    root: Location
    tables: list[Table]
    descriptions: list[str]


def table_of(path: str, head: bytes) -> Table | None:
    """A table of Open Images by its first row; None where it is none."""
    line, newline, _ = head.partition(b"\n")
    text = line.decode("utf-8-sig", "replace").strip()
    columns = tuple(cell.strip().strip('"').replace("_", "").lower() for cell in text.split(","))
    if not all(name in columns for name in _LABELS):
        return None
    table = Table(path, columns, len(line) + len(newline))
    return table if table.of_boxes or "confidence" in columns else None


def holds_descriptions(path: str, head: bytes) -> bool:
    """Tell whether a file names classes: rows of a code such as `/m/0cmf2` and a name."""
    line = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    named = b"labelname,displayname" in line.lower()
    return extension(path) == "csv" and (named or line.lstrip(b'"').startswith((b"/m/", b"/g/", b"/t/")))


def split_of(path: str) -> str | None:
    """The split of a table: of a folder above it, else of its name, such as `oidv6-train-annotations-bbox.csv`."""
    found = split_name(posixpath.basename(path).rpartition(".")[0])
    return split_of_path(path) or (found.split if found is not None else None)


def claim_of(tree: Tree, asked: bool) -> Claim | None:
    """Claim one directory, or one table. For classification, class folders and tables by a usual name go before it.

    Raises:
        StoreError: a file cannot be read.
        UsageError: several tables may describe the same images.
    """
    if len(tree.locations) == len(tree.files) == 1:
        file = tree.files[0]
        name = posixpath.basename(file.path)
        if extension(name) != "csv" or file.parent is None:
            return None
        table = table_of(name, read_range(file, 0, min(stat(file).size, _HEAD)))
        if table is None:
            return None
        near = [near for near in tree.listing_of(file.parent).files if extension(near.path) == "csv"]
        found = Tables(
            file.parent, [table], [path for path, head in _heads(file.parent, near) if holds_descriptions(path, head)]
        )
        return Claim(f"{name} is of Open Images", found=found, beats=frozenset({"folder"}), task=_task_of([table]))
    root = tree.root
    if root is None:
        return None
    heads = _heads(root, tree.visible_of("csv"))
    tables = [table for path, head in heads if (table := table_of(path, head)) is not None]
    labels = tree.config.task.startswith("image_classification")
    of_labels = [table for table in tables if not table.of_boxes]
    of_boxes = [table for table in tables if table.of_boxes]
    chosen = (of_labels or of_boxes) if labels else (of_boxes or of_labels)
    if not chosen or (labels and not asked and are_classified([file.path for file in tree.visible])):
        return None
    splits = [(split_of(table.path), posixpath.dirname(table.path)) for table in chosen]
    if len(set(splits)) < len(splits):
        raise UsageError(
            f"{root.shown}: several tables that may describe the same images ({', '.join(table.path for table in chosen[:5])}); "
            "name the one to read with --source"
        )
    descriptions = [path for path, head in heads if holds_descriptions(path, head)]
    return Claim(
        f"found {', '.join(table.path for table in chosen[:5])} of Open Images",
        found=Tables(root, chosen, descriptions),
        task=_task_of(chosen),
    )


def _task_of(tables: Sequence[Table]) -> Task | None:
    """The task that tables are for where they are all labels of images; None where they have boxes, which are for several."""
    return None if any(table.of_boxes for table in tables) else "image_classification_multilabel"


def _heads(root: Location, files: list[StoredFile]) -> list[tuple[str, bytes]]:
    files = sorted((file for file in files if file.size), key=lambda file: (file.path.count("/"), file.path))[
        :_LOOKED_AT
    ]
    heads = in_threads(lambda file: read_range(root.below(file.path), 0, min(file.size, _HEAD)), files)
    return [(file.path, head) for file, head in zip(files, heads, strict=True)]
