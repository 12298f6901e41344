"""Arrow files of a dataset that `save_to_disk` wrote, or that lie in the cache of `datasets`: which of them hold its rows.

Beside these lie what `map` and `filter` left (`cache-….arrow`). A `state.json` names the files of its folder that are the dataset.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.drawn import JsonError, decode_json
from labelbeam.transforms.formats.format import Tree
from labelbeam.transforms.formats.shards import Shards
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_bounded
from labelbeam.transforms.stores.shards.rows import ARROW

STATE = "state.json"

_LARGEST = 2**20
_LEFT = ("cache-", "tmp")
"""What files begin with that `datasets` keeps for itself."""


class Saved(NamedTuple):
    """Files of rows that are the dataset, and those beside them that are not read."""

    shards: Shards
    left: Sequence[str]


def saved_in(tree: Tree, shards: Shards) -> Saved:
    """Part the files of rows that a source holds.

    Raises:
        StoreError: a state.json cannot be read.
        LabelBeamError: a file of the dataset is not there.
        UsageError: a dataset was saved with indices, or both Parquet and Arrow are there.
    """
    if not any(_is_arrow(path) for path in shards.paths):
        return Saved(shards, ())
    if not all(_is_arrow(path) for path in shards.paths):
        parquet = next(path for path in shards.paths if not _is_arrow(path))
        arrow = next(path for path in shards.paths if _is_arrow(path))
        raise UsageError(
            f"{shards.root.shown}: holds Parquet and Arrow ({parquet}, {arrow}), which may be the same images; name the files of one with --source"
        )
    if tree.root is None:
        return Saved(shards, ())
    states = {posixpath.dirname(file.path): file for file in tree.visible if posixpath.basename(file.path) == STATE}
    named = {folder: _files_of(shards.root, file) for folder, file in states.items()}
    there = set(shards.paths)
    for folder, names in named.items():
        missing = (
            sorted(names - {posixpath.basename(path) for path in there if posixpath.dirname(path) == folder})
            if names
            else []
        )
        if missing:
            raise LabelBeamError(
                f"{shards.root.below(posixpath.join(folder, missing[0])).shown} is not there, and the {STATE} beside it names it; fetch it"
            )
    kept = [path for path in shards.paths if _is_of_dataset(path, named)]
    return Saved(Shards(shards.root, kept), [path for path in shards.paths if path not in set(kept)])


def _is_arrow(path: str) -> bool:
    return path.lower().endswith(ARROW)


def _is_of_dataset(path: str, named: Mapping[str, frozenset[str] | None]) -> bool:
    folder, name = posixpath.split(path)
    files = named.get(folder)
    return name in files if files is not None else not name.startswith(_LEFT)


def _files_of(root: Location, state: StoredFile) -> frozenset[str] | None:
    """The files that a state.json names; None where it is that of another tool."""
    try:
        content = decode_json(read_bounded(root.below(state.path), _LARGEST))
        names = frozenset(each["filename"] for each in content["_data_files"])
    except (JsonError, KeyError, TypeError):
        return None
    if content.get("_indices_data_files"):
        raise UsageError(
            f"{root.below(state.path).shown}: the dataset was saved as a choice of rows of others, which is not read; save it again with "
            "datasets.load_from_disk(PATH).flatten_indices().save_to_disk(OTHER)"
        )
    return names
