"""Pair annotation files of Pascal VOC with images, from the listing alone.

The annotation file's own name decides first, then its `<filename>`. Both are compared within a *home*: the directory
without the words that only say what lies in it, so that `VOC2012/Annotations/a/1.xml` and
`VOC2012/JPEGImages/a/1.jpg` share the home `VOC2012/a`, and `train_labels/1.xml` and `train/images/1.jpg` the home `train`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

from labelbeam.transforms.formats.paths import join, key_of
from labelbeam.transforms.formats.voc.folders import ANNOTATIONS, BESIDE, KINDS, bare_path, rank_of, split_of_folder

IMAGE_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".png",
        ".jpe",
        ".jfif",
        ".bmp",
        ".tif",
        ".tiff",
        ".gif",
        ".webp",
        ".avif",
        ".heic",
        ".heif",
        ".jp2",
        ".ppm",
        ".pgm",
    ]
)
"""What an image's name ends in, in lower case; also of formats that are rejected later, with that reason."""

_MASK_FOLDERS = ("segmentationclass", "segmentationobject")
_WORD = re.compile(r"[^\W_]+")
_ABSOLUTE = re.compile(r"/|[A-Za-z]:/")


class Home(NamedTuple):
    """Place of an annotation file: directory `inner` of the annotation folder `folder` of a dataset `root`.

    Each is "" where there is none.
    """

    root: str
    folder: str
    inner: str

    @property
    def name(self) -> str:
        """The home: what annotation files and images of one place have in common."""
        return _name_of(self)


@lru_cache(4096)
def _name_of(home: Home) -> str:
    return bare_path(join(home.root, home.folder, home.inner))


def split_suffix(name: str, suffixes: Collection[str] = IMAGE_SUFFIXES) -> tuple[str, str]:
    """Split off what follows the last dot if it is one of `suffixes` in any case: a dot alone makes no suffix.

    >>> split_suffix("a/b.JPG"), split_suffix("frame.0001")
    (('a/b', '.JPG'), ('frame.0001', ''))
    """
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if (dot + suffix).lower() in suffixes else (name, "")


def stem_of_xml(path: str) -> str:
    """Name of an annotation file without directory and `.xml`."""
    return split_suffix(path, (".xml",))[0].rpartition("/")[2]


def home_of_xml(path: str) -> Home:
    """Split an annotation file's directory at its annotation folder; without one, the root is the dataset's.

    >>> home_of_xml("VOC2012/Annotations/a/1.xml"), home_of_xml("a/1.xml")
    (Home(root='VOC2012', folder='Annotations', inner='a'), Home(root='', folder='', inner='a'))
    """
    return _home_of(path.rpartition("/")[0])


@lru_cache(4096)
def _home_of(directory: str) -> Home:
    folders = directory.split("/")
    for depth, folder in enumerate(folders):
        if rank_of(folder) == ANNOTATIONS:
            return Home("/".join(folders[:depth]), folder, "/".join(folders[depth + 1 :]))
    return Home("", "", directory)


def home_of_image(path: str) -> str:
    """The directory of an image without what only says what lies in it.

    >>> home_of_image("VOC2012/JPEGImages/a/1.jpg"), home_of_image("train_images/1.jpg")
    ('VOC2012/a', 'train')
    """
    return bare_path(path.rpartition("/")[0])


def is_image(path: str) -> bool:
    """Tell whether the name is an image's. Masks have such names too and are known by their folder."""
    return split_suffix(path)[1] != "" and not _are_of_masks(path.rpartition("/")[0])


@lru_cache(4096)
def _are_of_masks(folders: str) -> bool:
    return any(folder.lower() in _MASK_FOLDERS for folder in folders.split("/"))


class Found(NamedTuple):
    """The image of an annotation file: its path as listed, None where there is none; or `candidates` that nothing decides between.

    `by_other_name`: it is listed under another case or extension than named.
    """

    path: str | None
    by_other_name: bool = False
    candidates: tuple[str, ...] = ()


