"""The command line of `convert` and `inspect`, made from `ConvertConfig`: one definition for flags, YAML and help.

Nothing here imports Beam: `--help` and a wrong option answer at once. Options that LabelBeam does not know are Beam's if
Beam has one of that name, and wrong otherwise.
"""

from __future__ import annotations

import argparse
import difflib
import json
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
import yaml

from pipelines.beam_options import BEAM_OPTIONS, REFUSED_EXPERIMENTS, REFUSED_MODES, REFUSED_RUNNERS
from schemas.config import ConvertConfig, parse_split
from schemas.errors import UsageError

FIELDS = {field.name: field for field in msgspec.structs.fields(ConvertConfig)}


def description(name: str) -> str:
    """The help of an option, as its definition says it."""
    for meta in get_args(FIELDS[name].type)[1:]:
        if isinstance(meta, msgspec.Meta) and meta.description:
            return meta.description
    raise KeyError(name)


def choices(name: str) -> tuple[Any, ...]:
    """The values that an option may have, or none when any will do."""
    found: list[Any] = []
    kinds = [get_args(FIELDS[name].type)[0]]
    while kinds:
        kind = kinds.pop(0)
        if get_origin(kind) is Annotated:
            kinds.append(get_args(kind)[0])
        elif get_origin(kind) is Literal:
            found += get_args(kind)
        elif get_args(kind) and get_origin(kind) is not list and get_origin(kind) is not dict:
            kinds += get_args(kind)
        elif kind is not type(None):
            return ()
    return tuple(found)


def default(name: str) -> Any:
    """The default of an option, or None where it has none or is required."""
    value = FIELDS[name].default
    return None if value is msgspec.NODEFAULT else value


def add_options(parser: argparse.ArgumentParser, names: list[str]) -> None:
    """Add the options called `names`; all default to being absent, so that a config file can fill them in."""
    group = parser.add_argument_group("options")
    for name in names:
        flag = f"--{name.replace('_', '-')}"
        shown = default(name)
        text = description(name)
        if shown is not None and shown is not False and "default" not in text:
            text += f" (default: {shown})"
        text = text.replace("%", "%%")
        if FIELDS[name].type.__origin__ is bool:
            group.add_argument(flag, action="store_true", default=argparse.SUPPRESS, help=text)
        elif choices(name):
            kind = type(choices(name)[0])
            group.add_argument(flag, choices=choices(name), type=kind, default=argparse.SUPPRESS, help=text)
        elif FIELDS[name].type.__origin__ == list[str]:
            group.add_argument(flag, action="append", metavar="URL", default=argparse.SUPPRESS, help=text)
        else:
            group.add_argument(flag, metavar=_metavar(name), default=argparse.SUPPRESS, help=text)


def _metavar(name: str) -> str:
    return {"split": "SHARES", "shards": "N|auto", "max_rejected": "FRACTION", "storage_options": "JSON|@FILE"}.get(
        name, "N" if name == "max_polygon_points" else "TEXT" if name == "label_separator" else "URL"
    )


