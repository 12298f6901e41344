"""The options of `convert` and `inspect`, made from `ConvertConfig`: one definition for flags, YAML and help.

Nothing here imports Beam: `--help` and a wrong option answer at once.
"""

from __future__ import annotations

import argparse
import json
import types
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from labelbeam.pipelines.command_line.labels import read_labels
from labelbeam.schemas.config import CheckImages, ConvertConfig, parse_split
from labelbeam.schemas.doubts import Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.split_group import parse_split_group
from labelbeam.transforms.formats.json_objects import RepeatedKeyError, unique
from labelbeam.transforms.formats.registry import FORMATS
from labelbeam.transforms.images.urls import prefix_in_datastore
from labelbeam.transforms.messages.words import did_you_mean, is_utf8
from labelbeam.transforms.stores.small_files import read_small

if TYPE_CHECKING:
    from labelbeam.pipelines.command_line.config_file import ConfigFile

_CORE = {field.name: field for field in msgspec.structs.fields(ConvertConfig) if field.name != "of_formats"}
_OF_FORMATS = {
    name: {field.name: field for field in msgspec.structs.fields(found.options)} for name, found in FORMATS.items()
}

FIELDS = {**_CORE, **{name: field for fields in _OF_FORMATS.values() for name, field in fields.items()}}
"""All options of a build: its own, and those of its formats."""

GROUPS = {
    "dataset": ["task", "source", "format", "images", "output", "image_url"],
    "build": [
        "check_images",
        "split",
        "split_group",
        "stratify",
        "duplicates",
        "near_duplicates",
        "labels",
        "sample",
        "shards",
        "out_of_bounds",
        "background",
        "max_rejected",
        "max_change",
        "accept_change",
        "strict",
        "accept",
        "copy_images",
        "transcode",
        "max_side",
        "datastore",
        "if_changed",
        "max_polygon_points",
        "dimensions",
    ],
    "options of one format": [name for fields in _OF_FORMATS.values() for name in fields],
    "general": ["storage_options", "shared_paths", "json"],
}
"""All options, in the order of the help."""

_METAVARS = {
    "task": "TASK",
    "split": "SHARES",
    "split_group": "REGEX|COLUMN|folder",
    "labels": "FILE|PAIRS",
    "sample": "N|FRACTION",
    "near_duplicates": "BITS",
    "shards": "N|auto",
    "max_rejected": "FRACTION",
    "max_change": "FRACTION",
    "accept": "CODE",
    "max_polygon_points": "N",
    "max_side": "N",
    "storage_options": "JSON|@FILE",
    "image_url": "PREFIX",
    "datastore": "azureml://…",
}

_STORAGE_EXAMPLE = '{"s3": {"anon": true}}'

_EXPECTED = {
    "source": "a path or URL, or a list of them",
    "accept": "the code of a doubt, or a list of them",
    "split": "shares such as train=0.8,validation=0.2, or a mapping of them",
    "labels": "a YAML or JSON file, pairs such as kitten=cat,person=, or a mapping",
    "storage_options": f"a JSON object by protocol such as {_STORAGE_EXAMPLE}, @FILE, or a mapping",
}


def flag(name: str) -> str:
    """An option as it stands on the command line."""
    return f"--{name.replace('_', '-')}"


def description(name: str) -> str:
    """The help of an option, as its definition says it."""
    for meta in _metas(name):
        if meta.description:
            return meta.description + _OF_EACH_FORMAT.get(name, "")
    raise KeyError(name)


_OF_EACH_FORMAT = {"source": "; " + "; ".join(f"{name}: {found.source}" for name, found in FORMATS.items())}


def _metas(name: str) -> list[Meta]:
    return [meta for meta in get_args(FIELDS[name].type)[1:] if isinstance(meta, Meta)]


def _metavar(name: str) -> str | None:
    """Placeholder of the value in the help, where the type does not say it."""
    return _METAVARS.get(name) or next((meta.extra["metavar"] for meta in _metas(name) if meta.extra), None)


def choices(name: str) -> tuple[Any, ...]:
    """The values that an option may have, or none when any will do."""
    if name == "format":
        return ("auto", *FORMATS)
    found: list[Any] = []
    for kind, _ in _alternatives(FIELDS[name].type):
        if get_origin(kind) is not Literal:
            return ()
        found += get_args(kind)
    return tuple(found)


def default(name: str) -> Any:
    """The default of an option, or None where it has none or is required."""
    value = FIELDS[name].default
    return None if value is msgspec.NODEFAULT else value


