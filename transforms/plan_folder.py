"""Plan a folder source: its layout, and batches of its images."""

from __future__ import annotations

from schemas.config import ConvertConfig
from schemas.errors import LabelBeamError
from transforms.sources.folder import FolderOptions, plan_folder, table_candidates
from transforms.stores import Location, StorageOptions, list_files, locate, read_range, stat
from transforms.units import (
    BATCH,
    HEAD,
    IMAGES_A_SHARD,
    SHARD_TARGET,
    FolderUnit,
    Plan,
    TableUnit,
    bucket_count,
    fingerprint_of,
)


def plan_folder_source(config: ConvertConfig, options: StorageOptions, root: Location) -> Plan:
    """Plan a folder of images; see `transforms.plan.make_plan` for errors."""
    listing = list_files(root)
    names = [file.path for file in listing]
    heads = {path: _head(root.below(path)) for path in table_candidates(names)}
    try:
        content = plan_folder(names, config.task, FolderOptions(config.class_level), heads)
    except LabelBeamError as error:
        raise type(error)(f"{root.url}: {error}") from None
    images = locate(config.images, options) if config.images else root
    fingerprint, covers = fingerprint_of([(root.url, file) for file in listing])
    plan = Plan("folder", "", images.url, 0, fingerprint, covers, warnings=content.warnings, existing=names)
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


def _head(file: Location) -> bytes:
    return read_range(file, 0, min(stat(file).size, HEAD))
