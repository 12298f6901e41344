"""Keep credentials out of messages and files: a URL, an option or a server's answer may hold a password, a key or a signature.

What is secret is known by where it stands: the user part and the query of a URL, the values of storage options, the key of an
endpoint. Names of parameters only add to that, where text is no URL (a connection string). Time is linear in the text.
"""

from __future__ import annotations

import base64
import html.entities
import os
import re
import sys
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

_HIDDEN = "***"

_AUTHORITY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31})?(:\\?/\\?/)([^/\s]*)@")
"""A URL's user part: up to the last `@` before the first slash, since passwords hold the others unencoded."""

_CONTAINER = frozenset({"abfs", "abfss", "az", "adl", "wasb", "wasbs"})
"""Schemes of Azure in which a container stands before the `@`."""

_PATHS = frozenset({"file", "local", "memory", "shards", "tar", "zip"})
"""Schemes without a user part, whose paths may hold an `@`."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^;]*$")

_BARE = re.compile(r"(?<![^\s@])[^\s/@]+@(?=[\w-]+(?:\.[\w-]+)*:\d|(?:[\w-]+\.){2})")
"""A user and password before a host with a port or with two dots, where someone has left the scheme out."""
_BARE_USER = re.compile(r"(?<![\w.+-])[\w.+-]+:(?=[^@])")

_LOGIN = re.compile(r"[^/\s:@]+:([^/\s]+)@")
"""The password in an address that is an option, also where someone has left the scheme out."""

_WORD = re.compile(r"[^\s'\"<>]+")
_REMOTE = re.compile(r"(?i)([a-z][a-z0-9+.-]{0,31}):\\?/\\?/")
_BEHIND_A_PATH = {True: re.compile("[?#;]"), False: re.compile("[?#]")}
"""What a query, a fragment or, on the web alone, the parameters of a name begin with."""
_QUERY = re.compile(r"(?:[^\\]|\\/)*")
_VALUE = re.compile(r"=[^&;]*")
_PUNCTUATION = ":;,.)]}"

# A parameter of a connection string, not a directory such as `key=1`, which a table's partition may be.
_PARAMETER = re.compile(
    r"(?i)((?:(?<=[?&;'\"\s])|^)[\w-]*(?:sig|signature|secret|token|passw(?:or)?d|pwd|credential|key|keyid)\s*=\s*)"
    r"([^&;\s'\"<>]+)"
)
_SIGNATURE_OF_A_DAY = re.compile(
    r"(?i)^(?:sig|se|st|ske|skt|X-Amz-\w+(?:-\w+)*|X-Goog-\w+(?:-\w+)*|Expires|Signature)$"
)

_HARMLESS = frozenset(
    {"endpoint_url", "endpoint", "account_name", "account_host", "region", "region_name", "project", "location", "host"}
    | {"hostname", "protocol", "revision", "repo_type", "consistency", "addressing_style", "signature_version"}
    | {"use_ssl", "default_acl", "requester_pays", "cache_type", "user-agent", "accept", "accept-language", "version"}
)
"""Options whose values messages may show: they say where a store is, or how it is asked. Whatever is not here is hidden."""

_WINDOW, _EDGE = 2**20, 2**16
"""Bytes that are looked at together, since what is noted of each line of them takes a hundred times as many; and bytes on both sides of a
border between two windows, in which a secret stands, however it is written."""

_SHORTEST = 5
"""Shorter values are words such as `anon`, which stand in too many messages to be hidden."""


def is_redacted(text: str) -> bool:
    """Tell whether `redact` has replaced something in it."""
    return _HIDDEN in text


def redact(text: str, options: Mapping[str, Any] | None = None) -> str:
    """Replace users, passwords and query values of URLs, and every secret of the storage options `options`, by `***`.

    >>> redact("https://me:pass@host/a.json?sv=2024&sig=abc%3D")
    'https://***@host/a.json?sv=***&sig=***'
    """
    if options:
        text = hide(text, secrets_of(options))
    if "@" in text:
        text = _BARE.sub(_without_bare_user, _AUTHORITY.sub(_without_user, text))
    if ("?" in text or "#" in text or ";" in text) and "/" in text:
        text = _WORD.sub(lambda word: _without_query(word[0]), text)
    return _PARAMETER.sub(rf"\1{_HIDDEN}", text)


def hide(text: str, secrets: tuple[str, ...]) -> str:
    """Replace secrets by `***`, in any encoding in which a server may repeat them: of URLs, JSON, HTML, mail (quoted-printable), C, base64 or
    hexadecimal, in letters of another case, in UTF-16 or UTF-32, or over several lines.

    >>> hide("bad KEY-OF-MINE, or key-of-\\n  mine", ("key-of-mine",))
    'bad ***, or ***'
    """
    patterns = _patterns(tuple(sorted({*secrets} - {""}, key=lambda secret: (-len(secret), secret))))
    text = _covered(text, _found_in(text, patterns))
    for line_end in (_BREAK, _SOFT_BREAK, _NULS):
        text = _hide_over_lines(text, line_end, patterns)
    return text


def hide_in_bytes(data: bytes, secrets: tuple[str, ...]) -> bytes:
    """`hide` in bytes of any size: in windows, which take memory for one alone, and once more where two of them meet.

    >>> hide_in_bytes(b"bad key-of-mine", ("key-of-mine",))
    b'bad ***'
    """
    pieces = [_hidden_bytes(data[at : at + _WINDOW], secrets) for at in range(0, len(data), _WINDOW)]
    for number in range(len(pieces) - 1):
        left, right = pieces[number : number + 2]
        around = left[-_EDGE:] + right[:_EDGE]
        shown = _hidden_bytes(around, secrets)
        if shown is not around:
            pieces[number : number + 2] = left[:-_EDGE] + shown, right[_EDGE:]
    return b"".join(pieces)


def _hidden_bytes(data: bytes, secrets: tuple[str, ...]) -> bytes:
    text = data.decode(errors="surrogateescape")
    shown = hide(text, secrets)
    return data if shown is text else shown.encode(errors="surrogateescape")


def _hide_over_lines(text: str, line_end: re.Pattern[str], patterns: _Patterns) -> str:
    flat = line_end.sub("", text)
    found = _found_in(flat, patterns) if len(flat) < len(text) else []
    if not found:
        return text
    pieces = [*line_end.finditer(text)]
    # Where each piece of a line begins in the flat text, and by how much what follows is further on in the other.
    skipped = [0, *accumulate(len(piece[0]) for piece in pieces)]
    begins = [0, *(piece.start() - before for piece, before in zip(pieces, skipped, strict=False))]

    def place(at: int) -> int:
        return at + skipped[bisect_right(begins, at) - 1]

    return _covered(text, [(place(start), place(end - 1) + 1) for start, end in found])


def _found_in(text: str, patterns: _Patterns) -> list[tuple[int, int]]:
    """The places of secrets in a text; the places may overlap."""
    found: list[re.Match[str]] = []
    if patterns.any_encoding is not None and _MARK.search(text):
        found += patterns.any_encoding.finditer(text)
    lower = text.lower()
    # One after the other: each is looked for by its letters, which is fast.
    for plain, pattern in patterns.whole:
        if plain in (lower if pattern.flags & re.IGNORECASE else text):
            found += pattern.finditer(text)
    return [match.span() for match in found]


def _covered(text: str, places: list[tuple[int, int]]) -> str:
    if not places:
        return text
    shown: list[str] = []
    last = 0
    for start, end in sorted(places):
        if start >= last:
            shown += [text[last:start], _HIDDEN]
        last = max(last, end)
    return "".join([*shown, text[last:]])


_MARK = re.compile(r"[\\%&=]")
"""What every encoding of single characters is written with."""

_BREAK = re.compile(r"(?:[\r\n]|\\{1,4}[rn]|%0[aAdD])+[ \t]*")
"""The end of a line, as it is or as JSON and URLs write it, and what the next one is indented by."""

_SOFT_BREAK = re.compile(rf"=[ \t]*{_BREAK.pattern}")
"""The same where quoted-printable (RFC 2045) has broken a line."""

_NULS = re.compile(r"(?:\0|\\{1,4}(?:[uU](?:0{4}){1,2}|x00|000|0(?![0-7]))|%(?:25){0,3}00|=00|&#x?0+;)+")
"""What stands between letters of UTF-16 and UTF-32 that are taken for bytes of another encoding, as it is or as JSON, C, URLs, mail and HTML write it."""


def stable(url: str) -> str:
    """A URL without its user and what of a signature changes from day to day, to be hashed: the same data has the same."""
    head, mark, query = _AUTHORITY.sub(_without_user, url).partition("?")
    kept = [part for part in query.split("&") if not _SIGNATURE_OF_A_DAY.match(part.partition("=")[0])]
    return _PARAMETER.sub(rf"\1{_HIDDEN}", f"{head}{mark}{'&'.join(kept)}")


def _without_user(found: re.Match[str]) -> str:
    scheme, slashes, user = found[1] or "", found[2], found[3]
    if ":" not in user and scheme.lower() in _CONTAINER | _PATHS:
        return found[0]
    return f"{scheme}{slashes}{_HIDDEN}@"


def _without_bare_user(found: re.Match[str]) -> str:
    user = _BARE_USER.search(found[0])
    return found[0] if user is None else f"{found[0][: user.start()]}{_HIDDEN}@"


def _without_query(word: str) -> str:
    url = next((url for url in _REMOTE.finditer(word) if url[1].lower() not in _PATHS), None)
    if url is None:
        return word
    on_the_web = url[1].lower() in ("http", "https")
    mark = _BEHIND_A_PATH[on_the_web].search(word, url.end())
    # Names in stores may hold these marks; on the web, a whole query may be a signature.
    if mark is None or not ("=" in word[mark.end() :] or (on_the_web and mark[0] == "?")):
        return word
    start = mark.start()
    shown = [word[: start + 1]]
    # What follows in a chain of URLs has queries of its own, and is treated as one: nothing of it is lost but its values.
    query = _QUERY.match(word, start + 1)
    end = start + 1 if query is None else query.end()
    end -= len(word[start + 1 : end]) - len(word[start + 1 : end].rstrip(_PUNCTUATION))
    text = word[start + 1 : end]
    shown.append(_VALUE.sub(f"={_HIDDEN}", text) if "=" in text else _HIDDEN if text else "")
    return "".join([*shown, word[end:]])


def secrets_of(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Secrets among storage options: every text that no harmless name stands before; of URLs the user part and the query."""
    return tuple(secret for secret in _found(options, False) if len(secret) >= _SHORTEST)