def expected(name: str) -> str:
    """Words for what an option takes."""
    if name in _EXPECTED:
        return _EXPECTED[name]
    if name == "format":
        return f"one of {', '.join(choices(name))}"
    words = []
    for kind, metas in _alternatives(FIELDS[name].type):
        if get_origin(kind) is Literal:
            values = ", ".join(map(str, get_args(kind)))
            words.append(f"one of {values}" if len(get_args(kind)) > 1 else values)
        elif kind in (int, float):
            words.append(f"{'a whole number' if kind is int else 'a number'}{_bounds(metas)}")
        else:
            words.append("true or false" if kind is bool else "text" if _metavar(name) else "a path or URL")
    return ", or ".join(words)


def _alternatives(kind: Any, metas: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The types of a union, each with what annotates it, without None."""
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        yield from _alternatives(inner, (*metas, *more))
    elif get_origin(kind) in (Union, types.UnionType):
        for part in get_args(kind):
            yield from _alternatives(part, metas)
    elif kind is not type(None):
        yield kind, metas


def _bounds(metas: tuple[Any, ...]) -> str:
    low = next((meta.ge for meta in metas if isinstance(meta, Meta) and meta.ge is not None), None)
    high = next((meta.le for meta in metas if isinstance(meta, Meta) and meta.le is not None), None)
    above, below = (
        next((limit for meta in metas if isinstance(meta, Meta) and (limit := getattr(meta, side)) is not None), None)
        for side in ("gt", "lt")
    )
    if above is not None:
        return f" above {above}" if below is None else f" above {above} and below {below}"
    return "" if low is None else f" from {low} up" if high is None else f" from {low} to {high}"


def add_options(parser: argparse.ArgumentParser, names: Collection[str]) -> None:
    """Add the options called `names`; all default to being absent, so that a config file can fill them in."""
    for title, members in GROUPS.items():
        group = parser.add_argument_group(title)
        for name in members:
            if name in names:
                _add_option(group, name)


def _add_option(group: argparse._ArgumentGroup, name: str) -> None:
    text = _help(name)
    kind, _ = next(_alternatives(FIELDS[name].type))
    if kind is bool:
        group.add_argument(flag(name), action="store_true", default=argparse.SUPPRESS, help=text)
        # What overrules a `true` of the config file; of no use without one, and so not in the help's list.
        group.add_argument(
            f"--no-{flag(name)[2:]}",
            action="store_false",
            dest=name,
            default=argparse.SUPPRESS,
            help=argparse.SUPPRESS,
        )
        return
    metavar = _metavar(name) or (f"{{{','.join(map(str, choices(name)))}}}" if choices(name) else "URL")
    action = "append" if get_origin(kind) is list else "store"
    group.add_argument(flag(name), action=action, metavar=metavar, default=argparse.SUPPRESS, help=text)


def _help(name: str) -> str:
    text = description(name)
    if _metavar(name) and choices(name):
        text += f": {', '.join(choices(name))}"
    if FIELDS[name].required:
        text += " (required)"
    elif default(name) not in (None, False) and "default" not in text:
        text += f" (default: {default(name)})"
    return text.replace("%", "%%")


def make_config(flags: dict[str, Any], file: ConfigFile | None = None, **fixed: Any) -> ConvertConfig:
    """The options of a run: the config file, the flags above it, `fixed` above both.

    Raises:
        UsageError: an option is missing, or has a value that it cannot have.
    """
    from labelbeam.pipelines.command_line.config_file import ConfigFile  # It loads YAML.

    file = file or ConfigFile()
    values = file.values | {name: _typed(name, value) for name, value in flags.items()} | fixed
    for name in ("source", "accept"):
        if isinstance(values.get(name), str):
            values[name] = [values[name]]
    missing = [flag(name) for name, field in FIELDS.items() if field.required and values.get(name) in (None, "", [])]
    if missing:
        where = f", neither here nor in {file.path}" if file.path else ""
        raise UsageError(f"missing: {', '.join(missing)}{where}; see labelbeam convert --help")
    try:
        if values.get("format", "auto") not in choices("format"):
            raise msgspec.ValidationError("unknown - at `$.format`")
        for name, value in values.items():
            if isinstance(value, str) and not (is_utf8(value) or name in _PLACES):
                raise msgspec.ValidationError(f"not text - at `$.{name}`")
        config = msgspec.convert({name: value for name, value in values.items() if name in _CORE}, ConvertConfig)
        config.of_formats = tuple(
            msgspec.convert({name: value for name, value in values.items() if name in fields}, FORMATS[owner].options)
            for owner, fields in _OF_FORMATS.items()
            if fields.keys() & values.keys()
        )
    except msgspec.ValidationError as error:
        name = str(error).rpartition("`$.")[2].split("`")[0].split("[")[0].split(".")[0]
        raise UsageError(
            f"{_name_in(file, flags, name)}: found {_shown(name, values)}, expected {expected(name)}"
        ) from None
    check_accepted(config.accept, _name_in(file, flags, "accept"))
    try:
        parse_split(config.split)
    except UsageError as error:
        where = _name_in(file, flags, "split")
        raise UsageError(str(error).replace("--split", where, 1)) from None
    if config.split_group is not None:
        where = _name_in(file, flags, "split_group")
        try:
            parse_split_group(config.split_group)
        except UsageError as error:
            raise UsageError(str(error).replace("--split-group", where, 1)) from None
    for name in ("split_group", "stratify"):
        if getattr(config, name) and config.split is None:
            raise UsageError(
                f"{_name_in(file, flags, name)}: draws nothing without --split, expected --split train=0.8,validation=0.2 or the like as well"
            )
    if config.near_duplicates is not None and config.duplicates is None:
        raise UsageError(
            f"{_name_in(file, flags, 'near_duplicates')}: says which images are alike, and nothing what becomes of them; expected --duplicates "
            "keep, drop or fail as well"
        )
    if config.labels is not None:
        config.labels = read_labels(config.labels, _name_in(file, flags, "labels"))
    if config.transcode is not None or config.max_side is not None:
        config.check_images = _looked_at(config)
    if config.datastore is not None:
        config.image_url = _url_in_datastore(config, config.datastore)
    return config


def check_accepted(codes: Iterable[str], option: str = "--accept") -> None:
    """Make sure that what is accepted are codes of doubts.

    Raises:
        UsageError: one is none.
    """
    for code in codes:
        if code not in set(Doubted):
            raise UsageError(
                f"{option}: found {code!r}, expected {expected('accept')}, as warnings and docs/reasons.md show it{did_you_mean(code, Doubted)}"
            )


def _looked_at(config: ConvertConfig) -> CheckImages:
    """The level of --check-images for images that are transcoded.

    Raises:
        UsageError: they are said not to be.
    """
    if config.check_images in ("none", "exists"):
        name = "transcode" if config.transcode is not None else "max_side"
        raise UsageError(
            f"--check-images: found {config.check_images!r}, expected header or decode, since {flag(name)} opens every image"
        )
    return config.check_images or "header"


def _url_in_datastore(config: ConvertConfig, datastore: str) -> str:
    """The beginning of image_url where the datastore of the images' container is named.

    Raises:
        UsageError: the datastore is no long-form URL, the images lie in no container, or --image-url says something else.
    """
    place = config.copy_images or config.images
    if place is None:
        raise UsageError(
            "--datastore: expected --copy-images or --images as well, a place in the container of the datastore"
        )
    prefix = prefix_in_datastore(datastore, place)
    if config.image_url not in (None, prefix):
        raise UsageError(
            f"--datastore: makes image_url begin with {prefix!r}, --image-url says otherwise; give one of them"
        )
    return prefix


_PLACES = ("images", "output", "image_url", "copy_images", "storage_options")
"""What `locate` and its like have words of their own for, where bytes of it are no UTF-8."""


def _name_in(file: ConfigFile, flags: dict[str, Any], name: str) -> str:
    """An option by the name under which a person wrote it."""
    return f"{file.path}: {name}" if name in file.values and name not in flags else flag(name)


def _shown(name: str, values: dict[str, Any]) -> str:
    value = values[name]
    if name == "storage_options":
        return f"{type(value).__name__}"  # Its content may be secret.
    text = repr(value[0] if name in ("source", "accept") and isinstance(value, list) and len(value) == 1 else value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _typed(name: str, text: Any) -> Any:
    """Turn a flag's text into the number that its field wants; the config's own check tells what is wrong with it."""
    if not isinstance(text, str):
        return text
    for kind, _ in _alternatives(FIELDS[name].type):
        number = kind if kind in (int, float) else type(get_args(kind)[0]) if get_origin(kind) is Literal else str
        try:
            if number is not str:
                return number(text)
        except ValueError:
            continue
    return text


def storage_options(value: str | dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Read --storage-options: fsspec options by protocol. The values may be secrets and are never repeated.

    Raises:
        UsageError: it is not a JSON object of objects, holds a key twice, or its file cannot be read.
    """
    if value is None:
        return {}
    what = "--storage-options"
    if isinstance(value, str):
        if value.startswith("@"):
            what = f"--storage-options {value}"
            try:
                value = read_small(value[1:]).decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise UsageError(f"{what}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
            except (OSError, ValueError) as error:
                raise UsageError(f"{what}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
        try:
            value = json.loads(value, object_pairs_hook=unique)
        except RepeatedKeyError as error:
            raise UsageError(f"{what}: {error}, expected each key once") from None
        except (ValueError, RecursionError):
            raise UsageError(
                f"{what}: found text that is not JSON, expected an object such as {_STORAGE_EXAMPLE}; in a shell, put "
                "it in single quotes"
            ) from None
    if not isinstance(value, dict) or not all(isinstance(item, dict) for item in value.values()):
        raise UsageError(f"{what}: expected an object of objects by protocol, such as {_STORAGE_EXAMPLE}")
    return value
