"""Lists of images as people, spreadsheets and MATLAB write them: their lines, and the annotation files that these lead to."""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from labelbeam.transforms.formats.paths import join, key_of
from labelbeam.transforms.formats.voc.folders import split_of_folder
from labelbeam.transforms.formats.voc.image_index import (
    IMAGE_SUFFIXES,
    home_of_image,
    home_of_xml,
    split_suffix,
    stem_of_xml,
)
from labelbeam.transforms.images.names import too_long

_SEPARATORS = re.compile(r"[\s,;]+")
_HEADINGS = frozenset(
    {"filename", "file_name", "file", "image", "images", "img", "image_id", "id", "name", "path", "xml", "annotation"}
    | {
        "split",
        "set",
        "subset",
        "label",
        "class",
        "class_id",
        "category",
        "width",
        "height",
        "depth",
        "x",
        "y",
        "w",
        "h",
    }
    | {"xmin", "ymin", "xmax", "ymax", "x1", "y1", "x2", "y2"}
)


def is_heading(line: str) -> bool:
    """Tell whether a line of a list holds but headings of a table.

    >>> is_heading("Filename, xmin"), is_heading("image 1"), is_heading("./image")
    (True, False, False)
    """
    return set(_SEPARATORS.split(line.strip().lower())) <= _HEADINGS


def lines_of(data: bytes) -> list[str]:
    """The lines that are not blank. An id in another charset than UTF-8 will be found to have no annotation file."""
    text = data.decode(_charset_of(data[:1024]), errors="replace")
    lines = [stripped for line in text.replace("\r", "\n").split("\n") if (stripped := line.strip())]
    return lines[1:] if lines and is_heading(lines[0]) else lines


def _charset_of(head: bytes) -> str:
    """UTF-8, or UTF-16 as PowerShell's `>` writes it, with a mark or without: names then have a zero in every second byte."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" not in head:
        return "utf-8-sig"
    return "utf-16-be" if head[::2].count(0) > head[1::2].count(0) else "utf-16-le"


def flags_of(lines: Sequence[str]) -> dict[str, int] | None:
    """Flags by id; None where a line has none, so that these are just ids."""
    flags: dict[str, int] = {}
    for line in lines:
        line = uncommented(line)
        parts = line.replace(",", " ").replace(";", " ").rsplit(None, 1)
        if len(parts) == 2 and _FLAG.fullmatch(parts[1]):
            identity = line[: len(parts[0])]
            flags[identity] = max(int(float(parts[1])), flags.get(identity, -1))
        elif line:
            return None
    return flags


_FLAG = re.compile(r"[+-]?[01](?:\.0{0,9})?")
"""1, 0 or -1; MATLAB also writes 1.0000."""

_COMMENT = re.compile(r"(?:^|\s)(?:#|//|%|;)")


def uncommented(line: str) -> str:
    """A line without what stands behind a mark of comments."""
    return _COMMENT.split(line, maxsplit=1)[0].strip()


_NUMBER_BEHIND = re.compile(r"(?<![\s,;])[\s,;]++[+-]?\d+(?:\.\d*)?$")
"""Looked for once in each row of blanks, however long it is."""

_MOST_NUMBERS = 8


class Names(NamedTuple):
    """Annotation files by id, by the ends of their paths, and by these without letter case and in one Unicode form; None for several."""

    ids: Mapping[str, str]
    exact: dict[str, str | None]
    alike: dict[str, str | None]

    @classmethod
    def of(cls, xmls: Mapping[str, str]) -> Names:
        """Names of annotation files by id: their path below `Annotations`, without `.xml`."""
        names = cls(xmls, {}, {})
        for xml in xmls.values():
            for ending in _endings(join(home_of_xml(xml).name, stem_of_xml(xml))):
                for known, name in ((names.exact, ending), (names.alike, key_of(ending))):
                    known[name] = None if known.get(name, xml) != xml else xml
        return names

    def resolve(self, lines: Collection[str], numbers_behind: bool = True) -> dict[str, str]:
        """Annotation files by the lines of a list: an id, a path, or several names of one image in a line.

        Where more lines are one without the numbers behind it, or without the one in front, these count for nothing, if there may be
        some: the index of an object in VOC's own lists for layouts and actions, flags of no class, class numbers, or a row's own.
        """
        found = {line: xml for line in lines if (xml := self._of_line(line)) is not None}
        for shorter in (
            (self._before_numbers, self._behind_number) if numbers_behind and len(found) < len(lines) else ()
        ):
            others = {line: xml for line in lines if (xml := shorter(uncommented(line))) is not None}
            found = others if len(others) > len(found) else found
        return found

    def find(self, listed: str) -> str | None:
        """The annotation file of a name, with or without suffix, image folder, and directories above the dataset."""
        path = listed.strip("\"',; \t").replace("\\", "/")
        if too_long(path):
            return None  # Its endings would be its square.
        path = split_suffix(path, {*IMAGE_SUFFIXES, ".xml"})[0]
        for ending in _endings(join(home_of_image(path), path.rpartition("/")[2])):
            if found := self.exact.get(ending) or self.alike.get(key_of(ending)):
                split, other = split_of_folder(path), split_of_folder(found)
                return found if split is None or other is None or split == other else None
        return None

    def _of_line(self, line: str) -> str | None:
        found = self._of_name(line) or self._of_several(line)
        if found is None and (name := uncommented(line)) != line and name:
            found = self._of_name(name) or self._of_several(name)
        return found

    def _of_name(self, name: str) -> str | None:
        return self.ids.get(name) or self.find(name)

    def _of_several(self, line: str) -> str | None:
        """The annotation file that all names of a line lead to: image and annotation, in any order."""
        found = {self.find(name) for name in _names_in(line) or _SEPARATORS.split(line)}
        return found.pop() if len(found) == 1 else None

    def _before_numbers(self, line: str) -> str | None:
        for _ in range(_MOST_NUMBERS):
            shorter = _NUMBER_BEHIND.sub("", line)
            if shorter == line:
                return None
            line = shorter
            if (found := self._of_name(line)) is not None:
                return found
        return None

    def _behind_number(self, line: str) -> str | None:
        number, _, name = line.partition(" ")
        return self._of_name(name.strip()) if number.strip(",;").isdecimal() and name else None


_NAME_ENDS = re.compile(
    rf"(?:{'|'.join(map(re.escape, (*sorted(IMAGE_SUFFIXES), '.xml')))})(?=[\s,;\"']|$)", re.IGNORECASE
)


def _names_in(line: str) -> list[str]:
    """Names with a suffix, blanks in them included, between commas and semicolons. Linear in the line, whatever it holds."""
    names: list[str] = []
    start = 0
    for end in _NAME_ENDS.finditer(line):
        separator = max(line.rfind(mark, start, end.start()) for mark in ",;")
        start = max(start, separator + 1)
        if start < end.start():
            names.append(line[start : end.end()].strip("\"' \t"))
            start = end.end()
    return names


def _endings(path: str) -> Iterable[str]:
    """A path, and it without the first, the first two, … of its directories."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return ["/".join(parts[start:]) for start in range(len(parts))]
