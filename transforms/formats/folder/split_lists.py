"""Lists beside images that say which split each is of: `train.txt`, CelebA's `list_eval_partition`, CUB's `train_test_split.txt`."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.transforms.formats.folder.levels import sole_folders
from labelbeam.transforms.formats.folder.lookup import ImageNames, Lookup
from labelbeam.transforms.formats.folder.split_columns import meaning_of
from labelbeam.transforms.formats.split_names import table_split
from labelbeam.transforms.images.names import extension, hidden
from labelbeam.transforms.messages.words import agreeing, counted, listed

_EXTENSIONS = ("txt", "lst", "csv", "tsv")
_OF_ROWS = re.compile(r"(?i)(?:.*[^a-z])?(?:splits?|partitions?)(?:[^a-z].*)?")
_FOLDERS = re.compile(
    r"(?i)|meta(?:data)?|splits?|lists?|image_?sets?(?:/main)?|labels?|annotations?|anno|eval|partitions?"
)
_MOST = 40
"""Lists of one dataset; more are files of labels beside images."""

_NEARLY_ALL = 0.9
_FIRST = ("validation", "test", "train")
"""The split that counts where lists put an image into several."""


@dataclass(slots=True)
class SplitLists:
    """Splits by the images' paths, doubts, and how many lists were read."""

    splits: dict[str, str] = field(default_factory=dict)
    doubts: list[Doubt] = field(default_factory=list)
    lists: int = 0


def split_list_candidates(files: Iterable[str], images: Iterable[str]) -> list[str]:
    """Files that may be such lists, by their names and places; CUB's list of ids comes with the one that it explains.

    Places are those below the folder that holds everything, as unpacking an archive leaves one, as well as those below the root.
    """
    files, images = list(files), list(images)
    holding = {posixpath.dirname(folder) for folder in {path[: path.rfind("/") + 1] for path in images}}
    around = sole_folders(images)
    found = [
        path
        for path in files
        if extension(path) in _EXTENSIONS
        and not hidden(path)
        and ((folder := posixpath.dirname(path)) in holding or any(_is_of_lists(folder, top) for top in around))
        and (_split_of(stem := _stem(path)) or _OF_ROWS.fullmatch(stem) or stem == "images")
    ]
    return sorted(found) if len(found) <= _MOST and any(_stem(path) != "images" for path in found) else []


def _is_of_lists(folder: str, around: str) -> bool:
    """Tell whether lists are looked for in a folder: in the one around everything, and in those of usual names in it."""
    inside = folder if not around else f"{folder}/".removeprefix(f"{around}/").rstrip("/")
    return _FOLDERS.fullmatch(inside) is not None and (inside != folder or not around)


_OF_BOTH = re.compile(r"(?i)(?:.*[^a-z])?train[_-]?val(?:[^a-z].*)?")


def _split_of(stem: str) -> str | None:
    """The split of a list by its name. One of `trainval` beside one of `test` is what there is to train on."""
    return table_split(stem) or ("train" if _OF_BOTH.fullmatch(stem) else None)


@dataclass
class _Read:
    """Lists that were read.

    told: the splits of each image. of_both: the same by lists of what there is to train on beside a test. numbered: lists whose name ends
    with a number, by split. said: the lists with their counts, for messages. doubts: of what columns mean.
    """

    told: dict[str, set[str]] = field(default_factory=dict)
    of_both: dict[str, set[str]] = field(default_factory=dict)
    numbered: dict[str, list[str]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)

    def add(
        self,
        path: str,
        rows_of: Mapping[str, list[list[str]]],
        images: ImageNames,
        given: Mapping[str, str] | None,
    ) -> None:
        """Read the list at `path`, if it is one; `rows_of` are the rows of all files that may be lists."""
        stem, folder = _stem(path), posixpath.dirname(path)
        split = _split_of(stem)
        if split is None and not _OF_ROWS.fullmatch(stem):
            return
        rows = rows_of[path]
        if not _name_images(rows, images):
            ids = _ids(rows_of.get(posixpath.join(folder, "images.txt"), []), images)
            rows = [[ids[row[0]], *row[1:]] for row in rows if row[0] in ids]
        if not rows:
            return
        meaning = _meaning(path, rows, given, self.doubts) if split is None else {}
        above = posixpath.dirname(folder)
        bases = [folder, "", "images", above, posixpath.join(above, "images"), posixpath.join(folder, "images")]
        lookup = Lookup(bases, images, {}, [row[0] for row in rows])
        told = self.of_both if split and table_split(stem) is None else self.told
        counts: Counter[str] = Counter()
        for row in rows:
            own = split or meaning.get(row[-1].lower())
            image, _, problem = lookup.find(row[0])
            if own is not None and problem is None:
                told.setdefault(image, set()).add(own)
                counts[own] += 1
        if counts:
            if split is not None and stem[-1:].isdecimal():
                self.numbered.setdefault(split, []).append(path)
            self.said.append(f"{path} ({', '.join(f'{name} {count}' for name, count in sorted(counts.items()))})")


