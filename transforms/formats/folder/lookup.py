"""Files that a table names: found as they are named, or in the one other way that fits."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from functools import cached_property
from urllib.parse import unquote, unquote_plus

from labelbeam.schemas.reasons import Adjusted, Rejected
from labelbeam.transforms.formats.cloud_rows import below_bucket, is_cloud_url
from labelbeam.transforms.formats.split_names import plain_split
from labelbeam.transforms.images.names import IMAGE_FORMATS, OTHER_IMAGE_FORMATS, extension, image_path
from labelbeam.transforms.messages.words import printable
from labelbeam.transforms.stores.paths import safe_relative

_SAMPLE = 200
"""Names that are compared with the listing to find where the images lie."""

_NEARLY_ALL, _HALF = 0.9, 0.5
_ANCHOR = re.compile(r"^(?:[A-Za-z]:)?[/\\]+|^(?:\.\.?[/\\]+)+")


class ImageNames:
    """The images that exist, by path and by parts of it. Paths are relative to the root."""

    def __init__(self, files: Set[str]) -> None:
        """Take the files; indices are made when they are first asked for."""
        self.files = files

    @cached_property
    def by_folded_path(self) -> dict[str, list[str]]:
        """Paths without regard to case and Unicode form."""
        return _index(self.files, fold)

    @cached_property
    def by_name(self) -> dict[str, list[str]]:
        """Files' names without folders, case and Unicode form."""
        return _index(self.files, lambda path: fold(posixpath.basename(path)))

    @cached_property
    def by_stem(self) -> dict[str, list[str]]:
        """Likewise, and without extension."""
        return _index(self.files, lambda path: fold(_stem(posixpath.basename(path))))

    @cached_property
    def by_stem_path(self) -> dict[str, list[str]]:
        """Paths without case, Unicode form and extension."""
        return _index(self.files, lambda path: fold(_stem(path)))

    def names(self, cell: str) -> bool:
        """Tell whether a cell is the name of an image, with or without folders and extension."""
        name = fold(re.split(r"[/\\]", cell.strip())[-1])
        return bool(name) and (name in self.by_name or name in self.by_stem or _stem(name) in self.by_stem)


def _index(files: Iterable[str], key: object) -> dict[str, list[str]]:
    assert callable(key)
    index: dict[str, list[str]] = {}
    for path in sorted(files):
        index.setdefault(key(path), []).append(path)
    return index


def fold(path: str) -> str:
    """A path without regard to case and Unicode form."""
    return unicodedata.normalize("NFC", path).casefold()


def _stem(name: str) -> str:
    """A name without the extension of an image; other dots are part of it."""
    known = extension(name)
    return name[: -len(known) - 1] if known in IMAGE_FORMATS or known in OTHER_IMAGE_FORMATS else name


