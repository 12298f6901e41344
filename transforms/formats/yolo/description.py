"""Descriptions of a YOLO dataset: data.yaml, Darknet's obj.data, and files of class names. Their bytes read, nothing looked up.

Ultralytics' `check_det_dataset` takes `names` as a list or a mapping of numbers, `train`, `val` and `test` as a directory, a
file that lists images, or a list of these, relative to `path`. Darknet's `parse.c` reads `key = value`, its
`get_labels` a name a line.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import yaml

from labelbeam.schemas.config import SPLIT_ALIASES
from labelbeam.schemas.errors import LabelBeamError

LARGEST_DESCRIPTION = 2**20
"""Bytes of a file that names classes: ten times those of the largest vocabularies."""

MOST_DESCRIPTIONS = 50
"""Files that are looked at in search of one: a tree may hold a YAML file for each image."""

_NAMES_FILES = re.compile(
    r"(?:[\w.-]+\.names|_darknet\.labels|(?:predefined_)?class(?:es)?(?:[_-]?names)?\.txt|names\.txt|obj_names\.txt)",
    re.IGNORECASE,
)


class Names(msgspec.Struct, frozen=True):
    """Class names by number. `twice` are the numbers that two names have."""

    by_number: dict[int, str]
    twice: frozenset[int] = frozenset()


class Description(msgspec.Struct, frozen=True):
    """A data.yaml or obj.data, as it is written.

    `path` is the file's own; `root` what its entries are relative to, "" for where it lies. `names` is None where it has none,
    and then `names_file` may say where they are. `splits` are the entries of each split. `count` is the number of classes that it
    declares. `keypoints` is how many numbers of keypoints follow each box.
    """

    path: str
    names: Names | None
    root: str = ""
    splits: dict[str, tuple[str, ...]] = {}
    count: int | None = None
    keypoints: int = 0
    names_file: str = ""


def is_names_file(path: str) -> bool:
    """Tell whether a file is one of class names, by its own name.

    >>> is_names_file("data/obj.names"), is_names_file("train/_darknet.labels"), is_names_file("labels/classes.txt")
    (True, True, True)
    """
    return _NAMES_FILES.fullmatch(path.rpartition("/")[2]) is not None


MAY_DESCRIBE = ("yaml", "yml", "data")
"""Extensions of files that may describe a dataset."""

_ENDS = tuple(f".{extension}" for extension in MAY_DESCRIBE)
_USUAL = ("data.yaml", "dataset.yaml", "data.yml", "obj.data")


def may_describe(paths: Iterable[str]) -> list[str]:
    """The files that may describe a dataset, by their names: those that lie least deep, and are called as usual, first.

    >>> may_describe(["hyp.yaml", "1.jpg", "a/obj.data", "data.yaml"])
    ['data.yaml', 'hyp.yaml', 'a/obj.data']
    """
    found = [path for path in paths if path.lower().endswith(_ENDS)]
    found.sort(key=lambda path: (path.count("/"), path.rpartition("/")[2].lower() not in _USUAL, path))
    return found[:MOST_DESCRIPTIONS]


_KEYS = re.compile(r"(?m)^[\"']?(names|nc|path|train|val|valid|test|kpt_shape)[\"']?\s*:")
_DARKNET_KEYS = re.compile(r"(?m)^\s*(names|classes|train|valid|backup)\s*=")


def describes(path: str, head: str) -> bool:
    """Tell whether a file is a data.yaml or an obj.data by the beginning of its text; one that is called otherwise has to say more."""
    text = head.lstrip("\ufeff")
    usual = path.rpartition("/")[2].lower() in _USUAL
    if path.lower().endswith((".yaml", ".yml")):
        keys = set(_KEYS.findall(text))
        return bool(keys - {"path"}) if usual else bool(keys & {"names", "nc"}) and len(keys) > 1
    keys = set(_DARKNET_KEYS.findall(text))
    return path.lower().endswith(".data") and bool(keys & {"names", "train"}) and len(keys) > 1 - usual


def text_of(data: bytes, path: str) -> str:
    """The text of a file in UTF-8 or UTF-16, without its mark and with one kind of line ends.

    Raises:
        LabelBeamError: it is in another charset, so that nobody can tell its names.
    """
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # What PowerShell's `>` writes.
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelBeamError(
            f"{path}: byte {error.start} is no {'UTF-16' if utf16 else 'UTF-8'}; save the file as UTF-8"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse_names(data: bytes, path: str) -> Names:
    """Read a file of class names, one a line, the first of which is 0; blank lines at its end count for nothing.

    Raises:
        LabelBeamError: it is not in UTF-8 or UTF-16.
    """
    lines = [line.strip() for line in text_of(data, path).split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return Names(dict(enumerate(lines)))


def parse_description(data: bytes, path: str) -> Description:
    """Read a data.yaml or an obj.data, by its extension.

    Raises:
        LabelBeamError: it is malformed, or one of its fields is not what YOLO's trainers take.
    """
    text = text_of(data, path)
    return _darknet(text, path) if path.lower().endswith(".data") else _yaml(text, path)


def _darknet(text: str, path: str) -> Description:
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        key, equals, value = line.partition("=")
        if equals and not key.lstrip().startswith(("#", ";")):
            fields[key.strip().lower()] = value.strip().strip("\"'")
    splits: dict[str, tuple[str, ...]] = {
        split: (fields[key],) for key, split in SPLIT_ALIASES.items() if fields.get(key)
    }
    count = fields.get("classes", "")
    return Description(path, None, "", splits, _whole(count), 0, fields.get("names", ""))


def _yaml(text: str, path: str) -> Description:
    fields = _fields(_root_of(text, path), path)
    splits: dict[str, tuple[str, ...]] = {}
    for key, node in fields.items():
        split = SPLIT_ALIASES.get(key.lower())
        entries = [entry for entry in _texts(node, path, key) if entry] if split else []
        if split and entries:
            splits[split] = (*splits.get(split, ()), *entries)
    root = "".join(_texts(fields["path"], path, "path")[:1]) if "path" in fields else ""
    count = _whole(_scalar(fields["nc"])) if "nc" in fields else None
    names = _names(fields["names"], path) if "names" in fields else None
    return Description(path, names, root, splits, count, _keypoints(fields, path))


def _root_of(text: str, path: str) -> yaml.MappingNode:
    try:
        # Nothing is constructed: a name is what stands there, whether `no`, `1.0` or `null`, and no tag is followed.
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise LabelBeamError(f"{path}: {line}{error.problem}; expected YAML") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).partition("\n")[0]
        raise LabelBeamError(f"{path}: {why}; expected YAML") from None
    if not isinstance(root, yaml.MappingNode):
        raise LabelBeamError(f"{path}: found no keys, expected names, train and val")
    return root


def _fields(root: yaml.MappingNode, path: str) -> dict[str, yaml.Node]:
    fields: dict[str, yaml.Node] = {}
    for key, value in root.value:
        name = _scalar(key) or ""
        if name in fields:
            raise LabelBeamError(f"{path}: {_at(key)}: the key {name!r} occurs twice")
        if not (isinstance(value, yaml.ScalarNode) and _is_null(value)):
            fields[name] = value
    return fields


def _is_null(node: yaml.ScalarNode) -> bool:
    return node.style is None and node.value in ("", "~", "null", "Null", "NULL", "None")


def _scalar(node: yaml.Node) -> str | None:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else None


def _at(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"


def _texts(node: yaml.Node, path: str, key: str) -> list[str]:
    """A text, or a list of texts."""
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    texts = [_scalar(item) for item in nodes]
    if any(text is None for text in texts):
        raise LabelBeamError(f"{path}: {_at(node)}: {key} holds a list or mapping, expected a path or a list of paths")
    return [text for text in texts if text is not None]


def _names(node: yaml.Node, path: str) -> Names:
    if isinstance(node, yaml.SequenceNode):
        return Names({number: _name(item, path) for number, item in enumerate(node.value)})
    if not isinstance(node, yaml.MappingNode):
        raise LabelBeamError(
            f"{path}: {_at(node)}: names is {_scalar(node)!r:.60}, expected a list of names, or names by number such as `0: cat`"
        )
    names: dict[int, str] = {}
    twice: set[int] = set()
    entries = node.value
    if _by_name(entries):
        entries = [(value, key) for key, value in entries]
    for key, value in entries:
        number = _whole(_scalar(key))
        if number is None:
            raise LabelBeamError(
                f"{path}: {_at(key)}: {_scalar(key)!r:.60} is a key of names, expected a class number such as 0"
            )
        name = _name(value, path)
        if names.setdefault(number, name) != name:
            twice.add(number)
    return Names(names, frozenset(twice))


def _by_name(entries: Sequence[tuple[yaml.Node, yaml.Node]]) -> bool:
    """Tell whether names stand before their numbers, `cat: 0`: each value is a number of its own, and no key is one."""
    numbers = [_whole(_scalar(value)) for _, value in entries]
    return (
        None not in numbers
        and len({*numbers}) == len(numbers)
        and all(_whole(_scalar(key)) is None for key, _ in entries)
    )


def _name(node: yaml.Node, path: str) -> str:
    name = _scalar(node)
    if name is None:
        raise LabelBeamError(f"{path}: {_at(node)}: a name in names is a list or mapping, expected a text")
    return name


def _keypoints(fields: Mapping[str, yaml.Node], path: str) -> int:
    if "kpt_shape" not in fields:
        return 0
    shape = [_whole(text) for text in _texts(fields["kpt_shape"], path, "kpt_shape")]
    if len(shape) != 2 or None in shape or not 0 < (shape[0] or 0) < 1000 or shape[1] not in (2, 3):
        raise LabelBeamError(f"{path}: {_at(fields['kpt_shape'])}: kpt_shape is no pair such as [17, 3]")
    return (shape[0] or 0) * (shape[1] or 0)


def _whole(text: str | None) -> int | None:
    """A class number or a count of classes."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None


def differing(one: Names, other: Names) -> Iterable[int]:
    """The numbers that have another name, or none, in one of two tables.

    >>> list(differing(Names({0: "cat", 1: "dog"}), Names({0: "cat", 1: "cow"})))
    [1]
    """
    return sorted(
        number
        for number in one.by_number.keys() | other.by_number.keys()
        if one.by_number.get(number) != other.by_number.get(number)
    )
