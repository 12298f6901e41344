"""The options of `labelbeam score` on the command line, and what may not be combined.

Nothing here imports Beam: `--help` and a wrong option answer at once.
"""

from __future__ import annotations

import argparse
import ipaddress
import re
from collections.abc import Callable
from typing import Any, get_args
from urllib.parse import urlsplit

import msgspec

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.requests import XaiAlgorithm, XaiParameters
from labelbeam.schemas.score_config import DEFAULT_KEY, ScoreConfig
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.messages.redact import redact

_EXPLAINING = {
    "explain_steps": "n_steps",
    "explain_threshold": "confidence_score_threshold_multilabel",
    "attributions": "attributions",
}
"""Options of --explain, by the parameters that they set."""


def add_score_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command but those that others have too."""
    group = parser.add_argument_group("what to score")
    add = group.add_argument
    add("--endpoint", required=True, metavar="URL", help="the endpoint's scoring URI (required)")
    add(
        "--output",
        required=True,
        metavar="URL",
        help="fsspec URL of the directory to publish predictions in (required)",
    )
    add("--task", metavar="TASK", help=f"of the endpoint's model, where SOURCE is no build: {', '.join(TASKS)}")
    add("--split", action="append", metavar="SPLIT", help="a split of the build; may be repeated (default: all)")
    add("--images", metavar="URL", help="fsspec URL of where the images of the build lie (default: as the build says)")
    add(
        "--image-url",
        metavar="PREFIX",
        help="what image_url begins with, before the path of an image (default: as in the build, else the images' own URL)",
    )
    group = parser.add_argument_group("how to ask")
    add = group.add_argument
    add(
        "--protocol",
        choices=("json", "bytes"),
        default="json",
        help="json: images in base64, several a request (v2); bytes: the image itself (v1) (default: %(default)s)",
    )
    add("--batch", type=_whole("batch"), default=1, metavar="N", help="images in a request (default: %(default)s)")
    add(
        "--batch-bytes",
        type=_whole("batch-bytes"),
        default=1_500_000,
        metavar="N",
        help="bytes of a request up to which images are put together (default: %(default)s)",
    )
    add(
        "--concurrency",
        type=_whole("concurrency"),
        default=8,
        metavar="N",
        help="requests at once; on several workers each asks for so many, so that the endpoint gets that many times as many "
        "(default: %(default)s)",
    )
    add(
        "--timeout",
        type=_number("timeout", 0.001, 3600),
        default=60.0,
        metavar="SECONDS",
        help="for an answer, until its last byte (default: %(default)g)",
    )
    add(
        "--key-env",
        default=DEFAULT_KEY,
        metavar="NAME",
        help="the environment variable that holds the endpoint's key, also on workers (default: %(default)s)",
    )
    add("--key-file", metavar="PATH", help="a local file that holds the key instead, also on workers")
    add("--allow-http", action="store_true", help="send the key unencrypted, to an http:// endpoint on another machine")
    add(
        "--explain",
        choices=get_args(XaiAlgorithm),
        metavar="ALGORITHM",
        help=f"have a classification model explain itself, by {', '.join(get_args(XaiAlgorithm))}; slow",
    )
    add("--explain-steps", type=_whole("explain-steps"), metavar="N", help="steps of the algorithm (default: 50)")
    add(
        "--explain-threshold",
        type=_number("explain-threshold", 0, 1),
        metavar="FRACTION",
        help="of a multi-label model, explain labels above it (default: 0.5)",
    )
    add("--attributions", action="store_true", help="have the arrays as well, which are large")
    add(
        "--max-failed",
        type=_number("max-failed", 0, 1),
        default=0.05,
        metavar="FRACTION",
        help="of the images; if more were not scored, nothing is published (default: %(default)g)",
    )


def _whole(name: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and 0 < int(text) < 10**9):
            raise UsageError(f"--{name}: found {text!r}, expected a whole number from 1 up")
        return int(text)

    return read


def _number(name: str, low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            raise UsageError(f"--{name}: found {text!r}, expected a number from {low:g} to {high:g}")
        return number

    return read


def make_score_config(known: dict[str, Any]) -> ScoreConfig:
    """The options of a run, of which each has a value that it may have.

    Raises:
        UsageError: some do not go together.
    """
    task, explain = known["task"], _explained(known)
    if task not in (None, *TASKS):
        raise UsageError(f"--task: found {task!r}, expected one of {', '.join(TASKS)}")
    if explain is not None and known["protocol"] == "bytes":
        raise UsageError("--explain: cannot be asked for with --protocol bytes, which sends nothing but the image")
    if known["batch"] > 1 and known["protocol"] == "bytes":
        raise UsageError("--batch: a request of --protocol bytes is one image")
    _check_endpoint(known["endpoint"])
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", known["key_env"]):
        # It may be the key itself.
        raise UsageError(
            "--key-env: found text that names no environment variable, expected the name of one, not the key"
        )
    names = set(ScoreConfig.__struct_fields__)
    values = {name: value for name, value in known.items() if name in names and value is not None}
    return msgspec.convert({**values, "source": known["source_url"], "explain": explain}, ScoreConfig)


def _explained(known: dict[str, Any]) -> XaiParameters | None:
    given = {parameter: known[name] for name, parameter in _EXPLAINING.items() if known[name]}
    if known["explain"] is None:
        if given:
            name = next(name for name in _EXPLAINING if known[name]).replace("_", "-")
            raise UsageError(f"--{name}: is of no use without --explain")
        return None
    return XaiParameters(xai_algorithm=known["explain"], **given)


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
    """Make sure that no key goes over a network unencrypted unasked.

    Raises:
        UsageError: it would.
    """
    parts = urlsplit(endpoint)
    if has_key and parts.scheme == "http" and not allowed and not _is_loopback(parts.hostname or ""):
        raise UsageError(
            f"--endpoint {redact(endpoint)}: the key would go over the network unencrypted; expected https://, or --allow-http "
            "where that network is yours"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
