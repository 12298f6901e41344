"""Rows of a label table: what each says of an image, from CSV or from JSON Lines.

What a cell means is decided once for the whole table, by what all of its cells hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.folder.columns import NoLabelsError, TableError
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.lookup import ImageNames
from labelbeam.transforms.messages.words import counted

NOT_TEXT = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class TableRow:
    """Row of a table about one image. `line` is 1-based: where the row starts in the file, whatever its cells hold.

    `labels` are distinct and in the order of the row, `absent` those that it says are not there; `invalid` describes those
    that are no text; `numbers` counts those that were numbers and are text now, `normalized` those that had blanks around
    them. `split` is None where the row names none. `group` is what the row says that its image belongs to.
    """

    line: int
    raw: str
    file: str
    labels: list[str]
    split: str | None = None
    absent: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    numbers: int = 0
    normalized: int = 0
    group: str = ""


@dataclass(slots=True)
class UnreadableRow:
    """A row of which not even the image is certain."""

    line: int
    raw: str
    message: str


@dataclass(slots=True)
class TableRows:
    """All rows of a table. `labelled` is False where it has no rows that could tell which columns are classes.

    `one_label_a_row` says that an image with several labels has several rows.
    """

    rows: list[TableRow | UnreadableRow]
    doubts: list[Doubt]
    labelled: bool = True
    one_label_a_row: bool = False


def read_rows(
    name: str,
    data: bytes,
    task: str,
    options: FolderOptions | None = None,
    images: ImageNames | None = None,
    group: str = "",
) -> TableRows:
    """Read a table; `name` tells by its extension whether it is JSON Lines (`.jsonl`, `.ndjson`) or CSV (all others).

    `images` are those that exist, which tell columns of names where what they are called does not. `group` names the column of
    what an image belongs to.

    Raises:
        TableError: the table is empty, or its columns are not recognised.
        UsageError: an option names a column that the table does not have.
    """
    from labelbeam.transforms.formats.cloud_rows import is_of_cloud
    from labelbeam.transforms.formats.folder.cloud_table import read_cloud_table
    from labelbeam.transforms.formats.folder.csv_rows import read_csv
    from labelbeam.transforms.formats.folder.json_rows import read_json_lines

    text = _decode(name, data)
    if name.lower().endswith(".txt"):
        text = _with_tabs(text)
    if name.lower().endswith((".jsonl", ".ndjson")):
        return read_json_lines(name, text, options or FolderOptions(), group)
    if is_of_cloud(text):
        return read_cloud_table(name, text, options is None or options.split_column != "none")
    content = read_csv(name, text, task, options or FolderOptions(), images, group)
    content.doubts += _of_two_charsets(name, text)
    return content


def _of_two_charsets(name: str, text: str) -> list[Doubt]:
    """A doubt where some rows are no UTF-8: what others hold beyond ASCII may be so by accident, as `\\xc3\\xa8` of GBK is."""
    if not NOT_TEXT.search(text):
        return []
    lines = [line for line in text.splitlines() if not line.isascii()]
    left = [line for line in lines if not NOT_TEXT.search(line)]
    if not left:
        return []
    message = (
        f"{name}: {counted(len(lines) - len(left), 'row is', 'rows are')} not in UTF-8 and are rejected, so that others may be misread, such as {left[0][:80]!r}; "
        "save the table as UTF-8"
    )
    return [Doubt(Doubted.TABLE_CHARSET, message, len(left), left[0][:80])]


def _with_tabs(text: str) -> str:
    """A table whose columns are parted by blanks, as one that is parted by tabs; a count above it goes, and the images' column is named."""
    lines = ["\t".join(line.split()) for line in text.splitlines()]
    if lines and lines[0].isdecimal():
        lines[0] = ""
    filled = [at for at, line in enumerate(lines) if line][:2]
    if len(filled) == 2 and lines[filled[0]].count("\t") + 1 == lines[filled[1]].count("\t"):
        lines[filled[0]] = f"file_name\t{lines[filled[0]]}"
    return "\n".join(lines)


def is_label_table(
    name: str, head: bytes, images: ImageNames | None = None, options: FolderOptions | None = None
) -> bool:
    """Tell whether a file that starts with the bytes `head` has columns that name images and their labels."""
    try:
        data = head[: len(head) // 2 * 2] if _utf16(head) else head
        return read_rows(name, data, "", options, images).labelled
    except (TableError, UsageError):
        return False


def lacks_labels(name: str, head: bytes, images: ImageNames, options: FolderOptions) -> bool:
    """Tell whether such a file names images, and no column is known to hold their labels."""
    try:
        is_utf16 = _utf16(head)
        read_rows(name, head[: len(head) // 2 * 2] if is_utf16 else head, "", options, images)
    except NoLabelsError:
        return True
    except (TableError, UsageError):
        pass
    return False


def _utf16(data: bytes) -> bool:
    return data.startswith((b"\xff\xfe", b"\xfe\xff"))


def _decode(name: str, data: bytes) -> str:
    if _utf16(data):
        try:
            text = data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise TableError(f"{name}: starts with the mark of UTF-16 but is not: {error}; save it as UTF-8") from None
    else:
        # What is not UTF-8 survives as lone surrogates, so that one bad row does not cost the table.
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    if not text.strip():
        raise TableError(f"{name}: found an empty file, expected a header and a row for each image")
    return text
