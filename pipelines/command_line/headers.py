"""Headers of requests, as they are given on the command line and from Python."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.score_config import ScoreConfig
from labelbeam.transforms.score.credentials import DEPLOYMENT, is_header_value

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
"""The name of an environment variable."""

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}")
"""A header's name (RFC 9110, section 5.1)."""
_OWN_HEADERS = frozenset(
    {"content-type", "content-length", "content-encoding", "transfer-encoding", "accept-encoding", "host", "connection"}
    | {"expect", "te", "trailer", "upgrade"}
)
_SECRET_HEADER = re.compile(r"(?i)auth|cookie|token|secret|passw|pwd|credential|signature|session|key$")
"""Names of headers whose values are secrets."""


def headers_by_name(flag: str, given: Any) -> dict[str, str]:
    """Headers by name, as they are given: each as `NAME=VALUE`, or from Python by name. No message repeats what may be a value.

    Raises:
        UsageError: what is given is neither, or names a header twice.
    """
    found: dict[str, str] = {}
    for name, value in _pairs(flag, given):
        if name in found:
            raise UsageError(f"{flag}: found {name} twice, expected each header once")
        found[name] = value
    return found


def _pairs(flag: str, given: Any) -> Iterator[tuple[str, str]]:
    if isinstance(given, Mapping):
        if not all(isinstance(text, str) for pair in given.items() for text in pair):
            raise UsageError(f"{flag}: found a name or value that is no text, expected texts by name")
        yield from ((name.strip(), value.strip()) for name, value in given.items())
        return
    for item in [given] if isinstance(given, str) else given:
        name, separator, value = (part.strip() for part in str(item).partition("="))
        if not (separator and _TOKEN.fullmatch(name)):
            what = "VARIABLE" if flag == "--header-env" else "VALUE"
            raise UsageError(f"{flag}: found text without the name of a header and =, expected NAME={what}")
        yield name, value


def check_headers(config: ScoreConfig) -> None:
    """Make sure that headers can be sent, each once, and that no secret stands among the arguments of a process.

    Raises:
        UsageError: it is not so.
    """
    names = [*config.header, *config.header_env, *([DEPLOYMENT] if config.deployment is not None else [])]
    for flag, headers in (("--header", config.header), ("--header-env", config.header_env)):
        for name, value in headers.items():
            if not _TOKEN.fullmatch(name):
                raise UsageError(f"{flag}: found text that is no name of a header")
            if name.lower() in _OWN_HEADERS:
                raise UsageError(f"{flag} {name}: follows from --protocol and the images, and cannot be given")
            if [other.lower() for other in names].count(name.lower()) > 1:
                raise UsageError(f"{flag} {name}: is given twice, expected each header once")
            if flag == "--header-env" and not VARIABLE.fullmatch(value):
                raise UsageError(
                    f"--header-env {name}: found text that names no environment variable, expected the name of one, not the value"
                )
            if flag == "--header" and not is_header_value(value):
                raise UsageError(f"--header {name}: found a value that no header can have, expected printable ASCII")
            if flag == "--header" and _SECRET_HEADER.search(name):
                raise UsageError(
                    f"--header {name}: holds a secret, and others on this machine see the arguments of a command; expected "
                    "--header-env NAME=VARIABLE, which names the environment variable that holds it"
                )
    if config.deployment is not None and not is_header_value(config.deployment):
        raise UsageError(f"--deployment: found {config.deployment!r:.80}, expected the name of a deployment")