class Lookup:
    """The images that one table names. `bases` are the folders that its names may be relative to, the likeliest first.

    `split_folders` gives the split of each folder of one.
    """

    def __init__(
        self,
        bases: Iterable[str],
        images: ImageNames | None,
        split_folders: Mapping[str, str],
        names: Iterable[str] = (),
    ) -> None:
        """Prepare to find `names`, which together tell where images lie that are not where they are named."""
        self.bases = list(dict.fromkeys(bases))
        self.images = images
        self.split_folders = split_folders
        self._names = list(names)

    def find(self, name: str, split: str | None = None) -> tuple[str, list[Adjusted], tuple[Rejected, str] | None]:
        """The image's path, what was adjusted to find it, and why it is rejected, if it is.

        `split` is the row's own: of two images of one name, the one in that split's folder is meant.
        """
        relative, code, normalized = image_path(name, "")
        if relative is None:
            at_store = code is Rejected.UNSUPPORTED_URL and is_cloud_url(name)
            inside = below_bucket(name) if at_store else name
            moved = self._moved(inside) if at_store or code is Rejected.UNSAFE_PATH else None
            if at_store and moved is None and self.images is not None:  # The bucket may be a folder here.
                moved = next((path for path in self._below_bases(inside) if path in self.images.files), None)
            if moved is not None:
                return moved, [Adjusted.IMAGE_BY_OTHER_NAME], unsupported(moved)
            problem = code or Rejected.UNSAFE_PATH
            hint = "; --images names the directory that holds it" if at_store else ""
            return printable(name), [], (problem, f"found {name[:200]!r}, but {problem.doc}{hint}")
        if "://" in relative:
            return relative, [], unsupported(relative.partition("?")[0])
        adjusted = [Adjusted.PATH_NORMALIZED] if normalized else []
        candidates = self._below_bases(relative)
        if self.images is None:
            return candidates[0], adjusted, unsupported(relative)
        if "//" in name:  # In an object store this is another name.
            for path in self._below_bases(name):
                if path in self.images.files:
                    return path, [], unsupported(path)
        for candidate in candidates:
            if candidate in self.images.files:
                return candidate, adjusted, unsupported(candidate)
        found = self._otherwise(relative, candidates, split) or self._decoded(relative, split)
        if len(found) == 1:
            return found[0], [*adjusted, Adjusted.IMAGE_BY_OTHER_NAME], unsupported(found[0])
        if found:
            message = f"found {len(found)} files that it may mean, such as {found[0]!r} and {found[1]!r}"
        else:
            message = f"found no file of this name, expected it as {' or '.join(map(repr, candidates))}"
        return candidates[0], adjusted, (Rejected.MISSING_IMAGE, message)

    def _otherwise(self, relative: str, candidates: list[str], split: str | None) -> list[str]:
        """The files that are meant where none is called so: the first way that finds any counts."""
        assert self.images is not None
        for index, key in ((self.images.by_folded_path, fold), (self.images.by_stem_path, _folded_stem)):
            for candidate in candidates:
                matches = index.get(key(candidate), [])
                if len(matches) == 1:
                    return matches
        if "/" in relative:
            moved = self._moved(relative)
            return [moved] if moved is not None else []
        # A name without folders contradicts none.
        matches = self.images.by_name.get(fold(relative), []) or self.images.by_stem.get(_folded_stem(relative), [])
        exact = [path for path in matches if posixpath.basename(path) == relative]
        matches = exact or matches
        if len(matches) > 1 and split is not None:
            matches = [path for path in matches if self.split(path) == split] or matches
        return matches

    def _decoded(self, relative: str, split: str | None) -> list[str]:
        """The files that a percent-encoded name means, as servers of images write them, also with + for a blank."""
        assert self.images is not None
        for decode in (unquote, unquote_plus):
            decoded = safe_relative(decode(relative, errors="surrogateescape"))
            if decoded is None or decoded == relative:
                continue
            candidates = self._below_bases(decoded)
            exact = next((path for path in candidates if path in self.images.files), None)
            if found := [exact] if exact is not None else self._otherwise(decoded, candidates, split):
                return found
        return []

    def _moved(self, name: str) -> str | None:
        """The file that a name with another root means, by the way in which nearly all names of the table do."""
        if self.images is None or self._move is None:
            return None
        by_start, count, prefix = self._move
        parts = _parts(name)
        kept = parts[count:] if by_start else parts[-count:]
        path = "/".join([*([prefix] if prefix else []), *kept])
        if path in self.images.files:
            return path
        matches = self.images.by_folded_path.get(fold(path), []) or self.images.by_stem_path.get(_folded_stem(path), [])
        return matches[0] if kept and len(matches) == 1 else None

    @cached_property
    def _move(self) -> tuple[bool, int, str] | None:
        """Change that turns nearly all names into the files they mean.

        Either so many folders at the start are others, or so many parts at the end are the same; and the folder that holds
        the rest. None where names are found as they are, or nothing fits nearly all.
        """
        assert self.images is not None
        sample = [
            below_bucket(name) if is_cloud_url(name) else name for name in list(dict.fromkeys(self._names))[:_SAMPLE]
        ]
        sample = [name for name in sample if "://" not in name and len(_parts(name)) > 1]
        if not sample or any(self._is_there(name) for name in sample):
            return None
        votes: Counter[tuple[bool, int, str]] = Counter()
        for name in sample:
            votes.update(self._moves(name))
        # What is named by a bucket lies elsewhere, so that fewer of it may have been copied here.
        share = _HALF if any(map(is_cloud_url, self._names)) else _NEARLY_ALL
        enough = [move for move, count in votes.items() if count >= share * len(sample)]
        # The fewer folders are passed over, the better; then the more of the name is kept.
        return min(enough, key=lambda move: (not move[0], move[1] if move[0] else -move[1], move[2]), default=None)

    def _is_there(self, name: str) -> bool:
        assert self.images is not None
        relative, _, _ = image_path(name, "")
        return relative is not None and any(path in self.images.files for path in self._below_bases(relative))

    def _below_bases(self, name: str) -> list[str]:
        return [f"{base}/{name}" if base else name for base in self.bases]

    def _moves(self, name: str) -> Iterable[tuple[bool, int, str]]:
        assert self.images is not None
        parts = _parts(name)
        matches = self.images.by_name.get(fold(parts[-1])) or self.images.by_stem.get(_folded_stem(parts[-1]), [])
        found: set[tuple[bool, int, str]] = set()
        for path in matches[:_SAMPLE]:
            own = path.split("/")
            for start in range(len(parts)):
                kept = len(parts) - start
                if kept > len(own) or [fold(part) for part in own[-kept:-1]] != [
                    fold(part) for part in parts[start:-1]
                ]:
                    continue
                prefix = own[:-kept]
                splits = {split for part in parts[:start] if (split := plain_split(part))}
                others = {split for part in prefix if (split := plain_split(part))}
                if not splits or not others or splits == others:
                    found |= {(True, start, "/".join(prefix)), (False, kept, "/".join(prefix))}
        return found

    def split(self, path: str) -> str | None:
        """The split of the innermost split folder that holds `path`."""
        while self.split_folders and path:
            # Not dirname, which never comes out of the root of an absolute path.
            path = path.rpartition("/")[0]
            if path in self.split_folders:
                return self.split_folders[path]
        return None


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[/\\]+", _ANCHOR.sub("", name)) if part not in ("", ".")]


def _folded_stem(path: str) -> str:
    return fold(_stem(path))


def unsupported(path: str) -> tuple[Rejected, str] | None:
    """Reason why an image is rejected by its extension; None where it is not."""
    found = extension(path)
    if found in IMAGE_FORMATS:
        return None
    message = (
        f"found {f'a .{found} file' if found else 'no extension'}, expected one of {', '.join(sorted(IMAGE_FORMATS))}"
    )
    return Rejected.UNSUPPORTED_FORMAT, message
