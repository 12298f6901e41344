"""Plan a Pascal VOC source: which annotation file belongs to which image, split and mask, in batches."""

from __future__ import annotations

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.columns.listed import listed_files
from labelbeam.transforms.formats.inputs import fingerprint_of, list_dataset
from labelbeam.transforms.formats.plans import BATCH, Plan, asks_for_images, bucket_count
from labelbeam.transforms.formats.shards import exported_as
from labelbeam.transforms.formats.voc.image_index import is_image
from labelbeam.transforms.formats.voc.tree import plan_voc
from labelbeam.transforms.formats.voc.units import VocUnit
from labelbeam.transforms.messages.words import counted, printable
from labelbeam.transforms.stores.listing import Listing
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.reading import read_file


def plan_voc_source(config: ConvertConfig, options: StorageOptions, root: Location, listing: Listing) -> Plan:
    """Plan the VOC tree whose files are `listing`; see `transforms.plan.make_plan` for errors."""
    # An annotation file whose name no record could hold is not found under the name that is printed instead: rejected.
    sizes = {printable(file.path): file.size for file in listing.files}
    images, image_listing = root, listing
    if config.images is not None:
        images = locate(config.images, options)
        image_listing = list_dataset(images, config, options)
    content = plan_voc(
        list(sizes),
        lambda path: read_file(root.below(path)),
        config.task,
        None if config.images is None else [printable(file.path) for file in image_listing.files],
    )
    if not content.items:
        raise LabelBeamError(
            f"{root.shown}: no annotation file among {counted(len(sizes), 'file')}, expected Annotations/*.xml"
        )
    pictures = [file.path for file in image_listing.files]
    sources = [(root.url, file) for file in listing.files]
    if image_listing is not listing:
        sources += [(images.url, file) for file in image_listing.files]
    fingerprint, covers = fingerprint_of(sources)
    size = sum(sizes[item.xml] for item in content.items)
    plan = Plan("voc", "", images.url, bucket_count(config, size, len(content.items)), fingerprint, covers)
    plan.trees = sorted({root.url, images.url})
    left_out = dict.fromkeys([*listing.warnings, *image_listing.warnings])
    plan.doubts = [*(Doubt(Doubted.NOT_LISTED, warning) for warning in left_out), *content.doubts]
    if config.image_url is None and config.check_images is None and not any(is_image(path) for path in pictures):
        message = (
            f"{images.shown}: no image was found for {counted(len(content.items), 'annotation file')}; see whether they are there, or name "
            "their directory with --images, or where the trainer finds them with --image-url"
        )
        plan.doubts.append(
            Doubt(Doubted.IMAGES_NOT_FOUND, message, len(content.items), content.items[0].xml, "--images")
        )
    if asks_for_images(config):
        plan.listed = listed_files(file for file in image_listing.files if is_image(file.path))
    # Only the items whose image is still to be found carry the index of all images.
    settled = [item for item in content.items if item.image is not None or item.skipped is not None]
    open_items = [item for item in content.items if item.image is None and item.skipped is None]
    first_key, exported = 0, exported_as(root, listing.files, "voc")
    for items, index in ((settled, None), (open_items, content.images)):
        for start in range(0, len(items), BATCH):
            batch = tuple(items[start : start + BATCH])
            read = [path for item in batch for path in (item.xml, item.mask) if path is not None]
            plan.units.append(
                VocUnit(root.url, batch, first_key, index, {path: sizes[path] for path in read}, images.url, exported)
            )
            first_key += BATCH
    return plan
