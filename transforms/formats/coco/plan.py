"""Plan a COCO source: where each file's lists lie, what split it is, and where its images are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.columns.listed import Listed, join_listed, listed_files
from labelbeam.transforms.formats.coco.file import (
    KnownFile,
    check_kind,
    doubts_of_categories,
    lists_no_image,
    look_into,
)
from labelbeam.transforms.formats.coco.images_root import Root, common_root, distinct_roots, find_images_root
from labelbeam.transforms.formats.coco.names import split_is_doubtful
from labelbeam.transforms.formats.coco.units import CocoFile, CocoUnit, StoredImages
from labelbeam.transforms.formats.coco.urls import doubts_of_urls, named_by_urls
from labelbeam.transforms.formats.inputs import fingerprint_of, list_dataset
from labelbeam.transforms.formats.plans import Plan, bucket_count
from labelbeam.transforms.stores.errors import MissingFileError, StoreError
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.listing import Listing
from labelbeam.transforms.stores.location import Location, StorageOptions, within
from labelbeam.transforms.stores.tokens import content_token


def plan_coco(
    config: ConvertConfig,
    options: StorageOptions,
    locations: Sequence[Location],
    exact: bool,
    listed: Sequence[tuple[Location, Listing]] = (),
) -> Plan:
    """Plan COCO files; see `transforms.plan.make_plan` for errors. The order of `locations` does not matter.

    `listed` are the directories that were named as sources, in which images are looked for that lie in no usual place.
    """
    every = [look_into(location, exact) for location in sorted(locations, key=lambda location: location.url)]
    empty = [file for file in every if lists_no_image(file)] if len(every) > 1 else []
    files = [file for file in every if file not in empty] or every
    for file in files:
        check_kind(file, config.task)
    doubts = [doubt for file in files for doubt in doubts_of_categories(file)]
    if len(files) < len(every):
        message = f"{len(empty)} COCO files list no image, such as {empty[0].location.shown}"
        doubts.append(Doubt(Doubted.SOURCE_WITHOUT_IMAGES, message, len(empty), empty[0].location.shown))
    found: list[Root] = []
    by_url: list[bool] = []
    for file in files:
        of_file: list[Doubt] = []
        found.append(find_images_root(config, options, file, of_file, listed))
        by_url.append(named_by_urls(config, file, found[-1].seen))
        if by_url[-1]:
            of_file = [*(doubt for doubt in of_file if doubt.code != Doubted.IMAGES_NOT_FOUND), *doubts_of_urls(file)]
        doubts += of_file
    roots = [each.location for each in found]
    root, prefixes = common_root(roots)
    doubts += [*_links_out(root, prefixes), *_no_train_split(config, files)]
    sources = [(file.location.url, file.stored) for file in every]
    listed_of: dict[str, Listed] = {}
    trees: list[str] = []
    compared = config.check_images != "none" and any(each.seen and not each.all_seen for each in found)
    images_are_inputs = compared or _depends_on_images(config, files)
    if images_are_inputs:
        for images, prefix in distinct_roots(roots, prefixes):
            listing = _list_images(images, config, options)
            if isinstance(listing, Doubt):
                doubts.append(listing)
                sources.append((images.url, StoredFile("", 0, content_token({}))))
                continue
            sources += [(images.url, image) for image in listing.files]
            trees.append(images.url)
            listed_of[images.url] = listed_files(listing.files, prefix)
            doubts += [Doubt(Doubted.LISTING, warning) for warning in listing.warnings]
    fingerprint, covers = fingerprint_of(sources)
    buckets = bucket_count(config, sum(file.stored.size for file in files))
    plan = Plan("coco", "", root.url, buckets, fingerprint, covers, in_bytes=True, readers_look=False)
    plan.files, plan.columns, plan.trees = [(file.location.url, file.stored) for file in every], True, trees
    plan.listed = join_listed(list(listed_of.values())) if images_are_inputs else None
    for number, (file, prefix, each, urls) in enumerate(zip(files, prefixes, found, by_url, strict=True)):
        index = tuple(part for part in file.ranges if part.section in ("images", "categories"))
        stored = None if urls else _stored(each, listed_of, config)
        keys_below = each.location.url if each.seen and each.location.in_object_store else None
        plan.indexes.append(
            CocoFile(number, file.location.url, prefix, file.split, index, stored, urls, each.flat, keys_below)
        )
        plan.units += [CocoUnit(file.location.url, part) for part in file.ranges if part.section == "annotations"]
    if config.images is None:
        plan.unseen = frozenset(
            file.location.url
            for file, each, urls in zip(files, found, by_url, strict=True)
            if not each.seen and not urls
        )
    if all(by_url):
        plan.image_prefix = ""
    plan.doubts = doubts
    return plan


def _links_out(root: Location, prefixes: Iterable[str]) -> list[Doubt]:
    """A doubt for each directory of images that is a link out of the common root."""
    return [
        Doubt(
            Doubted.LINK_OUT_OF_ROOT,
            f"{root.below(prefix).shown} is a link out of {root.shown}: --check-images header and decode will not follow it; "
            "build each source on its own",
            example=prefix,
        )
        for prefix in sorted(set(prefixes))
        if not within(root, prefix)
    ]


def _list_images(images: Location, config: ConvertConfig, options: StorageOptions) -> Listing | Doubt:
    """List a directory of images; a doubt where a web server gives no listing of it.

    Raises:
        StoreError: any other store does not list it.
    """
    try:
        return list_dataset(images, config, options)
    except StoreError as error:
        if images.on_the_web:
            message = (
                f"{error}; so each image is asked for by itself, and --if-changed always builds anew, as nothing "
                "tells whether images have changed"
            )
            return Doubt(Doubted.IMAGES_NOT_LISTED, message, example=images.shown)
        if isinstance(error, MissingFileError):
            raise MissingFileError(f"{error}; name the directory of the images with --images") from None
        raise


def _stored(root: Root, listed_of: Mapping[str, Listed], config: ConvertConfig) -> StoredImages | None:
    """Names that a file's images are compared with: the listing of the directory that they lie in."""
    if config.check_images == "none" or root.location.url not in listed_of:
        return None
    checked = config.check_images is not None
    return StoredImages(listed_of[root.location.url], root.location.url, checked, root.by_last)


def _no_train_split(config: ConvertConfig, files: Sequence[KnownFile]) -> list[Doubt]:
    """A doubt where there is nothing to train on, since a word of a file's name was taken as its split."""
    splits = {file.split for file in files}
    if config.split is not None or splits & {None, "train"}:
        return []
    doubtful = [file for file in files if split_is_doubtful(file.location.path)]
    if not doubtful:
        return []
    shown = doubtful[0].location.shown
    message = (
        f"{shown}: a word of its name, or its folder's, is taken as its split, {doubtful[0].split}, and no source gives a train split; if the "
        "word is of the subject, say --split train=1, or shares of several"
    )
    return [Doubt(Doubted.NO_TRAIN_SPLIT, message, len(doubtful), shown, "--split train=1")]


def _depends_on_images(config: ConvertConfig, files: Sequence[KnownFile]) -> bool:
    """Tell whether the build depends on the image files and not on the annotations alone, so that they are inputs too."""
    if config.check_images is not None and config.check_images != "none":
        return True
    sized = all(image.get("width") and image.get("height") for file in files for image in file.images)
    return config.copy_images is not None or (config.check_images is None and not sized)
