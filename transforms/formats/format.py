"""Recognised sources."""

from __future__ import annotations

from dataclasses import dataclass

from labelbeam.transforms.stores.listing import Listing
from labelbeam.transforms.stores.location import Location


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a source is, and why.

    `locations` are the files of a COCO source, or the one root of the others. `listing` is that of the root, where it was
    made. `table` is the path below the root of a table that was named as the source itself.
    """

    format: str
    reason: str
    locations: list[Location]
    listing: Listing | None = None
    table: str | None = None