def _meaning(
    path: str, rows: Sequence[Sequence[str]], given: Mapping[str, str] | None, doubts: list[Doubt]
) -> Mapping[str, str]:
    """The splits that the values of the last column mean."""
    codes = Counter(row[-1] for row in rows if len(row) > 1)
    if re.search(r"(?i)train.*test", _stem(path)) and codes.keys() <= {"0", "1"} and not given:
        return {"1": "train", "0": "test"}
    return meaning_of(path, "the last column", codes, given, doubts)


def read_split_lists(
    contents: Mapping[str, str], images: ImageNames, given: Mapping[str, str] | None = None
) -> SplitLists:
    """Read the lists of which nearly all rows name images. `contents` is the text of each by path; `given` are --split-values."""
    read = _Read()
    rows_of = {path: _rows(text, images) for path, text in contents.items()}
    for path in rows_of:
        read.add(path, rows_of, images, given)
    doubts, said, told = read.doubts, read.said, {**read.of_both, **read.told}
    if not said:
        return SplitLists(doubts=doubts)
    several = [path for path, splits in told.items() if len(splits) > 1]
    of_folds = [path for paths in read.numbered.values() if len(paths) > 1 for path in paths]
    if of_folds and 2 * len(several) > len(told):
        message = (
            f"the lists {listed(sorted(of_folds))} put {counted(len(several), 'image')} into several splits, as those of the folds of a cross-validation do, "
            "and are not read; leave the lists of one fold beside the images, or draw splits with --split"
        )
        doubt = Doubt(Doubted.LISTS_NOT_READ, message, len(of_folds), min(of_folds), "--split")
        return SplitLists(doubts=[*doubts, doubt])
    if len({split for splits in told.values() for split in splits}) < 2:
        # One list alone names the images of one split and says nothing of the others.
        message = f"the lists {', '.join(said)} name images of one split only, and are not read; --split draws splits"
        doubt = Doubt(Doubted.LISTS_NOT_READ, message, len(told), said[0].partition(" (")[0], "--split")
        return SplitLists(doubts=[*doubts, *([doubt] if len(told) < len(images.files) else [])])
    message = f"splits were read from the lists {', '.join(said)}; --split-column none reads none"
    example = said[0].partition(" (")[0]
    doubts.append(Doubt(Doubted.SPLIT_LISTS, message, len(told), example, "--split-column none"))
    if several:
        message = f"lists put {counted(len(several), 'image')} into two splits, such as {several[0]!r}: validation goes before test, and test before train"
        doubts.append(Doubt(Doubted.LISTED_IN_TWO_SPLITS, message, len(several), several[0]))
    splits_of = {path: next(split for split in _FIRST if split in splits) for path, splits in told.items()}
    return SplitLists(splits_of, doubts, len(said))


def doubt_of_unlisted(unlisted: Sequence[str]) -> list[Doubt]:
    """A doubt of images that no list names, where others are listed."""
    if not unlisted:
        return []
    message = f"{counted(len(unlisted), 'image')}, such as {listed(unlisted[:1])}, {agreeing(len(unlisted), 'is', 'are')} in no list of splits, and go into train"
    return [Doubt(Doubted.LISTED_IN_NO_SPLIT, message, len(unlisted), unlisted[0])]


def _stem(path: str) -> str:
    return posixpath.splitext(posixpath.basename(path))[0]


def _rows(text: str, images: ImageNames) -> list[list[str]]:
    """The rows of a list: a name alone, also with blanks in it, or a name and what follows; without a count and headings above."""
    rows: list[list[str]] = []
    for line in map(str.strip, text.splitlines()):
        if line:
            parts = [part for part in re.split(r"[\s,;]+", line) if part]
            # Behind a number the rest of the line is what it numbers.
            alone = images.names(line) and (len(parts) == 1 or not parts[0].isdecimal())
            rows.append([line] if alone else parts)
    rows = [row for row in rows if row]
    if len(rows) > 1 and len(rows[0]) == 1 and rows[0][0].isdecimal() and not rows[1][0].isdecimal():
        del rows[0]
    if len(rows) > 1 and not images.names(rows[0][0]) and images.names(rows[1][0]):
        del rows[0]
    return rows


def _name_images(rows: Sequence[Sequence[str]], images: ImageNames) -> bool:
    sample = rows[:200]
    named = sum(not row[0].isdecimal() and images.names(row[0]) for row in sample)
    return bool(sample) and named >= _NEARLY_ALL * len(sample)


def _ids(rows: Sequence[Sequence[str]], images: ImageNames) -> dict[str, str]:
    """The images' names by the ids before them."""
    pairs = {row[0]: row[1] for row in rows if len(row) == 2}
    return pairs if pairs and _name_images([[name] for name in pairs.values()], images) else {}
