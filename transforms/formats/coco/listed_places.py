"""Directories of a listing that hold the images of a COCO file, where none of the usual places does."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from labelbeam.transforms.formats.split_names import split_name
from labelbeam.transforms.images.names import hidden
from labelbeam.transforms.stores.listing import Listing
from labelbeam.transforms.stores.location import Location


def places_listed(
    split: str | None, names: Iterable[str], listed: Sequence[tuple[Location, Listing]]
) -> list[Location]:
    """The directories that hold most of the images of these names, in order; none that is named like another split.

    Several hold as many where nothing decides: those of the file's own split go before the others.
    """
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        wanted[name.rpartition("/")[2]].add(name)
    held: Counter[tuple[int, str]] = Counter()
    for at, (_, listing) in enumerate(listed):
        for path in (file.path for file in listing.files):
            for name in wanted.get(path.rpartition("/")[2], ()):
                if (path == name or path.endswith(f"/{name}")) and not hidden(path):
                    held[at, path[: -len(name)].rstrip("/")] += 1
    splits = {place: _splits_in(place[1]) for place in held}
    fitting = [place for place in held if split is None or not splits[place] or split in splits[place]]
    own = [place for place in fitting if split in splits[place]] or fitting
    most = max((held[place] for place in own), default=0)
    return [
        listed[at][0].below(folder) if folder else listed[at][0]
        for at, folder in sorted(own)
        if held[at, folder] == most
    ]


def _splits_in(folder: str) -> set[str]:
    return {found.split for part in folder.split("/") if (found := split_name(part)) is not None}
