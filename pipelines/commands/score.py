"""`labelbeam score`: ask a deployed endpoint for predictions of many images, and publish them."""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import math
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import json

from labelbeam.pipelines.command_line.headers import VARIABLE, check_headers, headers_by_name
from labelbeam.pipelines.command_line.options import add_options
from labelbeam.pipelines.command_line.parser import Parser, add_beam_options
from labelbeam.pipelines.commands.command import Command
from labelbeam.pipelines.runners.options import beam_arguments
from labelbeam.pipelines.terminal.streams import require_stdout, set_up_logging, write_stdout
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.requests import XaiAlgorithm, XaiParameters
from labelbeam.schemas.score_config import DEFAULT_KEY, DEFAULT_SCOPE, ScoreConfig
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.messages.words import plain
from labelbeam.transforms.score.credentials import (
    headers_of,
    hidden,
    key_source,
    read_headers,
    read_key,
)
from labelbeam.transforms.score.tokens import check_installed

NOTES = """\
Each process that sends requests reads the key itself; no file and no job contains it.
Beam pipeline options may follow, as for convert.

examples:
  LABELBEAM_ENDPOINT_KEY=… labelbeam score built --split test \\
      --endpoint https://HOST/score --output predicted
  labelbeam score 'photos/*.jpg' --task image_object_detection \\
      --endpoint https://HOST/score --key-file key.txt --output predicted

"""

_EXPLAINING = {
    "explain_steps": "n_steps",
    "explain_threshold": "confidence_score_threshold_multilabel",
    "attributions": "attributions",
}
"""Options of --explain, by the parameters that they set."""

_HINTS = get_type_hints(ScoreConfig, include_extras=True)
_XAI_HINTS = get_type_hints(XaiParameters, include_extras=True)
_NUMBERS = {
    **{name: _HINTS[name] for name in ("batch", "batch_bytes", "concurrency", "timeout", "max_failed")},
    "explain_steps": _XAI_HINTS["n_steps"],
    "explain_threshold": _XAI_HINTS["confidence_score_threshold_multilabel"],
}
"""Options that are numbers: their types, with the bounds."""
_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(ScoreConfig)}


def _add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "source", metavar="SOURCE", help="OUTPUT of a build, or a directory or glob of images; an fsspec URL"
    )
    _add_input(parser.add_argument_group("input and output").add_argument)
    _add_requests(parser.add_argument_group("requests").add_argument)
    _add_credentials(parser.add_argument_group("credentials and headers").add_argument)
    _add_explanations(parser.add_argument_group("explanations").add_argument)
    add_options(parser, ["storage_options", "shared_paths", "json"])
    add_beam_options(parser)


def _add_input(add: Callable[..., Any]) -> None:
    add("--endpoint", required=True, metavar="URL", help="the endpoint's scoring URI (required)")
    add(
        "--output",
        required=True,
        metavar="URL",
        help="fsspec URL of the directory to publish predictions in (required)",
    )
    add("--task", metavar="TASK", help=f"task of the endpoint's model, if SOURCE is no build: {', '.join(TASKS)}")
    add("--split", action="append", metavar="SPLIT", help="a split of the build; may be repeated (default: all)")
    add("--images", metavar="URL", help="fsspec URL of the build's images (default: from its manifest)")
    add(
        "--image-url",
        metavar="PREFIX",
        help="prefix of image_url, before the path of an image (default: as in the build, else the images' own URL)",
    )
    _add_number(add, "max_failed", "FRACTION", "maximum fraction of images not scored; above it, nothing is published")


def _add_requests(add: Callable[..., Any]) -> None:
    add(
        "--protocol",
        choices=get_args(_HINTS["protocol"]),
        default=_DEFAULTS["protocol"],
        help="json: images in base64, several to a request (v2); bytes: one image, unencoded (v1); mlflow: as mlflow models serve "
        "and other /invocations take them (default: %(default)s)",
    )
    _add_number(add, "batch", "N", "images in a request")
    _add_number(add, "batch_bytes", "N", "maximum bytes of images in a request of several")
    _add_number(add, "concurrency", "N", "concurrent requests of each worker")
    _add_number(add, "timeout", "SECONDS", "time limit for an answer, to its last byte")


