"""Columns of a table: which one names the image, which its labels or its split, and which say something else.

Columns are recognised by their names, in any case and with or without `_`, `-` and spaces; where the names do not tell, by
what they hold. --image-column and --label-columns overrule both.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from labelbeam.schemas.config import SPLIT_ALIASES
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.formats.folder.flags import FlagColumn, look_at_flags, number
from labelbeam.transforms.formats.folder.lookup import ImageNames
from labelbeam.transforms.formats.verdicts import is_verdict, speaks_against
from labelbeam.transforms.images.names import IMAGE_FORMATS, extension
from labelbeam.transforms.messages.words import listed

DELIMITERS = (",", ";", "\t", "|")
SEPARATOR_LINE = re.compile(r'"?sep=(.|\\t)"?\s*', re.IGNORECASE | re.DOTALL)
"""A first line that is a spreadsheet's instruction to itself, and the delimiter that it names."""

# The earlier name wins where a table has several.
FILE_COLUMNS = (
    *("filename", "imagefilename", "imagename", "imagefile", "filepath", "imagepath", "relativepath", "image", "file"),
    *("path", "img", "imgname", "imgpath", "imageid", "images", "filenames", "imgfile", "imgid", "fname", "imageindex"),
)
LABEL_COLUMNS = (
    *("labels", "labelnames", "labelname", "classnames", "classname", "categoryname", "label", "classes", "class"),
    *("classlabel", "categories", "category", "tags", "tag", "target", "classid", "labelid", "categoryid", "choice"),
)
SPLIT_COLUMNS = (
    "split",
    "subset",
    "partition",
    "set",
    "dataset",
    "datasplit",
    "splitname",
    "usage",
    "phase",
    "datasettype",
)
CONFIDENCES = ("confidence", "presence", "present", "ispresent", "exists", "probability", "prob", "labelconfidence")
"""Columns that say of a row's label whether it is there."""

OTHER_FACTS = frozenset(
    {*SPLIT_COLUMNS, *CONFIDENCES, "fold", "kfold", "folds", "source", "verified", "isverified", "isvalid", "valid"}
    | {"istrain", "istest", "isval", "isvalidation", "istraining", "width", "height", "score", "quality", "checked"}
    | {"difficult", "isdifficult", "occluded", "isoccluded", "truncated", "istruncated", "iscrowd", "isgroupof"}
    | {
        "deleted",
        "isdeleted",
        "excluded",
        "exclude",
        "ignored",
        "ignore",
        "approved",
        "isapproved",
        "iscorrupt",
        "isduplicate",
    }
    | {"total", "sum", "count", "numlabels", "nlabels", "labelcount", "nclasses"}
    | {"isdepiction", "isinside", "index", "idx", "id", "rownumber", "group", "groupid", "patientid", "reviewed"}
    | {"annotator", "annotatorid", "annotationid", "completedby", "leadtime", "taskid"}
) - {"set"}
"""What columns are called that describe a row and are no class, although they may hold 0 and 1."""

_PROSE = frozenset(
    {
        "text",
        "caption",
        "captions",
        "description",
        "prompt",
        "title",
        "comment",
        "comments",
        "note",
        "notes",
        "url",
        "license",
    }
    | {"author", "date", "time", "timestamp", "size", "remarks"}
)
_INDEX = re.compile(r"(?i)(?:unnamed:? ?[\d.]*(?:_level_\d+)?|level_\d+)?")
SAMPLE = 200
"""Rows that are looked at to tell what a column is."""

EXPECTED_FILE = "one that names the image (file_name, filename, image, path)"
EXPECTED_LABEL = "one that holds the labels (label, labels, class, category, tags)"


class TableError(LabelBeamError):
    """A table that cannot be read at all: it is empty, or nothing in it can be told to be files and labels."""


class NoLabelsError(TableError):
    """A table that names images, and has no column that is known to hold their labels."""


def unrecognised(name: str, what: str, found: Iterable[str], expected: str) -> TableError:
    """The error for columns of which none is known."""
    return TableError(
        f"{name}: found the {what} {listed(found)}; expected {expected}. Rename the {what}, name them with --image-column and "
        "--label-columns, or remove the table to take the labels from the folders' names"
    )


