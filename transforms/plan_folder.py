"""Plan a folder source: its layout, and batches of its images."""

from __future__ import annotations

from schemas.config import ConvertConfig
from schemas.errors import LabelBeamError, UsageError
from transforms.inputs import fingerprint_of, list_dataset
from transforms.listed import listed_files
from transforms.sources.folder import TABLE_EXTENSIONS, FolderOptions, plan_folder, table_candidates
from transforms.sources.tables import extension
from transforms.stores.files import read_range
from transforms.stores.listing import Listing
from transforms.stores.locations import Location, StorageOptions, locate
from transforms.units import (
    BATCH,
    HEAD,
    IMAGES_A_SHARD,
    SHARD_TARGET,
    FolderUnit,
    Plan,
    TableUnit,
    asks_for_images,
    bucket_count,
)


def plan_folder_source(
    config: ConvertConfig, options: StorageOptions, root: Location, listing: Listing, table: str | None = None
) -> Plan:
    """Plan the folder whose files are `listing`; see `transforms.plan.make_plan` for errors.

    `table` is the one table to read, where it was named. With --images, the tables are those of the root, and the images
    those of the other directory; without tables its folders name the classes.
    """
    sources = [(root.url, file) for file in listing.files]
    warnings = listing.warnings
    images, image_files = root, listing.files
    if config.images is not None:
        images = locate(config.images, options)
        image_listing = list_dataset(images, config, options)
        image_files = image_listing.files
        sources += [(images.url, file) for file in image_files]
        warnings = list(dict.fromkeys([*warnings, *image_listing.warnings]))
    sizes = {file.path: file.size for file in listing.files}
    names = [file.path for file in image_files if extension(file.path) not in TABLE_EXTENSIONS]
    names += [path for path in sizes if extension(path) in TABLE_EXTENSIONS and table in (None, path)]
    heads = {path: read_range(root.below(path), 0, min(sizes[path], HEAD)) for path in table_candidates(names)}
    try:
        content = plan_folder(names, config.task, FolderOptions(config.class_level), heads)
    except LabelBeamError as error:
        raise type(error)(f"{root.shown}: {error}") from None
    if table is not None and not content.tables:
        raise UsageError(
            f"{root.below(table).shown}: not recognised as a table of labels, expected a header with a column of images, "
            "such as `filename`, and `label` or a column for each class"
        )
    fingerprint, covers = fingerprint_of(sources)
    plan = Plan("folder", "", images.url, 0, fingerprint, covers, warnings=[*warnings, *content.warnings])
    plan.trees = sorted({root.url, images.url})
    if asks_for_images(config):
        wanted = {item.path for item in content.items}
        plan.listed = listed_files(file for file in image_files if file.path in wanted)
    plan.buckets = bucket_count(config, len(content.items) * SHARD_TARGET // IMAGES_A_SHARD)
    if content.tables:
        plan.units = [TableUnit(root.url, content)]
    else:
        plan.units = [
            FolderUnit(root.url, tuple(content.items[start : start + BATCH]), start)
            for start in range(0, len(content.items), BATCH)
        ]
    if content.ignored:
        plan.warnings.append(f"{content.ignored} files are neither images nor tables of labels and were left alone")
    return plan
