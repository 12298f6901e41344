"""The directory of a COCO file's images."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from labelbeam.schemas.config import SPLIT_ALIASES, ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.coco.file import KnownFile, Record
from labelbeam.transforms.formats.coco.foreign_names import part_below
from labelbeam.transforms.formats.coco.listed_places import places_listed
from labelbeam.transforms.formats.coco.names import ANNOTATION_FOLDERS, COCO_YEAR, subset_of_name
from labelbeam.transforms.formats.coco.records import image_name, name_of_url
from labelbeam.transforms.formats.coco.store_names import with_double_slashes, without_year, written_alike
from labelbeam.transforms.formats.declared_sizes import sizes_that_differ
from labelbeam.transforms.images.names import image_path
from labelbeam.transforms.stores.errors import StoreError
from labelbeam.transforms.stores.files import kind
from labelbeam.transforms.stores.listing import Listing
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.threads import in_threads

_IMAGE_FOLDERS = ("images", "Images", "img", "imgs", "JPEGImages", "data")
_OF_COCO = re.compile(r"(?:^|[/_])\d{12}\.jpg$")
"""The names of COCO's own images, which others have annotated as well."""

_LOOKED_FOR = 5
"""Images of a file that are looked for in all places; the one that holds one of them is asked for more."""

_LOOKED_FOR_ALIKE = 2
"""Likewise, once none of them was found by its own name."""

Spellings: TypeAlias = tuple[str, ...]
"""The path of an image as its record has it, and how a store may have it otherwise."""


class Root(NamedTuple):
    """Place of a file's images.

    `seen`: whether any of its first images was found there. `all_seen`: whether all of them were. `flat`: whether names that
    the records have from a URL are those of files without the URL's folder. `by_last`: whether none was found in the folders
    that its name gives, and all that were found lie elsewhere under the last part of it.
    """

    location: Location
    seen: bool
    all_seen: bool
    flat: bool = False
    by_last: bool = False


def find_images_root(
    config: ConvertConfig,
    options: StorageOptions,
    file: KnownFile,
    doubts: list[Doubt],
    listed: Sequence[tuple[Location, Listing]] = (),
) -> Root:
    """Find the directory of a COCO file's images: --images, or the first of the usual places that holds most of its first images.

    Where none does, it is the directory among those `listed` that does, whatever it is called; of one in another split never.
    """
    sample = [(spelled, image) for image in file.images if (spelled := _spellings(image))]
    names = list(dict.fromkeys(spelled for spelled, _ in sample))
    places = _usual_places(file) if config.images is None else [locate(config.images, options)]
    if (found := _first_of(places, sample, names, config, doubts)) is not None:
        return found
    if config.images is None and (others := places_listed(file.split, [spelled[0] for spelled in names], listed)):
        found = _first_of(others, sample, names, config, doubts)
        if found is not None:
            return found
    if (alike := _called_alike(places, names, doubts)) is not None:
        return alike
    foreign = all(_is_foreign(image) for _, image in sample)
    if (elsewhere := _in_other_folders(places, names, file, foreign, doubts)) is not None:
        return elsewhere
    year = COCO_YEAR.search(posixpath.basename(file.location.path))
    root = places[0]
    above = root.parent
    if config.images is None and year and above and posixpath.basename(root.path) in ANNOTATION_FOLDERS:
        root = above.below(year[0])
    if names and config.image_url is None:
        where = f"below {root.shown}" if config.images else f"in any of the usual places around {file.location.shown}"
        message = (
            f"the image {names[0][0]!r} was not found {where}; image URLs begin with {root.shown}: check that the images are there, or "
            "name their directory with --images, or the URL prefix for the trainer with --image-url"
        )
        doubts.append(Doubt(Doubted.IMAGES_NOT_FOUND, message, len(names), names[0][0], "--images"))
    return Root(root, False, False)


