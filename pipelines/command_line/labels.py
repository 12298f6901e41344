"""The value of --labels: a file, pairs, or a mapping, as the one mapping that stands in the manifest."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.label_map import EXPECTED, parse_labels
from labelbeam.transforms.formats.json_objects import RepeatedKeyError, unique
from labelbeam.transforms.stores.small_files import read_small

_FILES = (".yaml", ".yml", ".json")


def read_labels(given: Any, name: str = "--labels") -> dict[str, Any] | None:
    """Read --labels, which a person wrote as `name`; None where it says nothing of labels.

    Text that ends like a file of YAML or JSON, or holds no `=`, is the path of one; all other is pairs of old and new names.

    Raises:
        UsageError: the file cannot be read, or it is no mapping of labels.
    """
    where = name
    if isinstance(given, str):
        if "://" in given:  # Its query would be read as a pair of names, and published.
            raise UsageError(
                f"{name}: found a URL, expected a file of this machine, or pairs such as kitten=cat,person="
            )
        if given.lower().endswith(_FILES) or "=" not in given:
            where = f"{name} {given}"
            given = _file(given, where)
        else:
            given = _pairs(given, name)
    try:
        found: dict[str, Any] = msgspec.to_builtins(parse_labels(given))
    except UsageError as error:
        raise UsageError(str(error).replace("--labels", where, 1)) from None
    return found or None


def _file(path: str, where: str) -> Any:
    from labelbeam.pipelines.command_line.config_file import SIZE_LIMIT, read_values  # It loads YAML.

    if not path.lower().endswith(".json"):
        try:
            return read_values(path, f"a YAML or JSON file of {EXPECTED}")
        except UsageError as error:
            raise UsageError(f"{where.removesuffix(path)}{error}") from None
    try:
        return json.loads(read_small(path, SIZE_LIMIT).decode("utf-8-sig"), object_pairs_hook=unique)
    except RepeatedKeyError as error:
        raise UsageError(f"{where}: {error}, expected each key once") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{where}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{where}: not valid JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise UsageError(f"{where}: not valid JSON: nested too deeply") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{where}: cannot be read: {reason}; expected a YAML or JSON file of {EXPECTED}") from None


def _pairs(text: str, name: str) -> dict[str, str | None]:
    """Pairs such as `kitten=cat,person=`: old and new names, of which no new one drops a label."""
    found: dict[str, str | None] = {}
    for part in text.split(","):
        old, equals, new = part.partition("=")
        if not equals or not old.strip() or "=" in new:
            raise UsageError(
                f"{name}: found {part!r:.60}, expected pairs of old and new names such as kitten=cat,person=; labels that hold , or = "
                "need a file"
            )
        if old.strip() in found:
            raise UsageError(f"{name}: {old.strip()!r} occurs twice, expected each label once")
        found[old.strip()] = new if new.strip() else None
    return found