def _add_credentials(add: Callable[..., Any]) -> None:
    add(
        "--key-env",
        default=DEFAULT_KEY,
        metavar="NAME",
        help="the environment variable that holds the endpoint's key, also on workers (default: %(default)s)",
    )
    add("--key-file", metavar="PATH", help="a local file that holds the key instead, also on workers")
    add(
        "--auth",
        choices=get_args(_HINTS["auth"]),
        default=_DEFAULTS["auth"],
        help="entra: use Entra ID tokens, for the identity of the process, instead of a key (default: %(default)s)",
    )
    add(
        "--auth-scope",
        default=_DEFAULTS["auth_scope"],
        metavar="SCOPE",
        help="scope of the tokens (default: %(default)s)",
    )
    add("--deployment", metavar="NAME", help="the deployment of a managed endpoint to use, even if it gets no traffic")
    add(
        "--header",
        action="append",
        metavar="NAME=VALUE",
        help="a further header, shown in no message; may be repeated. Use --header-env for secrets",
    )
    add(
        "--header-env",
        action="append",
        metavar="NAME=VARIABLE",
        help="a further header whose value is in an environment variable, also on workers; may be repeated",
    )
    add("--allow-http", action="store_true", help="send the key unencrypted, to an http:// endpoint on another machine")


def _add_explanations(add: Callable[..., Any]) -> None:
    add(
        "--explain",
        choices=get_args(XaiAlgorithm),
        metavar="ALGORITHM",
        help=f"explain a classification model's predictions by {', '.join(get_args(XaiAlgorithm))}; slow",
    )
    # Without a default of their own: whether they were given without --explain has to be seen.
    add("--explain-steps", type=_number("explain_steps"), metavar="N", help="steps of the algorithm (default: 50)")
    add(
        "--explain-threshold",
        type=_number("explain_threshold"),
        metavar="FRACTION",
        help="of a multi-label model, explain labels above this probability (default: 0.5)",
    )
    add("--attributions", action="store_true", help="also return the arrays of attributions, which are large")


def _add_number(add: Callable[..., Any], name: str, metavar: str, text: str) -> None:
    """Add an option that is a number, with the type, bounds and default of its field in `ScoreConfig`."""
    default = _DEFAULTS[name]
    shown = f"{default:g}" if isinstance(default, float) else default
    add(_flag(name), type=_number(name), default=default, metavar=metavar, help=f"{text} (default: {shown})")


def _number(name: str) -> Callable[[str], int | float]:
    """A parser of the number that an option takes, within its bounds."""

    def read(text: str) -> int | float:
        try:
            number: int | float = msgspec.convert(text, _NUMBERS[name], strict=False)
        except (msgspec.ValidationError, UnicodeEncodeError):
            number = math.nan
        if math.isnan(number):
            raise UsageError(f"{_flag(name)}: found {text!r}, expected {_expected(name)}")
        return number

    return read


def _expected(name: str) -> str:
    kind, bounds = get_args(_NUMBERS[name])[:2]
    return "a whole number from 1 up" if kind is int else f"a number from {bounds.ge:g} to {bounds.le:g}"


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def make_score_config(known: Mapping[str, Any]) -> ScoreConfig:
    """The options of a run, of which each has a value that it may have; one that is absent or None has its default.

    Raises:
        UsageError: a value cannot be, or some do not go together.
    """
    given = {name: value for name, value in known.items() if value is not None}
    values = {name: value for name, value in given.items() if name in ScoreConfig.__struct_fields__}
    values["explain"] = _explained(given)
    values |= {name: headers_by_name(_flag(name), given[name]) for name in ("header", "header_env") if name in given}
    try:
        config = msgspec.convert(values, ScoreConfig)
    except UnicodeEncodeError as error:
        raise UsageError(f"found {error.object!r:.80}, expected text: bytes of it are not valid UTF-8") from None
    except msgspec.ValidationError as error:
        first, *rest = re.split(r"[.\[]", str(error).rpartition("`$.")[2].removesuffix("`"))
        # What --explain consists of are options of their own.
        name = next((option for option, parameter in _EXPLAINING.items() if [parameter] == rest), first)
        raise UsageError(
            f"{_flag(name)}: found {redact(repr(given.get(name)))}, expected {_words_for(name, error)}"
        ) from None
    if config.explain is not None and config.protocol == "bytes":
        raise UsageError("--explain: cannot be asked for with --protocol bytes, which sends nothing but the image")
    if config.batch > 1 and config.protocol == "bytes":
        raise UsageError("--batch: a request of --protocol bytes is one image")
    if config.auth == "entra" and (config.key_file is not None or config.key_env != DEFAULT_KEY):
        raise UsageError(f"--key-{'file' if config.key_file is not None else 'env'}: is of no use with --auth entra")
    if config.auth != "entra" and config.auth_scope != DEFAULT_SCOPE:
        raise UsageError("--auth-scope: is of no use without --auth entra")
    _check_endpoint(config.endpoint)
    check_headers(config)
    if not VARIABLE.fullmatch(config.key_env):
        # It may be the key itself.
        raise UsageError(
            "--key-env: found text that names no environment variable, expected the name of one, not the key"
        )
    return config


