"""Plan a folder source: its layout, and batches of its images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.columns.listed import listed_files
from labelbeam.transforms.formats.folder.classes import copies_in_classes, explains, is_read_me, numbers_for_names
from labelbeam.transforms.formats.folder.elsewhere import candidates, is_text, labels_elsewhere
from labelbeam.transforms.formats.folder.format import FolderOptions
from labelbeam.transforms.formats.folder.layout import FolderPlan, plan_folder, table_candidates
from labelbeam.transforms.formats.folder.lookup import ImageNames
from labelbeam.transforms.formats.folder.places import is_table_name
from labelbeam.transforms.formats.folder.split_columns import parse_split_values
from labelbeam.transforms.formats.folder.split_lists import (
    doubt_of_unlisted,
    read_split_lists,
    split_list_candidates,
)
from labelbeam.transforms.formats.folder.units import FolderUnit, TableUnit
from labelbeam.transforms.formats.inputs import fingerprint_of, list_dataset
from labelbeam.transforms.formats.plans import (
    BATCH,
    HEAD,
    IMAGES_A_SHARD,
    SHARD_TARGET,
    Plan,
    asks_for_images,
    bucket_count,
)
from labelbeam.transforms.images.names import hidden
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.stores.listing import Listing
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.reading import read_file, read_range


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
    names = [file.path for file in image_files if not is_table_name(file.path)]
    names += [path for path in sizes if is_table_name(path) and table in (None, path)]
    folder_options = config.of(FolderOptions)
    heads = {
        path: read_range(root.below(path), 0, min(sizes[path], HEAD))
        for path in table_candidates(names, folder_options.split_folders, beside=True)
    }
    try:
        content = plan_folder(names, config.task, folder_options, heads)
    except LabelBeamError as error:
        raise type(error)(f"{root.shown}: {error}") from None
    if table is not None and not content.tables:
        raise UsageError(
            f"{root.below(table).shown}: not recognised as a table of labels, expected a header with a column of images, "
            "such as `filename`, and `label` or a column for each class"
        )
    if config.split is not None:
        content.doubts = [doubt for doubt in content.doubts if doubt.code != Doubted.NO_TRAIN_SPLIT]
    elif folder_options.split_column != "none":
        _take_split_lists(content, root, sizes, parse_split_values(folder_options.split_values))
    fingerprint, covers = fingerprint_of(sources)
    plan = Plan("folder", "", images.url, 0, fingerprint, covers, doubts=content.doubts)
    plan.doubts += [Doubt(Doubted.NOT_LISTED, warning) for warning in warnings]
    plan.trees = sorted({root.url, images.url})
    if asks_for_images(config):
        wanted = {item.path for item in content.items}
        plan.listed = listed_files(file for file in image_files if file.path in wanted)
    plan.buckets = bucket_count(config, len(content.items) * SHARD_TARGET // IMAGES_A_SHARD)
    plan.columns = bool(content.tables)
    if content.tables:
        plan.units = [TableUnit(root.url, content)]
    else:
        for start in range(0, len(content.items), BATCH):
            items = tuple(content.items[start : start + BATCH])
            plan.units.append(FolderUnit(root.url, items, start))
    if not content.tables:
        stored = {file.path: file.size for file in image_files}
        plan.doubts += copies_in_classes(((item.path, item.label) for item in content.items), stored)
        plan.doubts += [*_labels_elsewhere(content, root, sizes), *_names_in_words(content, root, sizes)]
    if content.ignored:
        message = f"{counted(content.ignored, 'file is', 'files are')} neither images nor tables of labels and were left alone"
        plan.doubts.append(Doubt(Doubted.FILES_LEFT_ALONE, message, content.ignored))
    return plan


def _labels_elsewhere(content: FolderPlan, root: Location, sizes: Mapping[str, int]) -> list[Doubt]:
    unlabelled = {item.path for item in content.items if item.problem is Rejected.NO_LABEL}
    if len({item.label for item in content.items} - {None}) == 1:
        unlabelled = {item.path for item in content.items}  # A folder that says nothing is called like no class.
    if not unlabelled:
        return []
    heads = {
        path: read_range(root.below(path), 0, min(sizes[path], HEAD)).decode("utf-8-sig", "replace")
        if is_text(path)
        else None
        for path in candidates(path for path in sizes if not hidden(path))
    }
    return labels_elsewhere(heads, ImageNames(unlabelled))


def _names_in_words(content: FolderPlan, root: Location, sizes: Mapping[str, int]) -> list[Doubt]:
    """A doubt where all labels are numbers, and what explains the dataset says what each stands for."""
    labels = {item.label for item in content.items if item.label}
    if content.names or not all(label.isdecimal() for label in labels):
        return []
    read_mes = [path for path in sorted(sizes) if is_read_me(path) and "/" not in path]
    heads = {
        path: read_range(root.below(path), 0, min(sizes[path], HEAD)).decode("utf-8-sig", "replace")
        for path in read_mes
    }
    return numbers_for_names(labels, [path for path, text in heads.items() if explains(labels, text)])


_LONGEST_LIST = 2**26
"""Bytes of a list of images; more is something else."""


def _take_split_lists(
    content: FolderPlan, root: Location, sizes: Mapping[str, int], given: Mapping[str, str] | None
) -> None:
    """Give images that lie in no folder of a split the one that lists beside them say."""
    free = [item.path for item in content.items if item.split is None]
    tables = {table.path for table in content.tables}
    candidates = [
        path
        for path in split_list_candidates(sizes, (item.path for item in content.items))
        if path not in tables and sizes[path] <= _LONGEST_LIST
    ]
    if not free or not candidates or any(table.split for table in content.tables):
        return
    texts = {path: read_file(root.below(path), sizes[path]).decode("utf-8-sig", "replace") for path in candidates}
    found = read_split_lists(texts, ImageNames(frozenset(item.path for item in content.items)), given)
    content.doubts += found.doubts
    content.ignored = max(0, content.ignored - found.lists)
    if found.splits:
        content.items = [
            replace(item, split=found.splits.get(item.path)) if item.split is None else item for item in content.items
        ]
        content.doubts += doubt_of_unlisted([path for path in free if path not in found.splits])
