"""Columns that say of a row's label whether it is there: confidences, and yes and no."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.folder.columns import CONFIDENCES, OTHER_FACTS, column, key
from labelbeam.transforms.formats.folder.flags import FlagReader, look_at_flags, number
from labelbeam.transforms.formats.verdicts import is_verdict
from labelbeam.transforms.messages.words import agreeing, counted, listed

_SCORES = ("score", "scores", "conf")
_ANSWERS = (
    *("value", "values", "answer", "flag", "positive", "ispositive", "haslabel", "labelvalue", "applies", "truth"),
    *("istrue", "iscorrect", "correct", "response", "y"),
)
"""Further names of columns that answer, where they hold nothing but yes and no, and both."""

_WORDS = {"present": 1.0, "absent": 0.0, "positive": 1.0, "negative": 0.0}
_LETTERS = FlagReader((("y", True), ("n", False), ("t", True), ("f", False)))


def sureness(cell: str) -> float | None:
    """The confidence of a label: a number, or 1 and 0 for a word that says yes or no; None where the cell says neither.

    >>> sureness("0.25"), sureness("No"), sureness("present"), sureness("high"), sureness("")
    (0.25, 0.0, 1.0, None, None)
    """
    cell = cell.strip().lower()
    value = number(cell)
    if value is not None or not cell or cell in ("nan", "none", "null"):
        return value
    if cell in _WORDS:
        return _WORDS[cell]
    said = _LETTERS.read(cell)
    return None if said is None else float(said)


def confidence_column(columns: Sequence[str], rows: Sequence[Sequence[str]], label: int, file: int) -> int | None:
    """The column that says how sure the labels of the column `label` are; None where there is none."""
    found, _ = column(columns, CONFIDENCES)
    for names in (_SCORES, _ANSWERS):
        if found is None and (index := column(columns, names)[0]) is not None:
            # What is called so may count anything.
            looked = look_at_flags(row[index] for row in rows if len(row) > index)
            answers = _is_answer(looked.meaning) and (names is _SCORES or _several_rows(rows, file))
            found = index if answers or (names is _SCORES and looked.is_probabilities) else None
    return None if found in (label, file) else found


def _several_rows(rows: Sequence[Sequence[str]], file: int) -> bool:
    """Tell whether most images stand in several rows, as where each label has its own."""
    images = [row[file] for row in rows if len(row) > file]
    return 2 * len(set(images)) <= len(images)


def _is_answer(meaning: Collection[str]) -> bool:
    """Tell whether all filled cells say yes or no, and some of each."""
    said = {sureness(cell) for cell in meaning if cell.strip()}
    return said <= {-1.0, 0.0, 1.0} and 1.0 in said and len(said) > 1


def doubts_of_answers(
    name: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    label: int,
    file: int,
    taken: Collection[int | None],
) -> Iterator[Doubt]:
    """A doubt where a column says yes and no beside labels, and is not read: by another name, if images stand in several rows."""
    several = _several_rows(rows, file)
    for index, shown in enumerate(columns):
        if index in (label, file, *taken) or key(shown) in OTHER_FACTS or is_verdict(shown):
            continue
        if not several and key(shown) not in _ANSWERS:
            continue
        looked = look_at_flags(row[index] for row in rows if len(row) > index)
        if looked.filled and looked.flags == looked.filled and _is_answer(looked.meaning):
            left = looked.filled - looked.present
            message = (
                f"{name}: {listed([shown])} says yes and no beside the labels of {listed([columns[label]])}, and is not read: {counted(left, 'label')} "
                "that have no there are read like all others; call the column confidence if it says whether the label is there"
            )
            yield Doubt(Doubted.FLAGS_NOT_READ, message, left, shown)


_ABOVE = ("supercategory", "superclass", "supercategoryname", "parent", "parentclass", "parentcategory", "supergroup")
_ABOVE_TOO = (*_ABOVE, "coarselabel", "maincategory", "mastercategory", "family", "genus", "topcategory")


def doubts_of_supercategories(
    name: str, columns: Sequence[str], rows: Sequence[Sequence[str]], label: int
) -> Iterator[Doubt]:
    """A doubt where one label stands under several names of a column of what is above it: two things may be meant."""
    above, _ = column(columns, _ABOVE_TOO)
    if above is None or above == label:
        return
    found: dict[str, set[str]] = {}
    for row in rows:
        if len(row) > max(above, label) and row[label].strip() and row[above].strip():
            found.setdefault(row[label].strip(), set()).add(row[above].strip())
    several = {one: names for one, names in found.items() if len(names) > 1}
    # A column that says something else of nearly every image is none of what is above.
    if not several or (key(columns[above]) not in _ABOVE and 2 * len(several) > len(found)):
        return
    first = min(several)
    message = (
        f"{name}: {counted(len(several), 'label')} of {listed([columns[label]])} {agreeing(len(several), 'stands', 'stand')} under several of {listed([columns[above]])}, such as {first!r} under "
        f"{listed(sorted(several[first]))}, and are one label each"
    )
    yield Doubt(Doubted.SEVERAL_SUPERCATEGORIES, message, len(several), first)
