"""The YAML config: one flat mapping of options, ours and Beam's.

Values of Beam's options are taken as they are written, because Beam parses them itself: `flink_version: 1.20` is a
version, which YAML would read as the number 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import yaml

from labelbeam.pipelines.runners.options import BEAM_OPTIONS, Pair, expected_of
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.messages.words import did_you_mean
from labelbeam.transforms.stores.small_files import read_small

Content = TypeVar("Content")

SIZE_LIMIT = 2**20
"""Bytes of a config; more is some other file."""

_LONGEST_NUMBER = 100
"""Digits of a whole number. Python reads ones of thousands in hexadecimal, but then does not write them in a message."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """Content of a config: our options by name, and Beam's as they would stand on the command line."""

    path: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    beam: list[Pair] = field(default_factory=list)


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases, with which a small file expands without end, and without tags.

    Values are read by the core schema of YAML 1.2 (section 10.3.2): `010` is ten, `1:30`, `1_000`, `yes` and dates are text.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]  # An instance's, by its stubs.

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases, tags, and keys that stand twice: YAML would keep the last and lose the first."""
        if self.check_event(yaml.AliasEvent):
            mark = self.get_mark()
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not supported", problem_mark=mark)
        written = getattr(self.peek_event(), "tag", None)  # type: ignore[no-untyped-call]
        node: Any = super().compose_node(parent, index)
        if written not in (None, "!") or node.tag not in self.yaml_constructors:
            # YAML's own message would repeat the tag, which is what text becomes that begins with ! and is not quoted.
            # Of a value that is not what a known tag says (`!!int`, `!!bool x`), PyYAML raises whatever comes of it.
            raise yaml.MarkedYAMLError(
                problem="found a tag; put text that begins with ! in quotes", problem_mark=node.start_mark
            )
        if node.tag == "tag:yaml.org,2002:int" and len(node.value) > _LONGEST_NUMBER:
            raise yaml.MarkedYAMLError(
                problem=f"found a number of {len(node.value)} digits", problem_mark=node.start_mark
            )
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, _ in node.value:
                name = key.value if isinstance(key, yaml.ScalarNode) else None
                if name in seen:
                    raise yaml.MarkedYAMLError(problem=f"the key {name!r} occurs twice", problem_mark=key.start_mark)
                seen.add(name)
        return node


_CORE = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+0123456789."),
    ),
}
for _kind, (_pattern, _first) in _CORE.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"(?:{_pattern})$"), _first)


def _whole_number(_: _Loader, node: yaml.ScalarNode) -> int:
    text = node.value
    return int(text[2:], 8) if text.startswith("0o") else int(text, 16) if text.startswith("0x") else int(text)


def _number(_: _Loader, node: yaml.ScalarNode) -> float:
    text = node.value.lower()
    return float(text.replace(".", "", 1)) if text.lstrip("-+").startswith((".i", ".n")) else float(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def read_config(path: str, names: Collection[str]) -> ConfigFile:
    """Read a YAML config whose keys are `names` and Beam's options. A key without a value counts as left out.

    Raises:
        UsageError: it does not exist, is no YAML, is no mapping, or has a key that is no option.
    """
    return _loaded(path, "a YAML file of options", lambda loader: _read(path, loader, names))


def read_values(path: str, expected: str) -> Any:
    """The content of a YAML file, by the same rules as a config; `expected` says what it should be.

    Raises:
        UsageError: it does not exist, or is no YAML.
    """
    return _loaded(path, expected, lambda loader: loader.get_single_data())


def _loaded(path: str, expected: str, read: Callable[[Any], Content]) -> Content:
    try:
        data = read_small(path, SIZE_LIMIT)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path}: cannot be read: {reason}; expected {expected}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    try:
        return read(_Loader(text))
    except yaml.MarkedYAMLError as error:
        # The error's own text would quote the line, which may hold a secret.
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else path
        problem = " ".join(filter(None, (error.context, error.problem)))
        raise UsageError(f"{where}: not valid YAML for a config: {problem}") from None
    except yaml.reader.ReaderError as error:
        raise UsageError(f"{path}: character {error.position} may not stand in YAML; remove it") from None
    except (ValueError, RecursionError, yaml.YAMLError):
        raise UsageError(f"{path}: not valid YAML for a config: a value is malformed, or nested too deeply") from None


def _read(path: str, loader: _Loader, names: Collection[str]) -> ConfigFile:
    root = loader.get_single_node()
    if not isinstance(root, yaml.MappingNode):
        found = "nothing" if root is None else "a list" if isinstance(root, yaml.SequenceNode) else "a single value"
        raise UsageError(f"{path}: found {found}, expected a mapping of options such as `task: image_classification`")
    ours = names
    config = ConfigFile(path)
    for key, node in root.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "(a list or mapping)"
        if name in ours:
            value = loader.construct_object(node, deep=True)
            if value is not None:
                config.values[name] = value
        elif name in BEAM_OPTIONS:
            config.beam.extend(_beam_pairs(path, name, node))
        else:
            hint = did_you_mean(name, [*ours, *BEAM_OPTIONS]) or "; see labelbeam convert --help"
            raise UsageError(f"{path}:{key.start_mark.line + 1}: unknown option {name}{hint}")
    return config


def _beam_pairs(path: str, name: str, node: yaml.Node) -> list[Pair]:
    option = BEAM_OPTIONS[name]
    items = node.value if isinstance(node, yaml.SequenceNode) and option.many else [node]
    pairs: list[Pair] = []
    for item in items:
        if not isinstance(item, yaml.ScalarNode):
            found = "a list" if isinstance(item, yaml.SequenceNode) else "a mapping"
            many = " or a list of them" if option.many else ""
            raise UsageError(f"{path}: {name}: found {found}, expected {expected_of(option)}{many}")
        if item.tag == "tag:yaml.org,2002:null":
            continue
        if option.kind != "flag":
            pairs.append((name, item.value))
        elif item.tag != "tag:yaml.org,2002:bool":
            raise UsageError(f"{path}: {name}: found {item.value!r}, expected true or false")
        elif item.value.lower() == "true":
            pairs.append((name, None))
    return pairs