def read_config(path: str) -> dict[str, Any]:
    """Read a YAML config.

    Raises:
        UsageError: it does not exist, is no YAML, or is no mapping.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path}: the config cannot be read: {reason}") from None
    try:
        values = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path}: found {type(values).__name__}, expected a mapping of options such as `task: …`")
    return values


def make_config(flags: dict[str, Any], config_path: str | None, **fixed: Any) -> tuple[ConvertConfig, list[str]]:
    """The options of a run: the config file, the flags above it, `fixed` above both; and Beam options of the file.

    A key of the file that is not an option but one of Beam's becomes a pipeline option.

    Raises:
        UsageError: an option is unknown, missing, or has a value that it cannot have.
    """
    values = read_config(config_path) if config_path else {}
    origin = f"{config_path}: " if config_path else ""
    beam_flags: list[str] = []
    for key in [key for key in values if key not in FIELDS]:
        if str(key) not in BEAM_OPTIONS:
            raise UsageError(f"{origin}unknown option {key!r}{_did_you_mean(str(key), [*FIELDS, *BEAM_OPTIONS])}")
        value = values.pop(key)
        for item in value if isinstance(value, list) else [value]:
            beam_flags.append(f"--{key}" if item is True else f"--{key}={item}")
    if isinstance(values.get("source"), str):
        values["source"] = [values["source"]]
    values |= {name: _typed(name, value) for name, value in flags.items()}
    values |= fixed
    missing = [name for name in ("task", "source", "output") if not values.get(name)]
    if missing:
        raise UsageError(f"{origin}missing: {', '.join(f'--{name}' for name in missing)}; see labelbeam convert --help")
    try:
        config = msgspec.convert(values, ConvertConfig)
    except msgspec.ValidationError as error:
        raise UsageError(f"{origin}{_in_words(error, values)}") from None
    parse_split(config.split)
    if isinstance(config.shards, int) and not 1 <= config.shards <= 99_999:
        raise UsageError(f"--shards: found {config.shards}, expected a number from 1 to 99999, or auto")
    return config, beam_flags


def _in_words(error: msgspec.ValidationError, values: dict[str, Any]) -> str:
    message, _, path = str(error).partition(" - at `$.")
    name = path.split("`")[0].split("[")[0].split(".")[0]
    if name not in FIELDS:
        return str(error)
    allowed = choices(name)
    expected = f"expected one of {', '.join(map(str, allowed))}" if allowed else message[0].lower() + message[1:]
    return f"--{name.replace('_', '-')}: found {values.get(name)!r}; {expected}"


def _typed(name: str, text: Any) -> Any:
    """Turn a flag's text into the number that its field wants; the config's own check tells what is wrong with it."""
    if isinstance(text, str) and name in ("shards", "max_polygon_points", "max_rejected"):
        try:
            return float(text) if name == "max_rejected" else int(text)
        except ValueError:
            return text
    return text


def storage_options(value: str | dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Read --storage-options: fsspec options by protocol. The values may be secrets and are never repeated.

    Raises:
        UsageError: it is not a JSON object of objects, or its file cannot be read.
    """
    if value is None:
        return {}
    what = "--storage-options"
    if isinstance(value, str):
        if value.startswith("@"):
            what = f"--storage-options {value}"
            try:
                value = Path(value[1:]).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise UsageError(f"{what}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise UsageError(f'{what}: not valid JSON; expected an object such as {{"s3": {{"anon": true}}}}') from None
    if not isinstance(value, dict) or not all(isinstance(item, dict) for item in value.values()):
        raise UsageError(f'{what}: expected an object of objects by protocol, such as {{"s3": {{"anon": true}}}}')
    return value


def check_beam_flags(flags: list[str]) -> None:
    """Refuse options that neither LabelBeam nor Beam has, and those of Beam that lose data.

    Raises:
        UsageError: there is one; the message names what was probably meant, or what to use instead.
    """
    ours = [f"--{name.replace('_', '-')}" for name in FIELDS]
    value_expected = False
    for flag in flags:
        if not flag.startswith("-") or flag.lstrip("-").replace(".", "", 1).isdigit():
            if not value_expected:
                raise UsageError(f"unexpected argument {flag!r}; see labelbeam convert --help")
            value_expected = False
            continue
        name, equals, _ = flag.lstrip("-").partition("=")
        if name.replace("-", "_") in FIELDS and name not in BEAM_OPTIONS:
            raise UsageError(f"unknown option --{name}; did you mean --{name.replace('_', '-')}?")
        if name not in BEAM_OPTIONS:
            raise UsageError(
                f"unknown option --{name}{_did_you_mean(f'--{name}', [*ours, *(f'--{option}' for option in BEAM_OPTIONS)])}"
            )
        value_expected = not equals
    _refuse_lossy(flags)


def _refuse_lossy(flags: list[str]) -> None:
    words = " ".join(flags).replace("=", " ").split()
    for name, refused in (("runner", REFUSED_RUNNERS), ("direct_running_mode", REFUSED_MODES)):
        for flag, value in pairwise(words):
            if flag.lstrip("-") == name and value in refused:
                raise UsageError(f"--{name}={value}: {refused[value]}")
    for word in words:
        for experiment, reason in REFUSED_EXPERIMENTS.items():
            if word.startswith(experiment):
                raise UsageError(f"--experiments={word}: {reason}")


def _did_you_mean(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.7)
    return f"; did you mean {close[0]}?" if close else "; see labelbeam convert --help"