def key(name: str) -> str:
    """A column's name as it is compared."""
    return re.sub(r"[\s_#-]", "", name).casefold()


def column(names: Sequence[str], known: Sequence[str]) -> tuple[int | None, list[str]]:
    """The index of the column that comes first in `known`, and the names of all that are in it."""
    ranked = sorted((known.index(key(name)), index) for index, name in enumerate(names) if key(name) in known)
    return (ranked[0][1] if ranked else None), [names[index] for _, index in ranked]


def named_columns(name: str, columns: Sequence[str], given: str | None, option: str) -> list[int] | None:
    """The columns that an option names, separated by commas; None where it is not given.

    Raises:
        UsageError: the table does not have all of them.
    """
    if given is None:
        return None
    wanted = [given] if given in columns else [part.strip() for part in given.split(",")]
    keys = [key(column) for column in columns]
    found = [columns.index(part) if part in columns else keys.index(key(part)) for part in wanted if key(part) in keys]
    if len(found) < len(wanted):
        missing = [part for part in wanted if key(part) not in keys]
        raise UsageError(f"{option}: {name} has no column {listed(missing)}, expected some of {listed(columns)}")
    return found


def group_columns(name: str, columns: Sequence[str], group: str) -> list[int]:
    """The column that --split-group names, if it names one.

    Raises:
        UsageError: the table does not have it.
    """
    if not group or group in columns:
        return [columns.index(group)] if group else []
    found = [index for index, column in enumerate(columns) if key(column) == key(group)]
    if len(found) != 1:
        raise UsageError(
            f"--split-group: {name} has no column {listed([group])}, expected one of {listed(columns)}; a regular expression that "
            "looks like a name is none"
        )
    return found


_LABEL_WORDS = re.compile(
    r"(?:.*(?:label|labels|class|category|categories|tag|tags)|diagnosis|species|breed|genus|disease|findings?)"
)


def column_of_label_words(columns: Sequence[str], taken: set[int | None]) -> int | None:
    """The only column whose name holds a word for labels, such as `Finding Labels`."""
    found = [index for index, name in enumerate(columns) if index not in taken and _LABEL_WORDS.fullmatch(key(name))]
    return found[0] if len(found) == 1 else None


def looks_like_image(cell: str) -> bool:
    """Tell whether a cell is a file's name with the extension of an image."""
    return extension(cell.strip().replace("\\", "/").partition("?")[0]) in IMAGE_FORMATS


def is_name_of_image(cell: str, images: ImageNames | None) -> bool:
    """Tell whether what stands in the first row names an image, without its extension, and is no usual name of a column."""
    usual = key(cell) in FILE_COLUMNS or key(cell) in _USUAL_IDS
    return images is not None and not usual and bool(cell.strip()) and images.names(cell)


def file_column(columns: Sequence[str], rows: Sequence[Sequence[str]], images: ImageNames | None) -> int | None:
    """The column that names images: by its name, unless what it holds fits none and another column fits nearly all."""
    by_name, _ = column(columns, FILE_COLUMNS)
    if by_name is not None and _share(by_name, rows, images, True) >= 0.5:
        return by_name
    shares = [_share(index, rows, images, key(name) in _USUAL_IDS) for index, name in enumerate(columns)]
    best = max(range(len(columns)), key=shares.__getitem__, default=None)
    if by_name is not None and (best is None or shares[best] < 0.9):
        return by_name
    return best if best is not None and shares[best] >= 0.5 else None


_USUAL_IDS = ("id", "idcode", "name", "uid")


def _share(index: int, rows: Sequence[Sequence[str]], images: ImageNames | None, usual: bool) -> float:
    """The share of a column's filled cells that name an image. Mere numbers do so by accident, unless the name is usual."""
    cells = [row[index].strip() for row in rows[:SAMPLE] if len(row) > index and row[index].strip()]
    hits = sum(
        looks_like_image(cell) or (images is not None and (usual or not cell.isdecimal()) and images.names(cell))
        for cell in cells
    )
    return hits / len(cells) if cells else 0.0


