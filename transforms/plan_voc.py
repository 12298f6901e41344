"""Plan a Pascal VOC source: which annotation file belongs to which image, split and mask, in batches."""

from __future__ import annotations

from schemas.config import ConvertConfig
from schemas.errors import LabelBeamError
from transforms.inputs import fingerprint_of, list_dataset
from transforms.listed import listed_files
from transforms.sources.label_cells import printable
from transforms.sources.voc import plan_voc
from transforms.sources.voc_images import is_image
from transforms.stores.files import read_file
from transforms.stores.listing import Listing
from transforms.stores.locations import Location, StorageOptions, locate
from transforms.units import BATCH, Plan, VocUnit, asks_for_images, bucket_count


def plan_voc_source(config: ConvertConfig, options: StorageOptions, root: Location, listing: Listing) -> Plan:
    """Plan the VOC tree whose files are `listing`; see `transforms.plan.make_plan` for errors."""
    # An annotation file whose name no record could hold is not found under the name that is printed instead: rejected.
    sizes = {printable(file.path): file.size for file in listing.files}
    images, image_listing = root, listing
    if config.images is not None:
        images = locate(config.images, options)
        image_listing = list_dataset(images, config, options)
    image_names = [printable(file.path) for file in image_listing.files]
    content = plan_voc(
        list(sizes),
        lambda path: read_file(root.below(path)),
        config.task,
        None if config.images is None else image_names,
    )
    if not content.items:
        raise LabelBeamError(f"{root.shown}: no annotation file among {len(sizes)} files, expected Annotations/*.xml")
    sources = [(root.url, file) for file in listing.files] + [(images.url, file) for file in image_listing.files]
    fingerprint, covers = fingerprint_of(sources)
    size = sum(sizes[item.xml] for item in content.items)
    plan = Plan("voc", "", images.url, bucket_count(config, size), fingerprint, covers)
    plan.trees = sorted({root.url, images.url})
    plan.warnings = [*dict.fromkeys([*listing.warnings, *image_listing.warnings]), *content.warnings]
    if asks_for_images(config):
        plan.listed = listed_files(file for file in image_listing.files if is_image(file.path))
    # Only the items whose image is still to be found carry the index of all images.
    settled = [item for item in content.items if item.image is not None or item.skipped is not None]
    open_items = [item for item in content.items if item.image is None and item.skipped is None]
    first_key = 0
    for items, index in ((settled, None), (open_items, content.images)):
        for start in range(0, len(items), BATCH):
            batch = tuple(items[start : start + BATCH])
            read = [path for item in batch for path in (item.xml, item.mask) if path is not None]
            plan.units.append(VocUnit(root.url, batch, first_key, index, {path: sizes[path] for path in read}))
            first_key += BATCH
    return plan
