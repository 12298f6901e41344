"""Recognise tables of Hugging Face's image folders that hold objects."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from functools import partial
from typing import NamedTuple

from labelbeam.transforms.formats.claims import check_one_each, files_told, goes_first
from labelbeam.transforms.formats.folder.columns import LABEL_COLUMNS
from labelbeam.transforms.formats.format import Claim, Tree
from labelbeam.transforms.formats.huggingface.read import LABELS
from labelbeam.transforms.formats.huggingface.saved import saved_in
from labelbeam.transforms.formats.json_objects import json_object
from labelbeam.transforms.formats.shards import Shards, shards_of
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.shards.store import ROWS
from labelbeam.transforms.stores.threads import in_threads

TABLES = ("metadata.jsonl", "metadata.csv")
PARQUET = "metadata.parquet"

_LOOKED_AT = 3
"""Files of rows whose footers are looked at."""

_OBJECTS = re.compile(rb'"objects"\s*:\s*(?:[\[{]|null)')
_FILE = re.compile(rb'file_names?"\s*:')
_MARKS = re.compile(r"[\s_-]+")


class Objects(NamedTuple):
    """A table that holds objects; and whether it has labels of images as well, which a table of labels is read for."""

    labelled: bool


def objects_in(path: str, head: bytes) -> Objects | None:
    """The kind of a table by its beginning; None where it has no objects, or another name."""
    name = posixpath.basename(path).lower()
    if name not in TABLES:
        return None
    line = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]
    if name.endswith(".csv"):
        columns = [column.strip().strip('"') for column in line.decode("utf-8", "replace").split(",")]
        told = "objects" in columns and any(column.endswith("file_name") for column in columns)
    else:
        first = json_object(line)
        columns = list(first) if isinstance(first, dict) else []
        told = _OBJECTS.search(head) is not None and _FILE.search(head) is not None
    return Objects(any(_MARKS.sub("", column).lower() in LABEL_COLUMNS for column in columns)) if told else None


def objects_of_columns(names: Collection[str], task: str) -> Objects | None:
    """The kind of a metadata.parquet by its columns, for a task, labels of images among them; None where it says nothing for it."""
    told = "objects" in names or (task.startswith("image_classification") and any(name in names for name in LABELS))
    return Objects(False) if told and any(name.endswith("file_name") for name in names) else None


def _table(tree: Tree, file: Location, size: int) -> Objects | None:
    if posixpath.basename(file.path).lower() != PARQUET:
        return objects_in(file.path, tree.head_of(file, size))
    from labelbeam.transforms.formats.huggingface.embedded import opened  # It loads pyarrow.

    return objects_of_columns(opened(file)[1].footer.schema.names, tree.config.task)


def claim_of(tree: Tree, asked: bool) -> Claim | None:
    """Claim one directory, one table, or files of rows. For classification, labels of images go before tables of objects, in tables and
    folders.

    Raises:
        StoreError: a file cannot be read.
        UsageError: two tables describe the same images.
    """
    return _claim_of_tables(tree, asked) or _claim_of_rows(tree, asked)


def _claim_of_rows(tree: Tree, asked: bool) -> Claim | None:
    every = shards_of(tree, ROWS)
    if every is None or goes_first(tree, asked, every.paths):
        return None
    saved = saved_in(tree, every)
    shards = saved.shards
    looked = in_threads(lambda path: _holds_images(shards, path), shards.paths[:_LOOKED_AT])
    if not asked and not (looked and all(looked)):
        return None
    shown = ", ".join(shards.paths[:5])
    return Claim(f"found images in {shown}" if all(looked) else f"found {shown}", found=saved)


def _holds_images(shards: Shards, path: str) -> bool:
    from labelbeam.transforms.formats.huggingface.embedded import opened  # It loads pyarrow.
    from labelbeam.transforms.stores.shards.rows import image_columns

    try:
        return bool(image_columns(opened(shards.root.below(path))[1].footer.schema))
    except StoreError:
        return False  # Who reads it says what is wrong with it.


def _claim_of_tables(tree: Tree, asked: bool) -> Claim | None:
    told = files_told(tree, ("jsonl", "csv", "parquet"), partial(_table, tree))
    if told is None or goes_first(tree, asked, told[1]):
        return None
    root, tables, _ = told
    labels = tree.config.task.startswith("image_classification")
    if labels and not asked and any(table.labelled for table in tables.values()):
        return None
    check_one_each(root.shown, "Hugging Face", ((path, "") for path in tables))
    shown = ", ".join(list(tables)[:5])
    return Claim(f"found objects in {shown}", found=(root, list(tables)), beats=frozenset({"folder", "jsonl"}))
