"""Plan a YOLO source: which label file belongs to which image, split and class names, in batches."""

from __future__ import annotations

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.columns.listed import listed_files
from labelbeam.transforms.formats.inputs import fingerprint_of, list_dataset
from labelbeam.transforms.formats.plans import BATCH, HEAD, Plan, asks_for_images, bucket_count
from labelbeam.transforms.formats.reading import ids_by_label
from labelbeam.transforms.formats.yolo.description import LARGEST_DESCRIPTION, is_names_file
from labelbeam.transforms.formats.yolo.format import YoloOptions
from labelbeam.transforms.formats.yolo.tree import plan_yolo
from labelbeam.transforms.formats.yolo.units import YoloUnit
from labelbeam.transforms.images.names import extension, is_image
from labelbeam.transforms.messages.words import counted, printable
from labelbeam.transforms.stores.listing import Listing
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.paths import safe_relative
from labelbeam.transforms.stores.reading import read_file, read_range


def plan_yolo_source(
    config: ConvertConfig, options: StorageOptions, root: Location, listing: Listing, data: str | None = None
) -> Plan:
    """Plan the YOLO tree whose files are `listing`; see `transforms.plan.make_plan` for errors.

    `data` is the data.yaml or obj.data that was named as the source; else --yolo-data may name it.
    """
    # A label file whose name no record could hold is not found under the name that is printed instead: rejected.
    sizes = {printable(file.path): file.size for file in listing.files}
    images, image_files = root, listing.files
    left_out = list(listing.warnings)
    if config.images is not None:
        images = locate(config.images, options)
        image_listing = list_dataset(images, config, options)
        image_files = image_listing.files
        left_out += image_listing.warnings

    def read(path: str) -> bytes:
        if (extension(path) != "txt" or is_names_file(path)) and sizes[path] > LARGEST_DESCRIPTION:
            raise LabelBeamError(
                f"{path}: has {sizes[path]:,} bytes, expected at most {LARGEST_DESCRIPTION:,} of a file that names classes"
            )
        return read_file(root.below(path))

    def head(path: str) -> bytes:
        return read_range(root.below(path), 0, min(sizes[path], HEAD))

    given = config.of(YoloOptions).yolo_data
    data = safe_relative(given) or given if data is None and given is not None else data
    elsewhere = None if config.images is None else [printable(file.path) for file in image_files]
    try:
        content = plan_yolo(list(sizes), read, elsewhere, data, head)
    except LabelBeamError as error:
        raise type(error)(f"{root.shown}: {error}") from None
    labelled = {item.image for item in content.items if item.labels is not None or item.candidates}
    listed = {printable(file.path) for file in image_files if is_image(file.path)}
    if not labelled or (listed and listed.isdisjoint(labelled)):
        raise LabelBeamError(
            f"{root.shown}: no label file among {counted(len(sizes), 'file')} belongs to an image, expected labels/1.txt for images/1.jpg, or "
            "1.txt beside 1.jpg"
        )
    sources = [(root.url, file) for file in listing.files] + [(images.url, file) for file in image_files]
    fingerprint, covers = fingerprint_of(sources)
    size = sum(sizes.get(item.labels or "", 0) for item in content.items)
    plan = Plan("yolo", "", images.url, bucket_count(config, size), fingerprint, covers)
    plan.trees = sorted({root.url, images.url})
    plan.doubts = [*(Doubt(Doubted.NOT_LISTED, warning) for warning in dict.fromkeys(left_out)), *content.doubts]
    tables = (names.by_number.items() for names in content.names if names is not None)
    plan.label_ids = ids_by_label(pair for table in tables for pair in table)
    if asks_for_images(config):
        plan.listed = listed_files(file for file in image_files if is_image(file.path))
    for start in range(0, len(content.items), BATCH):
        items = tuple(content.items[start : start + BATCH])
        read_sizes = {item.labels: sizes[item.labels] for item in items if item.labels is not None}
        plan.units.append(YoloUnit(root.url, items, start, tuple(content.names), content.keypoints, read_sizes))
    return plan
