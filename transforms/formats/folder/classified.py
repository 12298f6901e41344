"""Class folders and tables of labels beside annotations of another format: for classification they count."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from labelbeam.transforms.formats.folder.layout import table_candidates
from labelbeam.transforms.formats.folder.levels import read_levels
from labelbeam.transforms.formats.folder.places import NAMED_TABLES
from labelbeam.transforms.images.names import is_image


def are_classified(files: Sequence[str]) -> bool:
    """Tell whether folders or a table by a usual name class the images of a listing.

    >>> are_classified(["cat/1.jpg", "dog/2.jpg"]), are_classified(["images/1.jpg", "labels.csv"]), are_classified(["images/1.jpg"])
    (True, True, False)
    """
    if any(posixpath.basename(table).lower() in NAMED_TABLES for table in table_candidates(files)):
        return True
    images = [path for path in files if is_image(path)]
    levels = read_levels(images)
    return len({folders[0] for path in images if (folders := levels.locate(path)[1])}) > 1
