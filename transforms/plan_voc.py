"""Plan a Pascal VOC source: which annotation file belongs to which image, split and mask, in batches."""

from __future__ import annotations

from schemas.config import ConvertConfig
from schemas.errors import LabelBeamError
from transforms.sources.voc import plan_voc
from transforms.stores import Location, StorageOptions, list_files, locate, read_file
from transforms.units import BATCH, Plan, VocUnit, bucket_count, fingerprint_of


def plan_voc_source(config: ConvertConfig, options: StorageOptions, root: Location) -> Plan:
    """Plan a VOC tree; see `transforms.plan.make_plan` for errors."""
    listing = list_files(root)
    images = locate(config.images, options) if config.images else root
    image_listing = list_files(images) if config.images else listing
    content = plan_voc(
        [file.path for file in listing],
        lambda path: read_file(root.below(path)),
        config.task,
        [file.path for file in image_listing] if config.images else None,
    )
    if not content.items:
        raise LabelBeamError(f"{root.url}: no annotation file among {len(listing)} files, expected Annotations/*.xml")
    fingerprint, covers = fingerprint_of(
        [(root.url, file) for file in listing]
        + ([(images.url, file) for file in image_listing] if config.images else [])
    )
    annotations = {item.xml for item in content.items}
    size = sum(file.size for file in listing if file.path in annotations)
    plan = Plan("voc", "", images.url, bucket_count(config, size), fingerprint, covers, warnings=content.warnings)
    plan.existing = [file.path for file in image_listing]
    # Only the items whose image is still to be found carry the index of all images.
    settled = [item for item in content.items if item.image is not None or item.skipped is not None]
    open_items = [item for item in content.items if item.image is None and item.skipped is None]
    first_key = 0
    for items, index in ((settled, None), (open_items, content.images)):
        for start in range(0, len(items), BATCH):
            plan.units.append(VocUnit(root.url, tuple(items[start : start + BATCH]), first_key, index))
            first_key += BATCH
    return plan
