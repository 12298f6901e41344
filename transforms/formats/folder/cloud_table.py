"""Labels of AutoML Vision's and Vertex AI's tables, whose images are named by URLs of a store."""

from __future__ import annotations

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.cloud_rows import CloudRow, cloud_rows
from labelbeam.transforms.formats.folder.rows import TableRow, TableRows, UnreadableRow
from labelbeam.transforms.messages.words import agreeing, counted


def read_cloud_table(name: str, text: str, splits: bool = True) -> TableRows:
    """Read such a table: each label of a row, or of a box, is one of its image. `splits` says whether uses are splits."""
    rows: list[TableRow | UnreadableRow] = []
    found = cloud_rows(text)
    for row in found:
        if row.wrong and not row.labels:
            rows.append(UnreadableRow(row.line, row.raw, row.wrong))
        else:
            labels = list(dict.fromkeys(row.labels))
            rows.append(TableRow(row.line, row.raw, row.url, labels, row.split if splits else None))
    doubts = unassigned(name, found) if splits else []
    return TableRows(rows, doubts, one_label_a_row=any(row.box is not None for row in found))


def unassigned(name: str, rows: list[CloudRow]) -> list[Doubt]:
    """A doubt where some rows are of no split, and others are."""
    free = [row for row in rows if row.split is None and row.url]
    if not free or len(free) == len([row for row in rows if row.url]):
        return []
    message = f"{name}: {counted(len(free), 'row')}, such as that of {free[0].url!r}, {agreeing(len(free), 'is', 'are')} UNASSIGNED or say nothing of their split, and go into train"
    return [Doubt(Doubted.LISTED_IN_NO_SPLIT, message, len(free), free[0].url)]
