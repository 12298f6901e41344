"""The charset of an annotation file: resolved before anything is parsed, so that the parser only ever sees UTF-8."""

from __future__ import annotations

import codecs
import re

from labelbeam.schemas.reasons import Rejected


class XmlError(ValueError):
    """An annotation file that cannot be used; `code` is the reason to reject it, the message what was found."""

    def __init__(self, code: Rejected, message: str) -> None:
        """Keep `code` beside the message."""
        super().__init__(message)
        self.code = code


def invalid(message: str) -> XmlError:
    """An annotation file that is not well-formed, or not what it says."""
    return XmlError(Rejected.INVALID_XML, message)


_MARKS = (
    # UTF-32 first: its little-endian marks begin with those of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
"""First bytes that give the charset away, whatever is declared."""

_DECLARED = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][\w.-]*)["']""")
_READ = re.compile(r"ascii|utf-8|(iso8859|koi8|mac)-\w+|cp\d+|(gb|big5|shift_jis|euc_|tis-620|johab)\w*")
_SUPERSETS = {"iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}
"""What files that declare the one really hold; the same characters wherever both have one. As browsers read them."""


def as_utf8(data: bytes) -> bytes:
    """Recode to UTF-8, so that wrong charsets are an error and never become wrong letters.

    Raises:
        XmlError: INVALID_XML where the file is not in the charset that it declares.
    """
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return _recode(data, codec, "begins with")
    if data.isascii():
        return data
    match = _DECLARED.match(data)
    if match is None:
        return _recode(data, "utf-8", "declares no charset, which means")
    name = match[1].decode("ascii")
    if name.lower().startswith(("utf-16", "utf-32", "ucs-", "iso-10646-ucs-")):
        # The declaration could be read byte by byte, so it is wrong: .NET's string writers are known for it.
        return _recode(data, "utf-8", f"declares {name}, has one byte a character, and so should be")
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        codec = ""
    if not _READ.fullmatch(codec):
        raise invalid(f"the file declares the charset {name}, which is not read; save it as UTF-8")
    if codec != "utf-8" and _looks_like_utf8(data, codec):
        raise invalid(f"the file declares {name}, but its bytes are UTF-8; correct the declaration")
    return _recode(data, _SUPERSETS.get(codec, codec), "declares")


def _recode(data: bytes, codec: str, reason: str) -> bytes:
    try:
        return data.decode(codec).encode()
    except UnicodeError as error:
        at = f"byte {error.start:,}" if isinstance(error, UnicodeDecodeError) else "it"
        raise invalid(
            f"the file {reason} {codec}, but {at} is not in it; correct the declaration or save it as UTF-8"
        ) from None


def _looks_like_utf8(data: bytes, codec: str) -> bool:
    """Tell whether text that declares another charset is UTF-8: by chance that does not happen.

    It does to pairs of bytes in the two-byte charsets of East Asia; there only a character of three bytes counts.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    single_byte = codec.startswith(("ascii", "iso", "koi8", "mac", "cp125"))
    return single_byte or max(text) >= "\u0800"
