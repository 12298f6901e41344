"""The directory of a COCO file's images."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from labelbeam.schemas.config import SPLIT_ALIASES, ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.coco.file import KnownFile
from labelbeam.transforms.formats.coco.names import ANNOTATION_FOLDERS, COCO_YEAR
from labelbeam.transforms.images.names import image_path
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import kind
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.threads import in_threads

_IMAGE_FOLDERS = ("images", "Images", "img", "imgs", "JPEGImages", "data")


def find_images_root(config: ConvertConfig, options: StorageOptions, file: KnownFile, warnings: list[str]) -> Location:
    """Where the images of a COCO file lie: --images, or the first of the usual places that holds one of its first images."""
    named = [image["file_name"] for image in file.images if isinstance(image.get("file_name"), str)]
    names = [path for name in named if "://" not in name and (path := image_path(name, "")[0])]
    places = _usual_places(file) if config.images is None else [locate(config.images, options)]
    for name in names:
        there = in_threads(_is_there, [place.below(name) for place in places])
        if any(there):
            return places[there.index(True)]
    year = COCO_YEAR.search(posixpath.basename(file.location.path))
    root = places[0]
    above = root.parent
    if config.images is None and year and above and posixpath.basename(root.path) in ANNOTATION_FOLDERS:
        root = above.below(year[0])
    if names and config.image_url is None:
        where = f"below {root.shown}" if config.images else f"in any of the usual places around {file.location.shown}"
        warnings.append(
            f"the image {names[0]!r} was not found {where}; image_url says {root.shown}: see whether they are there, or "
            "name their directory with --images, or where the trainer finds them with --image-url"
        )
    return root


def _usual_places(file: KnownFile) -> list[Location]:
    """The directories where images lie by the conventions of the format, the likeliest first."""
    year = COCO_YEAR.search(posixpath.basename(file.location.path))
    own = [year[0]] if year else []
    own += [alias for alias, split in SPLIT_ALIASES.items() if split == file.split]
    names = [*own, *(f"images/{name}" for name in own), *_IMAGE_FOLDERS]
    here = file.location.parent
    if here is None:
        raise UsageError(f"{file.location.shown}: has no directory around it; name that of the images with --images")
    places = [here, *(here.below(name) for name in names)]
    if (above := here.parent) is not None:
        places += [*(above.below(name) for name in names), above]
    return places


def _is_there(file: Location) -> bool:
    try:
        return kind(file) == "file"
    except StoreError:
        return False  # A place that cannot be looked at is not where the images are.


def common_root(roots: Sequence[Location]) -> tuple[Location, list[str]]:
    """The deepest directory above all roots, and what leads from it to each, as a prefix of paths.

    Raises:
        UsageError: there is none.
    """
    common: Location | None = roots[0]
    while common is not None and not all(common.holds(root) for root in roots):
        common = common.parent
    if common is None:
        shown = ", ".join(sorted({root.shown for root in roots}))
        raise UsageError(
            f"--source: the images lie in {shown}, which no one directory holds; name it with --images, or build each "
            "source on its own"
        )
    prefixes = [root.path[len(common.path) :].strip("/") for root in roots]
    return common, [f"{prefix}/" if prefix else "" for prefix in prefixes]


def distinct_roots(roots: Sequence[Location], prefixes: Sequence[str]) -> list[tuple[Location, str]]:
    """The roots without those that lie in another one, so that each directory is listed once."""
    by_path = {root.path: (root, prefix) for root, prefix in zip(roots, prefixes, strict=True)}
    return [
        (root, prefix)
        for root, prefix in by_path.values()
        if not any(other.path != root.path and other.holds(root) for other, _ in by_path.values())
    ]