class ImageIndex:
    """The images of a listing, found by name.

    `homes` are the names of all annotation files' homes: an image in one of them belongs to the annotation files there,
    so that none from elsewhere takes it. `shared` are the stems, as `key_of` makes them, that annotation files of several homes
    have: an image elsewhere belongs to none of them. `claimed` are the images that annotation files are called like. `images_only` says that the listing is of a place for images, which does not
    hold the annotations. Pickles as lists of names.
    """

    def __init__(
        self,
        images: Iterable[str],
        homes: Iterable[str],
        images_only: bool = False,
        shared: Iterable[str] = (),
        claimed: Iterable[str] = (),
    ) -> None:
        """Index `images`, in whatever order they come."""
        self._images = sorted(images)
        self._homes = frozenset(homes)
        self._images_only = images_only
        self._shared = frozenset(shared)
        self.claimed = frozenset(claimed)
        self._related: dict[tuple[str, str], bool] = {}
        self._by_name: dict[str, list[str]] = {}
        for image in self._images:
            self._by_name.setdefault(key_of(_stem(image)), []).append(image)

    def __reduce__(self) -> tuple[type[ImageIndex], tuple[list[str], list[str], bool, list[str], list[str]]]:
        """Leave the dictionary out: it is several times the names."""
        names = sorted(self._homes), self._images_only, sorted(self._shared), sorted(self.claimed)
        return ImageIndex, (self._images, *names)

    def __len__(self) -> int:
        """Images in the listing."""
        return len(self._images)

    @property
    def paths(self) -> frozenset[str]:
        """The listing."""
        return frozenset(self._images)

    def by_stem(self, xml: str) -> list[str]:
        """Images of the annotation file's own name: none, one, or several between which `<filename>` has to decide."""
        stem = stem_of_xml(xml)
        key = key_of(stem)
        found = [image for image in self._by_name.get(key, ()) if _stem(image) == stem]
        if len(found) != 1 or key in self._shared:
            return self._of_stem(xml, found)
        # Whether a sole image belongs to it is a matter of their folders.
        folders = xml.rpartition("/")[0], found[0].rpartition("/")[0]
        if folders not in self._related:
            self._related[folders] = bool(self._of_stem(xml, found))
        return found if self._related[folders] else []

    def find(self, xml: str, filename: str) -> Found:
        """Find the image of an annotation file whose `<filename>` is known ("" where it has none)."""
        named = as_relative(filename)
        directory, last = named.rpartition("/")[::2]
        if by_stem := self.by_stem(xml):
            return _sole([image for image in by_stem if _last(image) == last] or by_stem)
        home = home_of_xml(xml)
        if last:
            inner = home_of_image(named) if directory else ""
            homes = [join(outer, inner) for outer in (home.name, bare_path(home.inner), bare_path(home.root), "")]
            names = dict.fromkeys((key_of(last), key_of(split_suffix(last)[0])))
            found = [image for name in names for image in self._by_name.get(name, ())]
            if near := self._near(xml, [image for image in found if _last(image) == last], homes):
                return _sole(near)
            if near := self._near(xml, found, homes):
                return _sole(near, by_other_name=True)
        stem = stem_of_xml(xml)
        # `1.jpg.xml` is called like an image with its suffix.
        called = self._by_name.get(key_of(stem)) or self._by_name.get(key_of(split_suffix(stem)[0]), [])
        if near := self._of_stem(xml, called):
            return _sole(near, by_other_name=True)
        if decoded := self._decoded(xml, last, stem):
            return _sole(decoded, by_other_name=True)
        here = [image for image in called if not _other_split(xml, image) and home_of_image(image) not in self._homes]
        return Found(None, candidates=tuple(here))

    def _decoded(self, xml: str, last: str, stem: str) -> list[str]:
        """Images that a percent-encoded name means, as servers of images write them, also with + for a blank."""
        for name, decode in ((name, decode) for decode in (unquote, unquote_plus) for name in (last, stem)):
            plain = decode(name)
            if plain != name and "/" not in plain:
                called = self._by_name.get(key_of(split_suffix(plain)[0]), [])
                if near := self._near(xml, called, (home_of_xml(xml).name,)):
                    return near
        return []

    def convention(self, xml: str, filename: str) -> str:
        """Path of an image that no listing shows: by `<filename>`, else the stem with `.jpg`, where others of its home lie.

        Without any others, `JPEGImages` stands for `Annotations`, and `images` for what is called otherwise.
        """
        home = home_of_xml(xml)
        named = as_relative(filename) or stem_of_xml(xml)
        if "://" in named:
            return named
        if not split_suffix(named)[1]:
            named += ".jpg"
        if self._images_only:
            return join("" if "/" in named else home.inner, named)
        if "/" in named:
            in_folder = rank_of(named.split("/")[0]) < BESIDE
            return join(home.root, "JPEGImages" if home.folder and not in_folder else "", named)
        others = _best([(_rank(image), image) for image in self._images if home_of_image(image) == home.name])
        if others:
            return join(others[0].rpartition("/")[0], named)
        return join(home.root, _images_for(home.folder), home.inner, named)

    def _of_stem(self, xml: str, images: Sequence[str]) -> list[str]:
        """Those of `images`, called like an annotation file, that belong to it."""
        home = home_of_xml(xml)
        if key_of(stem_of_xml(xml)) in self._shared:
            return _best([(_rank(image), image) for image in images if home_of_image(image) == home.name])
        return self._near(xml, images, (home.name, bare_path(home.inner)))

    def _near(self, xml: str, images: Sequence[str], homes: Iterable[str]) -> list[str]:
        """Those of `images` in the first of `homes` that has any, in the best folder there; else a sole one elsewhere.

        Never one of another split.
        """
        places = [(home_of_image(image), _rank(image), image) for image in images if not _other_split(xml, image)]
        for home in homes:
            if here := _best([(rank, image) for place, rank, image in places if place == home]):
                return here
        elsewhere = _best([(rank, image) for place, rank, image in places if place not in self._homes])
        return elsewhere if len(elsewhere) == 1 else []