_VARIABLES = (
    *(
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_CONNECTION_STRING",
        "AZURE_STORAGE_KEY",
    ),
    *("AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CLIENT_SECRET", "AZURE_CLIENT_SECRET", "AZURE_PASSWORD"),
    *("AZURE_CLIENT_CERTIFICATE_PASSWORD", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "GITHUB_TOKEN"),
)
"""Variables of the environment that packages of stores take credentials from."""


def with_environment(options: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Storage options with what is secret in the environment, which a store is sent without being an option: also by way of fsspec, which
    adds the options of its own configuration, of files and of variables such as `FSSPEC_S3_SECRET`.
    """
    configured = getattr(sys.modules.get("fsspec.config"), "conf", {})
    known = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
    return {**known, "configuration of fsspec": configured, **(options or {})}


def _found(value: Any, harmless: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _found(inner, str(name).lower() in _HARMLESS)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _found(inner, harmless)
    elif isinstance(value, str):
        if not (harmless or _URL.match(value)):
            yield value
            # As `Authorization: Bearer …`; a server may repeat the second word alone.
            yield from (word for word in value.split()[1:] if len(word) > 2 * _SHORTEST)
        yield from _parts(value)


def _parts(value: str) -> Iterator[str]:
    """The secret parts of a connection string or of a URL, which a store may quote alone."""
    for _, part in _PARAMETER.findall(value):
        yield from (part, unquote(part))
    yield from _LOGIN.findall(value)
    if "://" not in value:
        return
    try:
        url = urlsplit(value)
    except ValueError:
        return
    user, found, _ = url.netloc.rpartition("@")
    for part in (user, user.partition(":")[2]) if found else ():
        yield from (part, unquote(part))
    for parameter in url.query.split("&"):
        part = parameter.partition("=")[2] or parameter
        if len(part) > 2 * _SHORTEST:  # Shorter ones are words and dates.
            yield from (part, unquote(part))


class _Patterns(NamedTuple):
    """One for secrets each of whose characters may be encoded, in mixed ways; and those for secrets that are encoded as a whole, each with
    text that stands in all that it matches, in small letters where it ignores case.
    """

    any_encoding: re.Pattern[str] | None
    whole: list[tuple[str, re.Pattern[str]]]


@lru_cache(64)
def _patterns(secrets: tuple[str, ...]) -> _Patterns:
    forms = ["".join(map(_character, secret)) for secret in secrets]
    any_encoding = re.compile("|".join(forms), re.IGNORECASE) if forms else None
    return _Patterns(any_encoding, [form for secret in secrets for form in _forms(secret)])


def _forms(secret: str) -> Iterator[tuple[str, re.Pattern[str]]]:
    data = secret.encode(errors="surrogateescape")
    for plain in (secret, *([secret.replace(" ", "+")] if " " in secret else ())):
        yield plain.lower(), re.compile(re.escape(plain), re.IGNORECASE)
    if len(data) < 8:
        return
    for encoded in (data, *(secret.encode(name, "surrogatepass") for name in ("utf-16-le", "utf-16-be"))):
        yield from _forms_of_bytes(encoded)


def _forms_of_bytes(data: bytes) -> Iterator[tuple[str, re.Pattern[str]]]:
    yield data.hex(), re.compile(data.hex(), re.IGNORECASE)
    for offset in range(3):
        # Wherever it stands in what is encoded: without the characters that its neighbours decide about too.
        encoded = base64.b64encode(b"\0" * offset + data).decode().rstrip("=")
        core = encoded[(0, 2, 3)[offset] : None if (offset + len(data)) % 3 == 0 else -1]
        form = "".join({"+": "[+-]", "/": r"(?:\\?/|_)"}.get(character, character) for character in core) + "={0,2}"
        yield _LETTERS.split(core)[0], re.compile(form)


_LETTERS = re.compile(r"[+/]")
"""What base64 writes in two ways."""


def _character(character: str) -> str:
    codes = [f"{code:02x}" for code in character.encode(errors="surrogateescape")]
    percent = "".join(f"%(?:25){{0,3}}(?i:{code})" for code in codes)
    quoted = "".join(f"=(?i:{code})" for code in codes)
    number = ord(character)
    forms = [re.escape(character), percent, quoted, rf"(?i:\\{{1,4}}u{number:04x}|\\{{1,4}}x{number:02x})"]
    forms += [rf"\\{{1,4}}(?i:u\{{0{{0,4}}{number:x}\}}|{number:03o})"]
    forms += [rf"(?i:&(?:amp;){{0,3}}#(?:0{{0,5}}{number}|x0{{0,4}}{number:x});?)"]
    forms += [f"&(?:amp;){{0,3}}{name};" for name in _ENTITIES.get(number, ())]
    if character == " ":
        forms.append(r"\+")
    return rf"\\{{0,4}}(?:{'|'.join(forms)})"


_ENTITIES: dict[int, list[str]] = {}
for _name, _value_of in html.entities.html5.items():
    if len(_value_of) == 1 and _name.endswith(";") and ord(_value_of) < 128:
        _ENTITIES.setdefault(ord(_value_of), []).append(_name.rstrip(";"))
