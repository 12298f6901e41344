"""Plan of copies: a listing of them, and what the current build says it copied."""

from __future__ import annotations

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.layout import BUILD_FILE, build_folder
from labelbeam.transforms.builds.published import latest_manifest
from labelbeam.transforms.columns.listed import listed_files
from labelbeam.transforms.formats.known import CopiedUnit, ListingUnit, listing_units
from labelbeam.transforms.plan.places import check_holds_no_output
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.listing import list_files
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import StorageOptions


def plan_copies(config: ConvertConfig, storage: StorageOptions) -> list[ListingUnit | CopiedUnit]:
    """Units that tell each bucket of its copies; none without --copy-images.

    Raises:
        UsageError: the place that images are copied to holds an output of builds.
        StoreError: the place that images are copied to, or the manifest of the current build, cannot be read.
    """
    if config.copy_images is None:
        return []
    target, output = locate(config.copy_images, storage), locate(config.output, storage)
    try:
        files = list_files(target).files
    except MissingFileError:
        return []  # Nothing was copied yet.
    check_holds_no_output("--copy-images", target, files)
    listed = listed_files(files)
    units: list[ListingUnit | CopiedUnit] = [*listing_units(listed, of_copies=True)]
    before = latest_manifest(output)
    if before is not None and before.copied is not None and before.copied.target == target.shown:
        build = output.below(build_folder(before.build))
        # Whoever can write to the output can write a manifest: no other file of this machine is read for it.
        entries = [entry for entry in before.copied.files if BUILD_FILE.fullmatch(entry.path)]
        units += [CopiedUnit(build.below(entry.path).url, entry.sha256) for entry in entries]
    return units
