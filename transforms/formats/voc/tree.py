"""Pascal VOC as a source: which annotation files there are, and which image, mask, split and labels each has.

Planning works on names alone, and on the lists in `ImageSets`; the annotation files are read later, in parallel, by
`voc.units`.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.reasons import Skipped
from labelbeam.transforms.formats.paths import join, key_of
from labelbeam.transforms.formats.voc.folders import split_of_folder
from labelbeam.transforms.formats.voc.image_index import (
    Home,
    ImageIndex,
    home_of_xml,
    is_image,
    split_suffix,
    stem_of_xml,
)
from labelbeam.transforms.formats.voc.sets import ImageSets, Labels, lists_of_task, read_image_sets, some
from labelbeam.transforms.images.names import hidden
from labelbeam.transforms.messages.words import counted
from labelbeam.transforms.stores.paths import is_below

_SEGMENTATION = "image_instance_segmentation"
_MASK_FOLDER = "segmentationobject"


class VocItem(msgspec.Struct, frozen=True):
    """One annotation file to read.

    `xml` and `mask` are relative to the dataset's root. `image` is relative to the root of the listing that images were
    looked for in; it is None where the file's own name did not settle it, so that `<filename>` has to. `labels` are
    those of the per-class lists, None where there are none. An item with `skipped` need not be read at all: it counts
    as an image that was found and skipped.
    """

    xml: str
    image: str | None = None
    split: str | None = None
    mask: str | None = None
    labels: Labels | None = None
    skipped: Skipped | None = None


class VocPlan(NamedTuple):
    """Annotation files to read, in the order of the annotation files' paths.

    `images` is what `read_voc` finds images with, None where every item has its image.
    """

    items: list[VocItem]
    images: ImageIndex | None
    doubts: list[Doubt]


def plan_voc(
    files: Sequence[str], read: Callable[[str], bytes], task: str, image_files: Iterable[str] | None = None
) -> VocPlan:
    """Find the annotation files, and what belongs to each, in the listing of a dataset.

    `files` are all paths below the dataset's root, `/`-separated; `read` fetches the lists in `ImageSets`, and what it
    raises is passed on. `image_files` are the paths below the images' root where the images lie elsewhere; images'
    paths are relative to that root then, and to the dataset's otherwise. An empty listing says that the images cannot
    be listed: their paths then follow from the annotations.

    There may be several `Annotations` folders, each with the `JPEGImages`, `ImageSets` and `SegmentationObject` beside
    it; where there is none, every `.xml` is an annotation file. Where lists exist, they are the dataset: what they do
    not name is skipped. In VOC2012 that is five of six annotation files for segmentation. Without lists, folders called
    train, val and the like are the splits: those of annotation files, else those of images.
    """
    doubts: list[Doubt] = []
    files = sorted(path for path in files if not hidden(path))
    homes = _annotation_files(files, doubts)
    listing = files if image_files is None else (path for path in image_files if not hidden(path))
    names = {name for home in homes.values() for name in (home.name, home.inner)}
    images = ImageIndex(filter(is_image, listing), names, image_files is not None, _shared_stems(homes))
    masks = _masks(files) if task == _SEGMENTATION else {}
    sets = _image_sets(files, read, task, homes, doubts)

    items = []
    for xml, home in homes.items():
        of_root = sets[home.root]
        by_stem = images.by_stem(xml)
        image = by_stem[0] if len(by_stem) == 1 else None
        items.append(
            VocItem(
                xml,
                image=image,
                split=of_root.splits.get(xml) if of_root else split_of_folder(xml) or split_of_folder(image or ""),
                mask=masks.get(join(home.name, stem_of_xml(xml))) if masks else None,
                labels=of_root.labels.get(xml) if of_root and "classification" in task else None,
                skipped=Skipped.OUTSIDE_IMAGE_SETS if of_root and xml not in of_root.splits else None,
            )
        )
    of_images = Counter(item.image for item in items if item.image is not None and item.skipped is None)
    images.claimed = frozenset(of_images)
    if several := {item.xml for item in items if item.skipped is None and of_images[item.image or ""] > 1}:
        message = f"annotation files that are called like the image of another one, with which all are written: {some(several)}"
        doubts.append(Doubt(Doubted.IMAGE_OF_SEVERAL_FILES, message, len(several), min(several)))
    doubts += _what_is_missing(items, images)
    named = all(item.image is not None or item.skipped for item in items)
    return VocPlan(items, None if named else images, doubts)


def _shared_stems(homes: Mapping[str, Home]) -> set[str]:
    """The stems that annotation files of several homes have."""
    if len({home.name for home in set(homes.values())}) < 2:
        return set()
    seen: dict[str, str] = {}
    shared = set()
    for xml, home in homes.items():
        stem = key_of(stem_of_xml(xml))
        if seen.setdefault(stem, home.name) != home.name:
            shared.add(stem)
    return shared


def _annotation_files(files: Sequence[str], doubts: list[Doubt]) -> dict[str, Home]:
    homes = {path: home_of_xml(path) for path in files if path.lower().endswith(".xml")}
    inside = {path: home for path, home in homes.items() if "annotation" in home.folder.lower()}
    if inside and (outside := homes.keys() - inside.keys()):
        message = f"XML files not read, since they lie outside of Annotations: {some(outside)}"
        doubts.append(Doubt(Doubted.OUTSIDE_ANNOTATIONS, message, len(outside), min(outside)))
    return inside or homes


def _image_sets(
    files: Sequence[str],
    read: Callable[[str], bytes],
    task: str,
    homes: dict[str, Home],
    doubts: list[Doubt],
) -> dict[str, ImageSets | None]:
    """The image sets of each root: those beside it, else the next ones above. A sole set of lists is a sole root's wherever it lies."""
    lists, unknown = lists_of_task(files, task)
    by_root: dict[str, dict[str, str]] = {}
    for xml, home in homes.items():
        by_root.setdefault(home.root, {})[join(home.inner, stem_of_xml(xml))] = xml
    if len(by_root) == len(lists) == 1:
        lists = dict(zip(by_root, lists.values(), strict=True))
    sets: dict[str, ImageSets | None] = dict.fromkeys(by_root)
    unread = [path for paths in unknown.values() for path in paths]
    for place, paths in sorted(lists.items()):
        roots = [root for root in by_root if _next_above(root, lists) == place]
        if len(roots) == 1:
            xmls = by_root[roots[0]]
        else:
            xmls = {
                join(root, identity) if root != place else identity: xml
                for root in roots
                for identity, xml in by_root[root].items()
            }
        if xmls:
            sets |= dict.fromkeys(roots, read_image_sets(paths, read, task, xmls, doubts))
        else:
            unread += paths
    if unread and None in sets.values():
        message = f"lists that may say which split images are of, and were not read, since several may count or none lies beside Annotations: {some(unread)}"
        doubts.append(Doubt(Doubted.LISTS_NOT_READ, message, len(unread), min(unread)))
    return sets


