"""Names in archives: which charset they are in, where the archive does not tell.

Neither a TAR archive's headers nor a ZIP archive's without the flag for UTF-8 say what charset a name is in, and one name alone
proves little: `\xc3\xa8` is 猫 in GBK and è in UTF-8. So all names of an archive that declare no charset are judged together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_OF_SEVERAL_BYTES = ("gb18030", "cp932", "big5hkscs", "cp949", "euc_jp")
_FEW = 3
"""One letter in so many may have an accent."""


def charset_of(names: Iterable[bytes], usual: str | None = None) -> str | None:
    """The charset of names that declare none; None where it cannot be told.

    UTF-8 where all names are in it. Else `usual`, a charset of single bytes, where it makes letters of all bytes, and they are
    few among those of ASCII, as in the languages of Europe; or where no charset of East Asia fits all names.
    """
    names = [name for name in names if not name.isascii()]
    if _all_in(names, "utf-8"):
        return "utf-8"
    if usual is None or not all(map(str.isalpha, _not_ascii(name.decode(usual) for name in names))):
        return None
    parts = [part.rpartition(b".")[0] or part for name in names for part in name.split(b"/") if not part.isascii()]
    are_few = all(sum(byte > 0x7F for byte in part) <= len(part) / _FEW for part in parts)
    return usual if are_few or not any(_all_in(names, charset) for charset in _OF_SEVERAL_BYTES) else None


def names_of(names: Sequence[bytes], charset: str | None) -> list[str]:
    """Names as text; without a charset, with a lone surrogate for each byte that is no ASCII."""
    return [name.decode(charset) if charset else name.decode("ascii", "surrogateescape") for name in names]


def _not_ascii(names: Iterable[str]) -> list[str]:
    return [character for name in names for character in name if character > "\x7f"]


def _all_in(names: Iterable[bytes], charset: str) -> bool:
    try:
        for name in names:
            name.decode(charset)
    except UnicodeDecodeError:
        return False
    return True
