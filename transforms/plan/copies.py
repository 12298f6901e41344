"""What is known of earlier copies before images are copied: a listing of them, and what the build in force says it copied."""

from __future__ import annotations

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.layout import build_folder
from labelbeam.transforms.builds.published import latest_manifest
from labelbeam.transforms.columns.listed import listed_files
from labelbeam.transforms.formats.known import CopiedUnit, ListingUnit, listing_units
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import StorageOptions


def plan_copies(config: ConvertConfig, storage: StorageOptions) -> list[ListingUnit | CopiedUnit]:
    """Units that tell each bucket of its copies; none without --copy-images.

    Raises:
        StoreError: the place that images are copied to, or the manifest of the build in force, cannot be read.
    """
    if config.copy_images is None:
        return []
    target, output = locate(config.copy_images, storage), locate(config.output, storage)
    try:
        listed = listed_files(list_files(target).files)
    except MissingFileError:
        return []  # Nothing was copied yet.
    units: list[ListingUnit | CopiedUnit] = [*listing_units(listed, of_copies=True)]
    before = latest_manifest(output)
    if before is not None and before.copied is not None and before.copied.target == target.shown:
        build = output.below(build_folder(before.build))
        units += [CopiedUnit(build.below(entry.path).url, entry.sha256) for entry in before.copied.files]
    return units
