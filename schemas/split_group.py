"""What --split-group says: by what images belong together, so that all of them come into one split."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError


def group_column(config: ConvertConfig) -> str:
    """The column that --split-group names; "" where it names none."""
    return "" if config.split_group is None else parse_split_group(config.split_group).column


_PLAIN = re.compile(r"[\w -]+")
"""A regular expression of such characters alone would match nothing but itself: it is a name."""

_COLUMN = "column:"


@dataclass(frozen=True, slots=True)
class SplitGroup:
    """By what images belong together: a column of their records, a regular expression over their paths, or their folders."""

    column: str = ""
    pattern: re.Pattern[str] | None = None

    def group(self, path: str, value: str) -> str | None:
        """The group of an image; None where it belongs to none. `value` is what the column holds for it.

        Named groups of the expression make it where there are any, else all groups, else all that matches.

        >>> parse_split_group(r"(?P<video>\\w+)_(\\d+)").group("a/clip_0001.jpg", "")
        'clip'
        """
        if self.column:
            return value or None
        if self.pattern is None:
            return posixpath.dirname(path)
        found = self.pattern.search(path)
        if found is None:
            return None
        named = tuple(found.groupdict().values())
        parts = named or found.groups() or (found[0],)
        return "\0".join(part or "" for part in parts)


@lru_cache(16)
def parse_split_group(given: str) -> SplitGroup:
    """Read --split-group: `folder`, the name of a column, `column:NAME`, or a regular expression.

    >>> parse_split_group("folder"), parse_split_group("patient id").column, parse_split_group("column:a.b").column
    (SplitGroup(column='', pattern=None), 'patient id', 'a.b')

    Raises:
        UsageError: it is no regular expression, or one that matches nothing of a path.
    """
    if given == "folder":
        return SplitGroup()
    column = given.removeprefix(_COLUMN).strip() if given.startswith(_COLUMN) else given.strip()
    if not column:
        raise UsageError(
            f"--split-group: found {given!r}, expected folder, the name of a column, or a regular expression"
        )
    if given.startswith(_COLUMN) or _PLAIN.fullmatch(column):
        return SplitGroup(column)
    try:
        pattern = re.compile(given)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            f"--split-group: {given!r:.80} is no regular expression: {error}; expected one over the images' paths, such as "
            r"^(?P<video>[^/]+)/, the name of a column, or folder"
        ) from None
    return SplitGroup(pattern=pattern)