def _next_above(root: str, lists: Collection[str]) -> str | None:
    """The deepest place of lists that is a root or lies above it."""
    above = [place for place in lists if is_below(root, place)]
    return max(above, key=len) if above else None


def _masks(files: Iterable[str]) -> dict[str, str]:
    """Masks by the home and stem of their annotation file."""
    masks = {}
    for path in files:
        stem, suffix = split_suffix(path, (".png",))
        folders = stem.split("/")
        lower = [folder.lower() for folder in folders[:-1]]
        if suffix and _MASK_FOLDER in lower:
            del folders[lower.index(_MASK_FOLDER)]
            masks["/".join(folders)] = path
    return masks


def _what_is_missing(items: Sequence[VocItem], images: ImageIndex) -> Iterable[Doubt]:
    outside = [item.xml for item in items if item.skipped]
    if outside:
        message = f"annotation files skipped, since no list in ImageSets names them: {some(outside)}"
        yield Doubt(Doubted.OUTSIDE_LISTS, message, len(outside), min(outside))
    unnamed = sum(item.image is None for item in items)
    # A name in another case is found later: such an image is no example.
    later = {_bare(item.xml) for item in items if item.image is None}
    spare = images.paths - {item.image for item in items}
    if len(spare) > unnamed:
        least = "at least " if unnamed else ""
        count = len(spare) - unnamed
        message = f"not read, since they have no annotation file: {least}{counted(count, 'image')}"
        yield Doubt(
            Doubted.IMAGES_WITHOUT_ANNOTATION,
            message,
            count,
            min({path for path in spare if _bare(path) not in later} or spare),
        )


def _bare(path: str) -> str:
    """The name of a file without folders and extension, by what names in another case have in common."""
    return key_of(posixpath.basename(path).rpartition(".")[0])
