"""What --labels says: which labels of a source are renamed, merged, kept, dropped, or dropped where few objects have them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.reasons import Skipped

LONGEST_LABEL = 256
"""Characters of a label, which each object repeats: a few bytes of a dataset would become gigabytes of records."""

KEYS = ("rename", "merge", "keep", "drop", "min_count")

EXPECTED = (
    "new names by old ones such as {kitten: cat, person: null}, where null drops a label, or a mapping of "
    "rename, merge, keep, drop and min_count"
)


class LabelMap(msgspec.Struct, frozen=True, omit_defaults=True):
    """The labels of a build by those of its source.

    `rename` is from the source's name to the build's. `keep`, where it is given, and `drop` name labels of the build.
    `min_count` is the least number of objects that a label of the build must have in the source.
    """

    rename: dict[str, str] = {}
    keep: list[str] | None = None
    drop: list[str] = []
    min_count: int = 1

    def becomes(self, name: str) -> str:
        """The build's name for a label of the source."""
        return self.rename.get(name, name)

    def rare(self, counts: Mapping[str, int]) -> frozenset[str]:
        """Labels of the build that are dropped because too few objects have them; `counts` are by the source's name.

        >>> LabelMap({"kitten": "cat"}, min_count=3).rare({"cat": 1, "kitten": 2, "dog": 2})
        frozenset({'dog'})
        """
        if self.min_count == 1:
            return frozenset()
        totals: Counter[str] = Counter()
        for name, count in counts.items():
            totals[self.becomes(name)] += count
        return frozenset(label for label, count in totals.items() if count < self.min_count)

    def fates(self, names: Sequence[str], rare: Collection[str]) -> list[Skipped | None]:
        """For each of the source's labels why its objects are left out; None where they are not."""
        keep, drop = None if self.keep is None else {*self.keep}, {*self.drop}
        return [
            Skipped.LABEL_DROPPED
            if label in drop or (keep is not None and label not in keep)
            else Skipped.LABEL_RARE
            if label in rare
            else None
            for label in map(self.becomes, names)
        ]

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Labels that the map names and that the source, which has the labels `names`, does not have."""
        known = set(names)
        made = {self.becomes(name) for name in known} | set(self.rename.values())
        wanted = [*(name for name in self.rename if name not in known), *(self.keep or ()), *self.drop]
        return [name for name in dict.fromkeys(wanted) if name not in known and name not in made]


def parse_labels(given: Any) -> LabelMap:
    """Read what --labels is given, as a mapping, into one that says each thing in one way.

    Where a value is text or null, the keys are labels; a label that is called like one of `KEYS` is named below `rename`.

    >>> parse_labels({"kitten": "cat", "person": None})
    LabelMap(rename={'kitten': 'cat'}, keep=None, drop=['person'], min_count=1)

    Raises:
        UsageError: it is no such mapping, or contradicts itself.
    """
    if not isinstance(given, Mapping):
        raise UsageError(f"--labels: found {_kind(given)}, expected {EXPECTED}")
    if not given:
        raise UsageError(f"--labels: found an empty mapping, expected {EXPECTED}")
    if not given.keys() & set(KEYS):
        if any(isinstance(new, list | Mapping) for new in given.values()):
            raise UsageError(f"--labels: the keys are {', '.join(map(str, given))}, expected {EXPECTED}")
        return _parsed({"rename": given, "drop": []})
    for key, value in given.items():
        if key not in KEYS:
            raise UsageError(
                f"--labels: found {str(key)!r} beside {next(iter(given.keys() & set(KEYS)))!r}, expected one of {', '.join(KEYS)}; labels "
                "with their new names belong below rename"
            )
        if value is None:
            raise UsageError(f"--labels: {key} is empty; leave it out, or say what it is")
    return _parsed(given)


def label_map(config: ConvertConfig) -> LabelMap | None:
    """What the options of a build say of labels; None where they say nothing."""
    return None if config.labels is None else parse_labels(config.labels)


def _parsed(given: Mapping[Any, Any]) -> LabelMap:
    rename: dict[str, str] = {}
    dropped: dict[str, None] = {}
    for old, new in _pairs(given.get("rename", {}), "rename"):
        if new is None:
            dropped[old] = None
        elif rename.setdefault(old, new) != new:
            raise UsageError(f"--labels: {old!r} becomes both {rename[old]!r} and {new!r}; expected one new name")
    for new, olds in _merged(given.get("merge", {})):
        for old in olds:
            if rename.setdefault(old, new) != new:
                raise UsageError(f"--labels: {old!r} becomes both {rename[old]!r} and {new!r}; expected one new name")
    made = set(rename.values())
    for name in dropped:
        if name in rename or name in made:
            raise UsageError(f"--labels: {name!r} is dropped, and is also renamed or a new name; expected one of them")
    drop = [*dropped, *_names(given.get("drop", []), "drop")]
    keep = _names(given["keep"], "keep") if "keep" in given else None
    if keep == []:
        raise UsageError("--labels: keep names no label, so that none would be left; expected at least one")
    for key, names in (("keep", keep or []), ("drop", drop)):
        for name in names:
            if rename.get(name, name) != name and name not in made:
                raise UsageError(
                    f"--labels: {key} names {name!r}, which becomes {rename[name]!r}; keep and drop name labels as they are called "
                    "in the build"
                )
    if both := sorted({*(keep or [])} & {*drop}):
        raise UsageError(f"--labels: {both[0]!r} is both kept and dropped; expected one of them")
    least = given.get("min_count", 1)
    if isinstance(least, bool) or not isinstance(least, int) or least < 1:
        raise UsageError(f"--labels: min_count is {least!r:.60}, expected a whole number from 1 up")
    ordered = dict(sorted(rename.items()))
    return LabelMap(ordered, sorted(set(keep)) if keep is not None else None, sorted(set(drop)), least)


def _pairs(given: Any, key: str) -> Iterator[tuple[str, str | None]]:
    if not isinstance(given, Mapping):
        raise UsageError(f"--labels: {key} is {_kind(given)}, expected new names by old ones, such as {{kitten: cat}}")
    for old, new in given.items():
        yield _name(old, "a label"), None if new is None else _new_name(new)


def _merged(given: Any) -> Iterator[tuple[str, list[str]]]:
    if not isinstance(given, Mapping):
        raise UsageError(
            f"--labels: merge is {_kind(given)}, expected lists of old names by the new one, such as "
            "{vehicle: [car, truck]}"
        )
    for new, olds in given.items():
        yield _new_name(new), _names(olds, f"merge: {new}")


def _names(given: Any, key: str) -> list[str]:
    if not isinstance(given, list | tuple):
        raise UsageError(f"--labels: {key} is {_kind(given)}, expected a list of labels, such as [car, truck]")
    return [_name(name, f"a label of {key}") for name in given]


def _new_name(given: Any) -> str:
    name = _name(given, "a new name")
    if len(name) > LONGEST_LABEL:
        raise UsageError(
            f"--labels: a new name has {len(name):,} characters, expected at most {LONGEST_LABEL}: {name[:40]!r}…"
        )
    return name


def _name(given: Any, what: str) -> str:
    """A label as readers make it: without white space around it, its letters composed."""
    if not isinstance(given, str):
        # What YAML reads 007, 1.0 or no as is not what stands there.
        raise UsageError(f"--labels: {what} is {_kind(given)}, expected text; put numbers and words of YAML in quotes")
    name = given.strip()
    if not name:
        raise UsageError(f"--labels: {what} is empty, expected text")
    if not name.isascii():
        if any("\ud800" <= letter <= "\udfff" for letter in name):
            raise UsageError(f"--labels: {what} is not valid Unicode: {name!r:.60}")
        name = unicodedata.normalize("NFC", name)
    return name


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return f"a mapping of {len(value)}" if isinstance(value, Mapping) else f"{value!r:.60}"
