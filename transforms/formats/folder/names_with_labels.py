"""Labels in the names of images themselves, as in `cat.0.jpg`: by a pattern that a person gives, and known where nobody does."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Sequence

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.messages.words import listed

PATTERN = r"([^/]*?)[ ._-]*\(?\d+\)?\.\w+$"
"""What stands before the number at the end of a name."""

_NAME = re.compile(PATTERN)
_NO_CLASS = re.compile(
    r"(?:img|image|dsc[nf]?|dcim|p|pic|picture|photo|scan|screenshot|frame|video|vid|clip|sample|file|page|tile|crop|patch|"
    r"test|train|val|valid|[\W\d_])*",
    re.IGNORECASE,
)
"""Words by which cameras and tools call all images."""

_NEARLY_ALL = 0.9


def pattern_of(given: str | None) -> re.Pattern[str] | None:
    """The pattern of --label-pattern; None where none is given.

    Raises:
        UsageError: it is no regular expression, or has no group.
    """
    if given is None or given == "none":
        return None
    try:
        pattern = re.compile(given)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(f"--label-pattern: found {given!r}, which is no regular expression: {error}") from None
    if not pattern.groups:
        raise UsageError(f"--label-pattern: found {given!r}, expected a group in parentheses around the label")
    return pattern


def label_in(path: str, pattern: re.Pattern[str]) -> str:
    """The label in an image's path; "" where there is none."""
    found = pattern.search(path)
    return found[1] or "" if found else ""


def question_of_names(images: Sequence[str]) -> str:
    """The question whether names hold the labels; "" where they do not look so.

    They do where nearly all names that are not numbers alone end in one, and the words before it are several, and fewer by
    half than the images.
    """
    named = [path for path in images if not posixpath.basename(path).partition(".")[0].isdecimal()]
    labels: Counter[str] = Counter()
    first: dict[str, str] = {}
    for path in named:
        label = label_in(path, _NAME)
        if not _NO_CLASS.fullmatch(label):
            labels[label] += 1
            first.setdefault(label, path)
    if len(labels) < 2 or 2 * len(labels) > len(named) or labels.total() < _NEARLY_ALL * len(named):
        return ""
    return (
        f"the images lie in no folders of several classes, and the names of {labels.total()} begin with "
        f"{listed([label for label, _ in labels.most_common(5)])} before a number, such as {first[min(first)]!r}; if these are the "
        f"labels, say --label-pattern '{PATTERN}'; if not, put the images into a folder for each class, or say --label-pattern none"
    )
