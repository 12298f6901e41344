"""Units of what is known of images before they are looked at: listings, and what the build before copied."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from labelbeam.transforms.columns.fragments import Fragment
from labelbeam.transforms.columns.hashes import bucket_of
from labelbeam.transforms.columns.listed import Listed, by_bucket
from labelbeam.transforms.formats.reading import Findings, Reading, ReadResult
from labelbeam.transforms.images.copies import decode_copied
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.reading import DOCUMENT, read_bounded

LISTED = 20_000
"""Files of a listing in one unit of work, half a megabyte."""


@dataclass(frozen=True, slots=True)
class ListingUnit:
    """A part of the listing of the images' root, or of where they are copied to, to be divided among the images' buckets."""

    listed: Listed
    of_copies: bool = False
    size = 0
    index = None

    def read(self, reading: Reading) -> ReadResult:
        """Divide it by bucket."""
        return reading.result(Findings(), self._by_bucket(reading.options.buckets))

    def _by_bucket(self, buckets: int) -> Iterator[tuple[int, Fragment]]:
        for bucket, rows in by_bucket(self.listed.hashes, buckets):
            part = self.listed.take(rows)
            yield bucket, Fragment(listed_copies=part) if self.of_copies else Fragment(listed=part)


@dataclass(frozen=True, slots=True)
class CopiedUnit:
    """A file in which the build before listed the images that it copied; to be believed only with this hash."""

    url: str
    sha256: str
    size = 0
    index = None

    def read(self, reading: Reading) -> ReadResult:
        """Divide it by bucket; nothing where it is gone or damaged, since it only saves work."""
        return reading.result(Findings(), self._by_bucket(reading))

    def _by_bucket(self, reading: Reading) -> Iterator[tuple[int, Fragment]]:
        with suppress(StoreError, msgspec.DecodeError, UnicodeDecodeError):
            data = read_bounded(locate(self.url, reading.options.storage), DOCUMENT)
            if hashlib.sha256(data).hexdigest() == self.sha256:
                fragments: dict[int, Fragment] = {}
                for image in decode_copied(data):
                    bucket = bucket_of(image.image, reading.options.buckets)
                    fragments.setdefault(bucket, Fragment()).copied.append(image)
                yield from sorted(fragments.items())


def listing_units(listed: Listed | None, of_copies: bool = False) -> list[ListingUnit]:
    """A listing in parts that are worth a unit of work each; none where nothing was listed."""
    listed = listed or Listed()
    starts = range(0, len(listed), LISTED)
    return [ListingUnit(listed.take(slice(start, start + LISTED)), of_copies) for start in starts]