def _words_for(name: str, error: msgspec.ValidationError) -> str:
    if name in _NUMBERS:
        return _expected(name)
    return f"one of {', '.join(TASKS)}" if name == "task" else str(error).partition(" - at")[0]


def _explained(known: Mapping[str, Any]) -> dict[str, Any] | None:
    given = [name for name in _EXPLAINING if known.get(name) is not None and known[name] is not False]
    if known.get("explain") is None:
        if given:
            raise UsageError(f"{_flag(given[0])}: is of no use without --explain")
        return None
    return {"xai_algorithm": known["explain"], **{_EXPLAINING[name]: known[name] for name in given}}


def _check_endpoint(url: str) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise UsageError(f"--endpoint: found {redact(url)!r}, expected the endpoint's scoring URI, https://HOST/score")
    if "@" in parts.netloc:
        raise UsageError(
            f"--endpoint: found {redact(url)!r} with a user or password; expected the key in an environment variable or file"
        )


def check_encrypted(endpoint: str, has_key: bool, allowed: bool) -> None:
    """Make sure that no key, or secret header, goes over a network unencrypted unasked.

    Raises:
        UsageError: it would.
    """
    parts = urlsplit(endpoint)
    if has_key and parts.scheme == "http" and not allowed and not _is_loopback(parts.hostname or ""):
        raise UsageError(
            f"--endpoint {redact(endpoint)}: the key would go over the network unencrypted; expected https://, or --allow-http "
            "where that network is yours"
        )


def read_credentials(config: ScoreConfig, allow_http: bool) -> tuple[str | None, dict[str, Any]]:
    """The endpoint's key, or None, and what messages must not repeat, as options of a store.

    Raises:
        UsageError: the key or a header cannot be read, or would go over a network unencrypted.
    """
    with_tokens = config.auth == "entra"
    if with_tokens:
        check_installed()
    key = None if with_tokens else read_key(key_source(config))
    sources = headers_of(config)
    headers = read_headers(sources)
    if (key is not None or with_tokens) and "authorization" in map(str.lower, headers):
        what = "a token" if with_tokens else f"the key from {config.key_file or config.key_env}"
        raise UsageError(f"--header-env Authorization: {what} is sent in this header already; expected one of the two")
    check_encrypted(config.endpoint, key is not None or with_tokens or bool(config.header_env), allow_http)
    return key, hidden(config.endpoint, key, sources, headers)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _run(known: argparse.Namespace) -> int:
    config = make_score_config(vars(known))
    arguments = beam_arguments([], known.beam, known.runner_options)
    from labelbeam.pipelines.runners.clusters import check_endpoints
    from labelbeam.pipelines.runners.requirements import check_runner

    key, secrets = read_credentials(config, known.allow_http)
    storage = known.storage
    # No line or message repeats the key, whoever says it.
    known.storage = {**storage, **secrets}
    check_runner(config, arguments)
    check_endpoints(arguments)
    set_up_logging(config.json, known.storage)
    from labelbeam.pipelines.runs.score import as_json, score, summary
    from labelbeam.pipelines.terminal.display import Display

    if config.json:
        require_stdout()
    with contextlib.redirect_stdout(sys.stderr), Display(config.json, ("score",)) as display:
        scored = score(config, storage, arguments, key is not None, display)
        if not config.json:
            display.close()
            for line in summary(scored, time.monotonic() - display.started):
                display.console.print(plain(redact(line, known.storage)), soft_wrap=True, markup=False, highlight=False)
    if config.json:
        write_stdout(redact(json.encode(as_json(scored, display)).decode(), known.storage))
    return 0


COMMAND = Command(
    "score",
    "score images with a deployed endpoint, and publish the predictions",
    "SOURCE --endpoint URL --output URL [options] [Beam pipeline options]",
    _add_arguments,
    _run,
    NOTES,
)