def _first_of(
    places: Sequence[Location],
    sample: Sequence[tuple[Spellings, Record]],
    names: Sequence[Spellings],
    config: ConvertConfig,
    doubts: list[Doubt],
) -> Root | None:
    """The place that holds most of the images, of those that hold one of the first; None where none does."""
    for name in names[:_LOOKED_FOR]:
        there = in_threads(partial(_found, spelled=name), places)
        candidates = [place for place, found in zip(places, there, strict=True) if found is not None]
        if not candidates:
            continue
        root, held = _fullest(candidates, names, doubts)
        if config.check_images is None:
            doubts += _sizes_that_differ(root, [(held[one], image) for one, image in sample if one in held])
        flat = all(_from_url(image) for _, image in sample) and all(
            found == posixpath.basename(found) != spelled[0] for spelled, found in held.items()
        )
        exact = {
            found for spelled, found in held.items() if found == spelled[0] or found.replace("//", "/") == spelled[0]
        }
        by_last = not exact and not all(_from_url(image) for _, image in sample)
        all_seen = len(held) == len(names) and not by_last and not any(_is_foreign(image) for _, image in sample)
        return Root(root, True, all_seen, flat, by_last)
    return None


def _called_alike(places: Sequence[Location], names: Sequence[Spellings], doubts: list[Doubt]) -> Root | None:
    """The place that holds images in another letter case, Unicode form or extension, or by a decoded name; None where none does.

    The listing then tells how it has each of them.
    """
    alike = {others: spelled for spelled in names if (others := written_alike(spelled[0], places[0].local))}
    for spelled in list(alike)[:_LOOKED_FOR_ALIKE]:
        there = in_threads(partial(_found, spelled=spelled), places)
        found = [place for place, path in zip(places, there, strict=True) if path is not None]
        if found:
            return Root(_fullest(found, list(alike), doubts)[0], True, False)
    return None


def _in_other_folders(
    places: Sequence[Location], names: Sequence[Spellings], file: KnownFile, foreign: bool, doubts: list[Doubt]
) -> Root | None:
    """The place that holds images by the last part of their names, without some of the folders before it; None where none does.

    Tools that export write the folders of their own server, and another number of them than they pack.
    """
    written = {others: spelled[0] for spelled in names if (others := _without_folders(spelled[0]))}
    shorter = list(written)
    for spelled in shorter[:_LOOKED_FOR]:
        there = in_threads(partial(_found, spelled=spelled), places)
        found = [place for place, path in zip(places, there, strict=True) if path is not None]
        if not found:
            continue
        root, held = _fullest(found, shorter, doubts)
        first = next(iter(held))
        message = (
            f"{file.location.shown}: of its first {len(names)} images none lies in the folders that its name gives, such as "
            f"{written[first]!r}; {len(held)} lie below {root.shown} under the last part of it, as {held[first]!r}; images are found by "
            "that part alone, where only one file has it"
        )
        if not foreign:  # Of these it is told once all are looked for.
            doubts.append(Doubt(Doubted.IMAGES_IN_OTHER_FOLDERS, message, len(held), written[first], "--images"))
        return Root(root, True, False, by_last=True)
    return None


def _without_folders(path: str) -> Spellings:
    """A path without one or more of its folders, those that keep the most of its beginning first; nothing where it has none.

    >>> _without_folders("images/1/a.jpg"), _without_folders("a.jpg")
    (('images/a.jpg', '1/a.jpg', 'a.jpg'), ())
    """
    *folders, last = path.split("/")
    beginnings = ["/".join([*folders[:count], last]) for count in range(len(folders) - 1, 0, -1)]
    ends = ["/".join([*folders[count:], last]) for count in range(1, len(folders) + 1)]
    return tuple(dict.fromkeys([*beginnings, *ends])) if folders else ()


def _is_foreign(image: Record) -> bool:
    """Tell whether a record names its image by an absolute path, or by one that leads out."""
    name = image_name(image)
    return isinstance(name, str) and part_below(name) is not None


def _from_url(image: Record) -> bool:
    """Tell whether a record has its image's name from a URL alone, as in LVIS."""
    return image.get("file_name") is None


