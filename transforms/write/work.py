"""Assemble and write one bucket. Imports no Beam, so that a worker process is up in a fraction of a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.manifest import Receipt
from labelbeam.transforms.builds.resume import Target, finished_bucket, keep_receipt
from labelbeam.transforms.columns.fragments import Fragment, decode
from labelbeam.transforms.columns.listed import join_listed
from labelbeam.transforms.formats.format import Format
from labelbeam.transforms.formats.frames import Frame
from labelbeam.transforms.formats.reading import Findings
from labelbeam.transforms.images.copies import CopyOptions, Known, copier, copies_stand
from labelbeam.transforms.images.look import LookOptions, looker, shows_all
from labelbeam.transforms.images.transcode import Transcode
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import StorageOptions
from labelbeam.transforms.workers import parcels
from labelbeam.transforms.workers.quiet_gc import quiet_gc
from labelbeam.transforms.write.assemble import assemble
from labelbeam.transforms.write.bucket import write_bucket, write_copied
from labelbeam.transforms.write.options import AssembleOptions
from labelbeam.transforms.write.survey import SurveyOptions, compared
from labelbeam.transforms.write.whole import NOTHING_OF_ALL, Whole, told_sum


@dataclass(frozen=True, slots=True)
class ShardOptions:
    """Options of the writers of shards; without a `target` they write nothing. `report` is where the pipeline's report goes."""

    assemble: AssembleOptions
    check_images: str | None
    images_root: str
    images_listed: bool
    format: Format
    config: ConvertConfig
    buckets: int
    target: Target | None
    report: str
    px: bool
    copy_images: str | None
    transcode: Transcode | None
    storage: StorageOptions
    unit_sum: int = 0
    """The `unit_sum` of all units that are planned."""

    @property
    def surveys(self) -> SurveyOptions:
        """Options of what is looked at before."""
        return SurveyOptions(self.assemble, compared(self.config), self.images_root, self.buckets, self.storage)


class Report(msgspec.Struct):
    """Report of a pipeline for the driver: the receipts of all buckets, what reading found, and the `unit_sum` of what was to be read."""

    receipts: list[Receipt]
    findings: Findings
    unit_sum: int


def write_shard(
    options: ShardOptions,
    bucket: int,
    encoded: Sequence[bytes],
    frames: Mapping[str, Frame],
    whole: Whole = NOTHING_OF_ALL,
) -> Receipt:
    """Assemble one bucket from its encoded fragments, and write its files.

    Args:
        frames: the frames of those sources whose coordinates are not in pixels.
        whole: what is known of the whole source.

    Raises:
        StoreError: a file cannot be written.
    """
    root = locate(options.images_root, options.storage)
    target = options.target
    build = locate(target.build, options.storage) if target else None
    copies = locate(options.copy_images, options.storage) if target and options.copy_images is not None else None
    told = told_sum(whole, frames)
    with quiet_gc():
        fragments = [decode(parcels.unwrap(data)) for data in encoded]
        known, (records_in, listed_in) = _known(fragments), _counted(fragments)
        if target and build and target.resumes:
            finished = finished_bucket(target, options.storage, bucket, options.buckets, Receipt)
            # A runner that lost something then has perhaps not lost it now: what was made of less is not used.
            counted = records_in, listed_in, told
            same = finished is not None and (finished.records_in, finished.listed_in, finished.told) == counted
            if finished is not None and same and copies_stand(build, finished, known.copies, copies):
                finished.arrived = parcels.parcel_sum(encoded)
                return finished
        complete = options.images_listed and shows_all(root)
        look_at = looker(
            LookOptions(options.check_images, root, complete, options.transcode is not None), known.images, known.looked
        )
        copy_to = copier(CopyOptions(root, copies, complete, options.transcode), known) if copies else None
        assembled = assemble(fragments, options.assemble, frames, look_at, copy_to, whole)
        receipt = write_bucket(assembled, bucket, options.buckets, options.assemble.task, options.px, build)
        receipt.arrived, receipt.listed_in, receipt.told = parcels.parcel_sum(encoded), listed_in, told
        if build and copies:
            receipt.copied = write_copied(assembled.copied, bucket, options.buckets, build, copies.shown)
    if target:
        keep_receipt(target, options.storage, options.buckets, receipt)
    return receipt


def _counted(fragments: Sequence[Fragment]) -> tuple[int, int]:
    """Images, annotations and rejections among the fragments, and files of the images' listing."""
    listed = (len(fragment.listed) for fragment in fragments if fragment.listed is not None)
    return sum(fragment.records for fragment in fragments), sum(listed)


def _known(fragments: Sequence[Fragment]) -> Known:
    return Known(
        join_listed([fragment.listed for fragment in fragments if fragment.listed is not None]),
        join_listed([fragment.listed_copies for fragment in fragments if fragment.listed_copies is not None]),
        {image.image: image for fragment in fragments for image in fragment.copied},
        {path: found for fragment in fragments for path, found in fragment.looked.items()},
    )
