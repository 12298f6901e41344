"""Units of JSON Lines: ranges of bytes, each with the lines that begin in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO

from labelbeam.schemas.neutral import Rejection, SourceImage
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.columns.fragments import Fragment, fragments_of
from labelbeam.transforms.columns.hashes import bucket_of
from labelbeam.transforms.formats.declared_sizes import tally_sizes
from labelbeam.transforms.formats.jsonl.records import Lines
from labelbeam.transforms.formats.reading import Findings, Reading, ReadResult
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from labelbeam.transforms.stores.reading import read_range
from labelbeam.transforms.workers.quiet_gc import quiet_gc

RANGE = 16 * 2**20
"""Bytes of a unit."""

LONGEST_LINE = 64 * 2**20
"""Bytes of a line, beyond which it is rejected unread: an image with so many objects is none."""

_STEP = 2**20

_TOGETHER = 100_000
"""Images and objects that are held before they are handed on."""

_KEYS = 44
"""Bits of an image's key for the place in its file; the file's number stands above them."""


@dataclass(frozen=True, slots=True)
class JsonLinesUnit:
    """The lines of a file that begin in the bytes [start, end); `bytes` is the size of the file, `number` its own.

    `images` is the URL of the directory where a few of its images are looked at; "" where none is.
    """

    url: str
    number: int
    start: int
    end: int
    bytes: int
    split: str | None
    prefix: str | None
    images: str = ""

    @property
    def size(self) -> int:
        """Bytes, for progress."""
        return self.end - self.start

    @property
    def index(self) -> None:
        """None: each line stands by itself."""
        return None

    def read(self, reading: Reading) -> ReadResult:
        """Read its lines.

        Raises:
            StoreError: the file cannot be read.
        """
        first, block = lines_of(locate(self.url, reading.options.storage), self.start, self.end, self.bytes)
        lines = Lines(self.url, self.split, self.prefix)
        findings = Findings(0, {self.url: lines.evidence})
        with quiet_gc():
            return reading.result(findings, self._fragments(lines, first, BytesIO(block), reading, findings))

    def _fragments(
        self, lines: Lines, first: int, block: BytesIO, reading: Reading, findings: Findings
    ) -> Iterator[tuple[int, Fragment]]:
        """The fragments of the lines, and of few records at a time: one may take a thousand times the bytes of its line.

        Their records are counted in `findings`.
        """
        whole, buckets = self.bytes <= RANGE, reading.options.buckets
        at, key = first, (self.number << _KEYS) + first
        for number, line in enumerate(block, 1):
            text = line.removesuffix(b"\n")
            text = text.removeprefix(b"\xef\xbb\xbf") if at == 0 else text
            locator = f"line {number}" if whole else f"byte {at}"
            if len(text) > LONGEST_LINE:
                message = f"the line has more than {LONGEST_LINE:,} bytes, and is not read"
                lines.rejections.append(
                    Rejection(self.url, locator, None, "image", Rejected.INVALID_RECORD, message, "")
                )
            else:
                lines.add(text, locator)
            at += len(line)
            if len(lines.images) + lines.objects >= _TOGETHER:
                images = self._taken(lines, reading)
                yield from _counted(fragments_of(images, buckets, key), findings)
                key += len(images)
        fragments = dict(fragments_of(self._taken(lines, reading), buckets, key))
        for rejection in lines.rejections:
            bucket = bucket_of(rejection.image or f"{self.url} {rejection.locator}", buckets)
            fragments.setdefault(bucket, Fragment()).rejections.append(rejection)
        yield from _counted(sorted(fragments.items()), findings)

    def _taken(self, lines: Lines, reading: Reading) -> list[SourceImage]:
        """The images that were read since the last time; of the first of them a few are looked at."""
        images = lines.take()
        if self.images and not lines.evidence.count("looked_at"):
            tally_sizes(lines.evidence, images, locate(self.images, reading.options.storage))
        return images


def _counted(fragments: Iterable[tuple[int, Fragment]], findings: Findings) -> Iterator[tuple[int, Fragment]]:
    for bucket, fragment in fragments:
        findings.records += fragment.records
        yield bucket, fragment


def lines_of(file: Location, start: int, end: int, size: int) -> tuple[int, bytes]:
    """The lines that begin in the bytes [start, end) of a file of `size`, and where the first of them begins.

    The last one is read to its end, and no further than a byte beyond `LONGEST_LINE`.
    """
    begin = max(0, start - 1)
    block = read_range(file, begin, end)
    if start:
        # The byte before tells whether a line begins at `start`.
        newline = block.find(b"\n")
        if newline < 0 or begin + newline + 1 >= end:
            return end, b""
        begin += newline + 1
        block = block[newline + 1 :]
    parts = [block]
    last = len(block) - block.rfind(b"\n") - 1
    while end < size and last and last <= LONGEST_LINE:
        more = read_range(file, end, min(size, end + _STEP))
        newline = more.find(b"\n")
        parts.append(more if newline < 0 else more[:newline])
        if newline >= 0:
            break
        end += len(more)
        last += len(more)
    return begin, b"".join(parts)