def _spellings(image: Record) -> Spellings:
    """The path of an image, and how a store may have it otherwise; nothing where it has none."""
    name = image_name(image)
    if not isinstance(name, str):
        return ()
    path = part_below(name) or (None if "://" in name else image_path(name, "")[0])
    if path is None:
        return ()
    others = [without_year(path)]
    others += [posixpath.basename(path)] if _from_url(image) else [by_url] if (by_url := name_of_url(image)) else []
    return tuple(dict.fromkeys([path, *filter(None, [with_double_slashes(name)]), *others]))


def _found(place: Location, spelled: Spellings) -> str | None:
    """The first of the spellings by which an image is there."""
    return next((path for path in spelled if _is_there(place.below(path))), None)


def _fullest(
    candidates: Sequence[Location], names: Sequence[Spellings], doubts: list[Doubt]
) -> tuple[Location, dict[Spellings, str]]:
    """The first of the places that hold most of the images, and how it has those that it holds."""
    wanted = [(place, spelled) for place in candidates for spelled in names]
    there = in_threads(lambda each: _found(*each), wanted)
    held: dict[str, dict[Spellings, str]] = {place.url: {} for place in candidates}
    for (place, spelled), found in zip(wanted, there, strict=True):
        if found is not None:
            held[place.url][spelled] = found
    rank = {
        url: (len(found), sum(path == spelled[0] for spelled, path in found.items())) for url, found in held.items()
    }
    best = max(rank.values())
    most = best[0]
    full = [place for place in candidates if rank[place.url] == best]
    example = min(held[full[0].url].values())
    lying = {place.below(min(held[place.url].values())).path.casefold() for place in full}
    if len({place.path.casefold() for place in full}) > 1 and len(lying) > 1:
        message = (
            f"{example!r} and others lie in {' and in '.join(place.shown for place in full)}; the images are taken from "
            f"{full[0].shown}; if that is wrong, name their directory with --images"
        )
        doubts.append(Doubt(Doubted.IMAGES_IN_SEVERAL_PLACES, message, most, example, f"--images {full[0].shown}"))
    return full[0], held[full[0].url]


def _sizes_that_differ(root: Location, sample: Sequence[tuple[str, Record]]) -> list[Doubt]:
    """A doubt where the first images are of another size than declared, which costs a look at a few of them."""
    declared = [
        (path, (image["width"], image["height"]))
        for path, image in sample
        if all(type(image.get(side)) is int and image[side] > 0 for side in ("width", "height"))
    ]
    messages, looked_at = sizes_that_differ(root, declared)
    if not messages:
        return []
    message = (
        f"{len(messages)} of the first {looked_at} images are of another size than declared: {messages[0]}; coordinates "
        "are divided by the declared width and height; --check-images header compares each image and rejects those"
    )
    return [Doubt(Doubted.DECLARED_SIZE_DIFFERS, message, len(messages), messages[0], "--check-images header")]


def _usual_places(file: KnownFile) -> list[Location]:
    """The directories where images lie by the conventions of the format, the likeliest first."""
    year = COCO_YEAR.search(posixpath.basename(file.location.path))
    own = [year[0]] if year else []
    subset = subset_of_name(file.location.path)
    own += [subset] if subset else []
    own += [alias for alias, split in SPLIT_ALIASES.items() if split == file.split]
    own += [name.capitalize() for name in own]
    names = [
        *dict.fromkeys(
            f"{outer}{name}{inner}" for inner in ("", "/images") for outer in ("", "images/", "Images/") for name in own
        )
    ]
    names += _IMAGE_FOLDERS
    if any(_OF_COCO.search(str(image_name(image))) for image in file.images[:1]):
        names += [f"{outer}{subset}2017" for outer in ("", "images/") for subset in ("train", "val", "test")]
    here = file.location.parent
    if here is None:
        raise UsageError(f"{file.location.shown}: has no directory around it; name that of the images with --images")
    places = [here, *(here.below(name) for name in names)]
    if (above := here.parent) is not None:
        places += [*(above.below(name) for name in names), above]
        if (top := above.parent) is not None:
            places.append(top)
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