def _sole(images: Sequence[str], by_other_name: bool = False) -> Found:
    return Found(images[0], by_other_name) if len(images) == 1 else Found(None, candidates=tuple(images))


def _best(ranked: Sequence[tuple[int, str]]) -> list[str]:
    best = min(ranked, default=(0, ""))[0]
    return [image for rank, image in ranked if rank == best]


def as_relative(filename: str) -> str:
    """`<filename>` with `/`, without `./`; of an absolute one only the name, since its folders are of another machine.

    >>> as_relative(".\\\\a\\\\1.jpg"), as_relative("C:\\\\photos\\\\1.jpg")
    ('a/1.jpg', '1.jpg')
    """
    path = filename.replace("\\", "/")
    return _last(path) if _ABSOLUTE.match(path) else path.removeprefix("./")


def _rank(image: str) -> int:
    """Rank of the folder that an image lies in: lower is better."""
    return _rank_of_folders(image.rpartition("/")[0])


@lru_cache(4096)
def _rank_of_folders(folders: str) -> int:
    return next((rank for folder in folders.split("/") if (rank := rank_of(folder)) != BESIDE), BESIDE)


def _images_for(folder: str) -> str:
    """The folder of images for one of annotations, by its name.

    >>> _images_for("Annotations"), _images_for("train_labels"), _images_for("")
    ('JPEGImages', 'train_images', '')
    """
    if folder.lower() == "annotations":
        return "JPEGImages"
    return _WORD.sub(lambda word: "images" if word[0].lower() in KINDS else word[0], folder)


def _other_split(xml: str, image: str) -> bool:
    """Tell whether the folders of an annotation file and of an image name two splits."""
    one, other = split_of_folder(xml), split_of_folder(image)
    return one is not None and other is not None and one != other


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(image: str) -> str:
    return _last(split_suffix(image)[0])
