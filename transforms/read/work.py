"""Read one unit of a folder or VOC tree, or a part of what is known of the images. Imports no Beam."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from labelbeam.transforms.columns.fragments import Fragment, fragments_of
from labelbeam.transforms.columns.hashes import bucket_of
from labelbeam.transforms.columns.listed import by_bucket
from labelbeam.transforms.formats.folder.layout import image_of_item
from labelbeam.transforms.formats.folder.units import FolderUnit, TableUnit, read_tables
from labelbeam.transforms.formats.plans import CopiedUnit, ListingUnit
from labelbeam.transforms.formats.reading import Findings, ReadOptions, ReadResult, encode_fragments
from labelbeam.transforms.formats.voc.units import VocUnit, read_voc_unit
from labelbeam.transforms.images.copies import decode_copied
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.reading import read_file
from labelbeam.transforms.workers.staged_units import StagedUnit, staged_unit


def read_unit(
    options: ReadOptions, unit: CopiedUnit | FolderUnit | ListingUnit | StagedUnit | TableUnit | VocUnit
) -> ReadResult:
    """Read a batch of images of a folder or VOC tree, the tables of a folder, or a part of what is known of the images.

    Raises:
        StoreError: a table cannot be read.
        LabelBeamError: a table is malformed as a whole, or a staged unit is not what was staged.
    """
    if isinstance(unit, StagedUnit):
        return read_unit(options, staged_unit(unit, options.storage))
    findings = Findings()
    if isinstance(unit, ListingUnit):
        return ReadResult(findings, encode_fragments(_listed_by_bucket(unit, options.buckets)))
    if isinstance(unit, CopiedUnit):
        return ReadResult(findings, encode_fragments(_copied_by_bucket(unit, options)))
    if isinstance(unit, TableUnit):
        fragments, findings = read_tables(unit, options)
    else:
        if isinstance(unit, FolderUnit):
            images = [image_of_item(item, unit.root) for item in unit.items]
        else:
            read = read_voc_unit(unit, options)
            images = [item.image for item in read]
            findings.zero_based = sum(item.zero_based for item in read)
        fragments = dict(fragments_of(images, options.buckets, unit.first_key))
    findings.records = sum(fragment.records for fragment in fragments.values())
    return ReadResult(findings, encode_fragments(sorted(fragments.items())))


def _listed_by_bucket(unit: ListingUnit, buckets: int) -> Iterator[tuple[int, Fragment]]:
    for bucket, rows in by_bucket(unit.listed.hashes, buckets):
        part = unit.listed.take(rows)
        yield bucket, Fragment(listed_copies=part) if unit.of_copies else Fragment(listed=part)


def _copied_by_bucket(unit: CopiedUnit, options: ReadOptions) -> Iterator[tuple[int, Fragment]]:
    """What the build before has copied; nothing where its list is gone or damaged, since it only saves work."""
    with suppress(StoreError, msgspec.DecodeError, UnicodeDecodeError):
        data = read_file(locate(unit.url, options.storage))
        if hashlib.sha256(data).hexdigest() == unit.sha256:
            fragments: dict[int, Fragment] = {}
            for image in decode_copied(data):
                fragments.setdefault(bucket_of(image.path, options.buckets), Fragment()).copied.append(image)
            yield from sorted(fragments.items())
