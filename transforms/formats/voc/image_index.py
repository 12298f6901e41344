"""Which image an annotation file of Pascal VOC belongs to, from the listing alone.

The annotation file's own name decides first, then its `<filename>`. Both are compared within a *home*: the directory
without the component that only says what lies in it, so that `VOC2012/Annotations/a/1.xml` and
`VOC2012/JPEGImages/a/1.jpg` share the home `VOC2012/a`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

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

_IMAGE_FOLDERS = {"jpegimages": 0, "images": 1, "image": 1, "imgs": 1, "img": 1}
_BESIDE = 2
_ANNOTATION_FOLDERS = {"annotations": 3, "annotation": 3}
_FOLDERS = _IMAGE_FOLDERS | _ANNOTATION_FOLDERS
"""Folders that say what lies in them, and how good a place for an image each is: lower is better."""
_MASK_FOLDERS = ("segmentationclass", "segmentationobject")
_ABSOLUTE = re.compile(r"/|[A-Za-z]:/")


class Home(NamedTuple):
    """Where an annotation file lies: in directory `inner` of the annotation folder `folder` of a dataset `root`.

    Each is "" where there is none.
    """

    root: str
    folder: str
    inner: str

    @property
    def name(self) -> str:
        """The directory without the annotation folder."""
        return join(self.root, self.inner)


def join(*parts: str) -> str:
    """Join those parts of a path that are not empty."""
    return "/".join(part for part in parts if part)


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

    >>> home_of_xml("VOC2012/Annotations/a/1.xml"), home_of_xml("train/1.xml")
    (Home(root='VOC2012', folder='Annotations', inner='a'), Home(root='', folder='', inner='train'))
    """
    folders = path.split("/")[:-1]
    for depth, folder in enumerate(folders):
        if folder.lower() in _ANNOTATION_FOLDERS:
            return Home("/".join(folders[:depth]), folder, "/".join(folders[depth + 1 :]))
    return Home("", "", "/".join(folders))


def home_of_image(path: str) -> str:
    """The directory of an image without the first component that says what lies in it.

    >>> home_of_image("VOC2012/JPEGImages/a/1.jpg")
    'VOC2012/a'
    """
    return _place(path)[0]


def is_image(path: str) -> bool:
    """Whether the name is an image's. Masks have such names too and are known by their folder."""
    return split_suffix(path)[1] != "" and not any(part.lower() in _MASK_FOLDERS for part in path.split("/")[:-1])


class ImageIndex:
    """The images of a listing, found by name.

    `homes` are the names of all annotation files' homes: an image in one of them belongs to the annotation files there,
    so that none from elsewhere takes it. `images_only` says that the listing is of a place for images, which does not
    hold the annotations. Pickles as lists of names.
    """

    def __init__(self, images: Iterable[str], homes: Iterable[str], images_only: bool = False) -> None:
        """Index `images`, in whatever order they come."""
        self._images = sorted(images)
        self._homes = frozenset(homes)
        self._images_only = images_only
        self._by_name: dict[str, list[str]] = {}
        for image in self._images:
            self._by_name.setdefault(_key(_stem(image)), []).append(image)

    def __reduce__(self) -> tuple[type[ImageIndex], tuple[list[str], list[str], bool]]:
        """Leave the dictionary out: it is several times the names."""
        return ImageIndex, (self._images, sorted(self._homes), self._images_only)

    def __len__(self) -> int:
        """Images in the listing."""
        return len(self._images)

    @property
    def paths(self) -> frozenset[str]:
        """The listing."""
        return frozenset(self._images)

    def by_stem(self, xml: str) -> list[str]:
        """Images of the annotation file's own name: none, one, or several between which `<filename>` has to decide."""
        home = home_of_xml(xml)
        stem = stem_of_xml(xml)
        found = [image for image in self._by_name.get(_key(stem), ()) if _stem(image) == stem]
        return self._near(found, (home.name, home.inner))

    def find(self, xml: str, filename: str) -> tuple[str, bool] | None:
        """Find the image of an annotation file whose `<filename>` is known ("" where it has none).

        Returns its path as listed, and whether it is listed under another case or extension than named; None where
        there is none, or several between which nothing decides.
        """
        named = as_relative(filename)
        directory, last = named.rpartition("/")[::2]
        if by_stem := self.by_stem(xml):
            return next((image for image in by_stem if _last(image) == last), by_stem[0]), False
        home = home_of_xml(xml)
        if last:
            inner = home_of_image(named) if directory else ""
            homes = [join(outer, inner) for outer in (home.name, home.inner, home.root, "")]
            names = dict.fromkeys((_key(last), _key(split_suffix(last)[0])))
            found = [image for name in names for image in self._by_name.get(name, ())]
            if near := self._near([image for image in found if _last(image) == last], homes):
                return near[0], False
            if near := self._near(found, homes):
                return near[0], True
        near = self._near(self._by_name.get(_key(stem_of_xml(xml)), []), (home.name, home.inner))
        return (near[0], True) if near else None

    def convention(self, xml: str, filename: str) -> str:
        """Path of an image that no listing shows: `JPEGImages/<filename>`; without that, the stem with `.jpg`."""
        home = home_of_xml(xml)
        named = as_relative(filename) or stem_of_xml(xml)
        if "://" in named:
            return named
        if not split_suffix(named)[1]:
            named += ".jpg"
        inner = "" if "/" in named else home.inner
        if self._images_only:
            return join(inner, named)
        in_folder = named.split("/")[0].lower() in _IMAGE_FOLDERS
        return join(home.root, "JPEGImages" if home.folder and not in_folder else "", inner, named)

    def _near(self, images: Sequence[str], homes: Iterable[str]) -> list[str]:
        """Those of `images` in the first of `homes` that has any, in the best folder there; else a sole one elsewhere."""
        places = [(*_place(image), image) for image in images]
        for home in homes:
            if here := _best([(rank, image) for place, rank, image in places if place == home]):
                return here
        elsewhere = _best([(rank, image) for place, rank, image in places if place not in self._homes])
        return elsewhere if len(elsewhere) == 1 else []


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


def _place(image: str) -> tuple[str, int]:
    """Home of an image, and how good the folder is that it lies in: lower is better."""
    folders = image.split("/")[:-1]
    for depth, folder in enumerate(folders):
        rank = _FOLDERS.get(folder.lower())
        if rank is not None:
            return "/".join(folders[:depth] + folders[depth + 1 :]), rank
    return "/".join(folders), _BESIDE


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(image: str) -> str:
    return _last(split_suffix(image)[0])


def _key(name: str) -> str:
    """What names in another case, or composed otherwise (macOS), have in common."""
    return unicodedata.normalize("NFC", name).casefold()
