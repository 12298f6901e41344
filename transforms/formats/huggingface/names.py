"""Names of categories, which Hugging Face keeps beside a table: in the README's metadata, in dataset_infos.json, or in dataset_info.json."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from labelbeam.transforms.formats.drawn import JsonError, decode_json
from labelbeam.transforms.formats.safe_yaml import NoYamlError, load_yaml
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_bounded

NAMED_IN = ("README.md", "dataset_infos.json", "dataset_info.json")
LARGEST = 4 * 2**20
"""Bytes of a file that is looked into for names."""

_FRONT = re.compile(rb"\A(?:\xef\xbb\xbf)?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)


def names_at(
    root: Location, listing: Iterable[StoredFile], columns: Collection[str] = ("objects",)
) -> list[dict[int, str]]:
    """The lists of names that files at the root give for the class labels of some columns, each once.

    Raises:
        StoreError: a file cannot be read.
    """
    found: list[dict[int, str]] = []
    for file in listing:
        # `save_to_disk` writes one for each split.
        if (file.path in NAMED_IN or posixpath.basename(file.path) == NAMED_IN[-1]) and file.size <= LARGEST:
            data = read_bounded(root.below(file.path), LARGEST)
            for column in sorted(columns):
                found += [each for each in names_in(file.path, data, column) if each not in found]
    return found


def names_in(path: str, data: bytes, column: str = "objects") -> list[dict[int, str]]:
    """The lists of names that a file gives for the class labels of a column; none where it gives none."""
    try:
        if path.endswith(".json"):
            content = decode_json(data)
        else:
            front = _FRONT.match(data)
            content = load_yaml(front[1], as_written=True) if front is not None else None
    except (JsonError, NoYamlError):
        return []
    return names_of(content, column)


def names_of(content: Any, column: str) -> list[dict[int, str]]:
    """Names of all class labels of the feature that is called like a column, or below it, each list once."""
    found: list[dict[int, str]] = []
    pending: list[tuple[Any, bool]] = [(content, False)]
    while pending:
        node, inside = pending.pop()
        if isinstance(node, list):
            pending += [(item, inside) for item in node]
        elif isinstance(node, dict):
            inside = inside or node.get("name") == column
            label = node.get("class_label", node if node.get("_type") == "ClassLabel" else None)
            names = _listed(label.get("names")) if inside and isinstance(label, dict) else {}
            if names and names not in found:
                found.append(names)
            pending += [(item, inside or key == column) for key, item in node.items()]
    return found


def _listed(names: Any) -> dict[int, str]:
    """Names by number, from a list or a mapping."""
    pairs = enumerate(names) if isinstance(names, list) else names.items() if isinstance(names, Mapping) else ()
    return {
        int(number): str(name)
        for number, name in pairs
        if isinstance(name, str | int) and str(number).isascii() and str(number).isdigit() and len(str(number)) < 10
    }
