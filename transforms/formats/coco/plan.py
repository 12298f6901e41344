"""Plan a COCO source: where each file's lists lie, what split it is, and where its images are."""

from __future__ import annotations

from collections.abc import Sequence

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import unclassified
from labelbeam.transforms.columns.listed import Listed, join_listed, listed_files
from labelbeam.transforms.formats.coco.file import KnownFile, check_kind, look_into
from labelbeam.transforms.formats.coco.images_root import common_root, distinct_roots, find_images_root
from labelbeam.transforms.formats.coco.units import CocoFile, CocoUnit
from labelbeam.transforms.formats.inputs import fingerprint_of, list_dataset
from labelbeam.transforms.formats.plans import Plan, bucket_count
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.location import Location, StorageOptions, within
from labelbeam.transforms.stores.tokens import content_token


def plan_coco(config: ConvertConfig, options: StorageOptions, locations: Sequence[Location], exact: bool) -> Plan:
    """Plan COCO files; see `transforms.plan.make_plan` for errors. The order of `locations` does not matter."""
    files = [look_into(location, exact) for location in sorted(locations, key=lambda location: location.url)]
    for file in files:
        check_kind(file, config.task)
    warnings: list[str] = []
    roots = [find_images_root(config, options, file, warnings) for file in files]
    root, prefixes = common_root(roots)
    warnings += [
        f"{root.below(prefix).shown} is a link out of {root.shown}: --check-images header and decode will not follow it; "
        "build each source on its own"
        for prefix in sorted(set(prefixes))
        if not within(root, prefix)
    ]
    sources = [(file.location.url, file.stored) for file in files]
    fingerprint, covers = fingerprint_of(sources)
    buckets = bucket_count(config, sum(file.stored.size for file in files))
    plan = Plan("coco", "", root.url, buckets, fingerprint, covers, in_bytes=True)
    plan.files = list(sources)
    for number, (file, prefix) in enumerate(zip(files, prefixes, strict=True)):
        index = tuple(part for part in file.ranges if part.section in ("images", "categories"))
        plan.indexes.append(CocoFile(number, file.location.url, prefix, file.split, index))
        plan.units += [CocoUnit(file.location.url, part) for part in file.ranges if part.section == "annotations"]
    if _depends_on_images(config, files):
        parts: list[Listed] = []
        for images, prefix in distinct_roots(roots, prefixes):
            try:
                listing = list_dataset(images, config, options)
            except StoreError as error:
                if images.on_the_web:
                    warnings.append(
                        f"{error}; so each image is asked for by itself, and --if-changed always builds anew, as nothing "
                        "tells whether images have changed"
                    )
                    sources.append((images.url, StoredFile("", 0, content_token({}))))
                    continue
                if isinstance(error, MissingFileError):
                    raise MissingFileError(f"{error}; name the directory of the images with --images") from None
                raise
            sources += [(images.url, image) for image in listing.files]
            plan.trees.append(images.url)
            parts.append(listed_files(listing.files, prefix))
            warnings += listing.warnings
        plan.listed = join_listed(parts)
        plan.fingerprint, plan.covers = fingerprint_of(sources)
    plan.doubts = unclassified(warnings)
    return plan


def _depends_on_images(config: ConvertConfig, files: Sequence[KnownFile]) -> bool:
    """Whether the build depends on the image files and not on the annotations alone, so that they are inputs too."""
    if config.check_images is not None and config.check_images != "none":
        return True
    sized = all(image.get("width") and image.get("height") for file in files for image in file.images)
    return config.copy_images is not None or (config.check_images is None and not sized)
