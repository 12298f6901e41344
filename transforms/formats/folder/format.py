"""Recognition of folders and tables."""

from __future__ import annotations

import posixpath

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.format import Recognised
from labelbeam.transforms.stores.location import Location


def table_source(file: Location, reason: str | None) -> Recognised:
    """A table that was named as the source itself.

    Raises:
        UsageError: no directory is around it.
    """
    name = posixpath.basename(file.path)
    folder = file.parent
    if folder is None:
        raise UsageError(f"{file.shown}: found a table with no directory around it, expected one that holds its images")
    return Recognised("folder", reason or f"{name} is a table of labels", [folder], table=name)