def class_columns(
    name: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    taken: set[int | None],
    least: float | None,
    doubts: list[Doubt],
) -> dict[int, FlagColumn]:
    """The columns of a table with one for each class, and what they hold.

    Those of whose filled cells more than half say yes or no; with `least` also those of numbers from 0 to 1. A stray cell
    in such a column makes its row unreadable; it does not make the class disappear. Empty where there are none.

    Raises:
        TableError: the columns hold probabilities, and nothing says which are high enough.
    """
    looked = {
        index: look_at_flags((row[index] for row in rows if len(row) > index), least)
        for index, column in enumerate(columns)
        if index not in taken and not _INDEX.fullmatch(column)
    }
    flags = {index for index, found in looked.items() if found.is_flags and (found.present or not found.minus)}
    probable = {index for index, found in looked.items() if found.is_probabilities} - flags
    facts = {index for index in flags | probable if key(columns[index]) in OTHER_FACTS}
    classes = flags - facts
    if len(classes) == 1 and any(looked[index].further for index in classes):
        return {}  # One column of grades or class numbers, most of which are 0 and 1.
    if not classes and probable - facts:
        raise TableError(
            f"{name}: the columns {listed(columns[index] for index in sorted(probable - facts))} hold numbers between 0 and 1, "
            "expected one column of 0 and 1 for each class; --min-confidence 0.5 reads those from 0.5 on as labels"
        )
    if not classes:
        return {}
    if facts:
        message = (
            f"{name}: the columns {listed(columns[index] for index in sorted(facts))} hold 0 and 1, and are not read as classes "
            "for what they are called; --label-columns names those that are"
        )
        doubts.append(Doubt(Doubted.COLUMNS_OF_FACTS, message, len(facts), columns[min(facts)], "--label-columns"))
    if as_split := [columns[index] for index in sorted(classes) if key(columns[index]) in SPLIT_ALIASES]:
        option = f"--split-column {as_split[0]} --split-values 1={SPLIT_ALIASES[key(as_split[0])]},0=SPLIT"
        message = f"{name}: {listed(as_split)} holds 0 and 1 and is read as a class, although it is called like a split; {option} reads it as one"
        doubts.append(Doubt(Doubted.SPLIT_COLUMN, message, len(as_split), as_split[0], option))
    empty = {index for index, found in looked.items() if not found.filled and key(columns[index]) not in OTHER_FACTS}
    others = looked.keys() - classes - facts - empty
    if len(others) > len(classes):
        message = (
            f"{name}: of all columns only {listed(columns[index] for index in sorted(classes))} hold 0 and 1 and are read as "
            f"classes, and {listed(columns[index] for index in sorted(others))} are not; --label-columns names those that "
            "hold labels"
        )
        doubts.append(Doubt(Doubted.LABEL_COLUMN, message, len(others), columns[min(classes)], "--label-columns"))
    elif others:
        message = (
            f"{name}: the columns {listed(columns[index] for index in sorted(others))} do not hold 0 and 1 and are not read as "
            "classes"
        )
        doubts.append(Doubt(Doubted.COLUMNS_NOT_READ, message, len(others), columns[min(others)], "--label-columns"))
    return {index: looked[index] for index in sorted(classes | empty)}


def remaining_column(columns: Sequence[str], rows: Sequence[Sequence[str]], taken: set[int | None]) -> int | None:
    """The one column that is left to hold labels: neither prose, nor measures, nor a value of its own in each row."""
    left = [
        index
        for index, name in enumerate(columns)
        if index not in taken and not _INDEX.fullmatch(name) and key(name) not in OTHER_FACTS
    ]
    if len(left) != 1 or key(columns[left[0]]) in _PROSE:
        return None
    cells = Counter(row[left[0]].strip() for row in rows if len(row) > left[0])
    filled = cells.total() - cells.pop("", 0)
    measures = sum(count for cell, count in cells.items() if (value := number(cell)) is not None and value % 1)
    prose = sum(count for cell, count in cells.items() if len(cell.split()) > 6)
    unique = len(cells) == filled > 20
    return left[0] if filled and not unique and measures + prose <= filled / 10 else None


