"""Names of images as the store has them, where a COCO file writes them otherwise: the store decides what is written."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from urllib.parse import unquote, unquote_plus

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.images.names import extension, is_image
from labelbeam.transforms.stores.paths import safe_relative


def with_double_slashes(name: str) -> str | None:
    """The path of a name with the empty parts that it has, which in an object store are parts like others; None where it has none.

    >>> with_double_slashes("a//b/./c.jpg"), with_double_slashes("a/b.jpg"), with_double_slashes("//a.jpg")
    ('a//b/c.jpg', None, None)
    """
    path = name.replace("\\", "/")
    if "//" not in path or "://" in path or safe_relative(path) is None:
        return None
    return "/".join(part for part in path.split("/") if part != ".")


_OF_2014 = re.compile(r"(^|/)COCO_(?:train|val|test)\d{4}_(?=\d{12}\.)")


def without_year(path: str) -> str:
    """The name that an image of COCO 2014 has in COCO 2017; others stay as they are.

    >>> without_year("val2017/COCO_val2014_000000397133.jpg"), without_year("COCO_1.jpg")
    ('val2017/000000397133.jpg', 'COCO_1.jpg')
    """
    return _OF_2014.sub(r"\1", path)


def _composed(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _decoded(path: str) -> str:
    return _composed(unquote(path)) if "%" in path else _composed(path)


def _caseless(path: str) -> str:
    return _decoded(path).casefold()


def _without_extension(path: str) -> str:
    caseless = _caseless(path)
    return caseless[: -len(extension(caseless)) - 1] if is_image(caseless) else caseless


def _blanks_for_plus(path: str) -> str:
    return _without_extension(path.replace("+", " "))


_ALIKE = (_composed, _decoded, without_year, _caseless, _without_extension, _blanks_for_plus)
"""What two names of one file have in common, the least difference first."""


_EXTENSIONS = ("jpg", "JPG", "jpeg", "png", "PNG", "JPEG")


def written_alike(path: str, further: bool) -> tuple[str, ...]:
    """Ways in which a store may have a name otherwise, the least difference first; `further` with other extensions, and the case of all letters.

    >>> written_alike("a%20b.JPG", False), written_alike("a.jpg", True)[:3]
    (('a b.JPG', 'a%20b.jpg', 'a b.jpg'), ('a.JPG', 'A.jpg', 'A.JPG'))
    """
    names = [path, *filter(None, (safe_relative(decode(path)) for decode in (unquote, unquote_plus)))]
    names += [unicodedata.normalize(form, name) for name in names for form in ("NFC", "NFD")]
    found = list(names)
    for name in names:
        stem, suffix = (
            (name[: -len(extension(name)) - 1], name[-len(extension(name)) :]) if is_image(name) else (name, "")
        )
        folder, slash, last = stem.rpartition("/")
        stems = [stem, *(f"{folder}{slash}{other}" for other in (last.upper(), last.lower()) if further)]
        found += [f"{one}.{case}" for one in stems if suffix for case in (suffix, suffix.lower(), suffix.upper())]
        if further:
            found += [name.lower(), *(f"{stem}.{other}" for other in _EXTENSIONS)]
    return tuple(name for name in dict.fromkeys(found) if name != path)


_MOST_FOLDERS = 8
"""Folders of a name's end that are compared."""


def _end(path: str, folders: int) -> str:
    """The last part of a path with so many folders before it; "" where it has fewer."""
    parts = without_year(_composed(path)).split("/")
    return "/".join(parts[-folders - 1 :]) if len(parts) > folders else ""


def doubts_of_missing(shown: str, lost: Sequence[str], count: int) -> list[Doubt]:
    """What a person should know of images that the store does not have: `lost` of the `count` of a file."""
    message = (
        f"{shown}: {len(lost)} of {count} images are not where the others are, such as {lost[0]!r}; they are written unseen; "
        "--check-images exists rejects them"
    )
    return [Doubt(Doubted.IMAGES_NOT_FOUND, message, len(lost), lost[0], "--check-images exists")]


def find_in_store(
    wanted: Iterable[str], stored: Iterable[str], taken: Iterable[str], by_last: bool = False
) -> dict[str, list[str]]:
    """For each wanted path that the store lacks, the stored paths that it may mean by the least difference: one, or several.

    `taken` are stored paths that another record names to the letter; they are its, and no other's. Where two wanted paths
    mean one stored path, it is neither's, and both stand without. `by_last` says that folders differ as well: the path that ends
    as the name does by most of its folders is the one that it means.

    >>> sorted(find_in_store(["IMG_1.JPG", "b%20c.png"], ["IMG_1.jpg", "b c.png"], []).items())
    [('IMG_1.JPG', ['IMG_1.jpg']), ('b%20c.png', ['b c.png'])]
    >>> find_in_store(["A.jpg"], ["a.jpg", "a.JPG"], []), find_in_store(["a.JPG", "A.jpg"], ["a.jpg"], [])
    ({'A.jpg': ['a.JPG', 'a.jpg']}, {})
    >>> find_in_store(["x/a/1.jpg", "x/b/1.jpg"], ["a/1.jpg", "b/1.jpg", "c/1.jpg"], [], by_last=True)
    {'x/a/1.jpg': ['a/1.jpg'], 'x/b/1.jpg': ['b/1.jpg']}
    """
    held = set(taken)
    free = [path for path in stored if path not in held and is_image(path)]
    wanted = list(dict.fromkeys(wanted))
    open_ = wanted
    found: dict[str, list[str]] = {}
    keys: list[Callable[[str], str]] = list(_ALIKE)
    if by_last:
        keys += [partial(_end, folders=folders) for folders in range(_MOST_FOLDERS, -1, -1)]
    for number, key in enumerate(keys):
        if not open_:
            break
        by_key: defaultdict[str, list[str]] = defaultdict(list)
        for path in free:
            by_key[key(path)].append(path)
        by_key.pop("", None)
        at_once = {path: sorted(by_key[key(path)]) for path in open_ if key(path) in by_key}
        found |= at_once
        open_ = [path for path in open_ if path not in found]
        if number >= len(_ALIKE):
            # What a name means by more of its folders is not what another means by fewer.
            held = {path for candidates in at_once.values() for path in candidates}
            free = [path for path in free if path not in held] if held else free
    meant: defaultdict[str, list[str]] = defaultdict(list)
    for path, candidates in found.items():
        for candidate in candidates:
            meant[candidate].append(path)
    single = {path for path, candidates in found.items() if all(len(meant[each]) == 1 for each in candidates)}
    return {path: found[path] for path in wanted if path in single}