def column_of_names(columns: Sequence[str], rows: Sequence[Sequence[str]], label: int, file: int | None) -> int | None:
    """The column that has one word for each number of the column `label`, where that holds only numbers."""
    numbers = {row[label].strip() for row in rows if len(row) > label} - {""}
    if not numbers or not all((value := number(text)) is not None and value.is_integer() for text in numbers):
        return None
    for index, name in enumerate(columns):
        if index in (label, file) or key(name) in OTHER_FACTS | _PROSE or _INDEX.fullmatch(name):
            continue
        pairs = {(row[label].strip(), row[index].strip()) for row in rows if len(row) > max(label, index)}
        words = {word for _, word in pairs}
        if len(pairs) == len(words) == len({one for one, _ in pairs}) and not any(
            not word or number(word) is not None or looks_like_image(word) or "/" in word for word in words
        ):
            return index
    return None


def rows_spoken_against(
    name: str, columns: Sequence[str], rows: Sequence[Sequence[str]], read: set[int], file: int
) -> Iterator[Doubt]:
    """A doubt where a column that is not read says of rows that they are not to be trained on."""
    for index, shown in enumerate(columns):
        if index in read or not is_verdict(shown):
            continue
        against = [row for row in rows if len(row) > index and speaks_against(shown, row[index])]
        if against:
            message = (
                f"{name}: {len(against)} of {len(rows)} rows, such as that of {against[0][file]!r}, have {against[0][index]!r} as "
                f"{listed([shown])}, which is not read: they are trained on like all others; remove these rows if they are not to be"
            )
            yield Doubt(Doubted.FLAGS_NOT_READ, message, len(against), against[0][file])


def against_flags(
    name: str, columns: Sequence[str], rows: Sequence[Sequence[str]], label: int, taken: Collection[int | None]
) -> Iterator[Doubt]:
    """A doubt where columns of 0 and 1 beside one of labels say something else than that one."""
    among = [
        index
        for index, shown in enumerate(columns)
        if index not in taken and index != label and key(shown) not in OTHER_FACTS and not is_verdict(shown)
    ]
    for some in (rows[:SAMPLE], rows):  # Nearly always the first rows tell that there are none.
        looked = {index: look_at_flags(row[index] for row in some if len(row) > index) for index in among}
        among = [index for index in among if looked[index].flags == looked[index].filled and not looked[index].further]
    flags = {index: looked[index] for index in among if looked[index].filled}
    if len(flags) < _FEWEST_FLAGS or not any(found.present for found in flags.values()):
        return
    labels = {row[label].strip() for row in rows if len(row) > label}
    if not any(columns[index] in labels for index in flags):
        return
    whole = [row for row in rows if len(row) == len(columns)]
    against = [
        row
        for row in whole
        if {columns[index] for index, found in flags.items() if found.meaning[row[index]]} != {row[label].strip()}
    ]
    if against:
        names = [columns[index] for index in flags]
        option = f"--label-columns {shlex.quote(','.join(names))}"
        message = (
            f"{name}: {listed([columns[label]])} is read as the labels, and in {len(against)} of {len(rows)} rows, such as that of "
            f"{against[0][label]!r}, the columns {listed(names)} of 0 and 1 say something else; {option} reads these"
        )
        yield Doubt(Doubted.LABEL_COLUMN, message, len(against), columns[label], option)


_FEWEST_FLAGS = 2
"""Columns of 0 and 1 that are classes, and no fact."""

_CORRECTED = re.compile(
    r"(?:corrected|new|final|fixed|true|gold|clean(?:ed)?|revised|verified|updated|actual|human)(?:labels?|class|category|tags?)"
    r"|(?:labels?|class|category|tags?)(?:corrected|new|final|fixed|clean(?:ed)?|revised|verified|updated)"
)


def corrected_columns(columns: Sequence[str], label: int) -> list[str]:
    """The names of columns that hold labels as somebody has corrected them, beside the one that is read."""
    return [shown for index, shown in enumerate(columns) if index != label and _CORRECTED.fullmatch(key(shown))]
