"""The places of a run: where they lie in each other, or in those of another run, so that what is written could harm what is there.

A dataset's author chooses the names of images, and so the names of copies: wherever copies could come to lie over a pointer, a
shard, an annotation file or an image, they are refused before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.layout import BUILD_NAME, BUILDS, LATEST, UNFINISHED
from labelbeam.transforms.stores.files import StoredFile, kind
from labelbeam.transforms.stores.location import Location, StorageOptions
from labelbeam.transforms.stores.overlap import lies_in

OURS = (BUILDS, UNFINISHED, LATEST)


def check_places(
    output: Location, copies: Location | None, read: Sequence[tuple[str, Location]], options: StorageOptions
) -> None:
    """Make sure that what a run writes cannot harm what it reads, nor what another run has published.

    An output may lie in a source, and a source in an output: what lies below `builds` and `unfinished` is none of a dataset.

    Args:
        read: what is read, each with the option that names it.

    Raises:
        UsageError: it could.
        StoreError: a store cannot be asked.
    """
    check_in_no_output("--output", output, options)
    _check_directory(output)
    for option, place in read:
        for name in (UNFINISHED, LATEST):
            if lies_in(place, output.below(name), options):
                raise UsageError(
                    f"{option}: {place.shown} lies in {output.below(name).shown}, which runs on --output write and remove; "
                    "expected a dataset elsewhere"
                )
    if copies is None:
        return
    if lies_in(output, copies, options) or any(lies_in(copies, output.below(name), options) for name in OURS):
        raise UsageError(
            f"--copy-images: {copies.shown} and --output {output.shown} lie in each other, so that an image could be copied "
            f"over a build; expected two directories, of which the output holds nothing of the copies below {BUILDS}"
        )
    check_in_no_output("--copy-images", copies, options, or_is_one=True)
    for option, place in read:
        if lies_in(copies, place, options) or lies_in(place, copies, options):
            raise UsageError(
                f"--copy-images: {copies.shown} and {option} {place.shown} lie in each other, so that a copy could be put "
                "over what is read, or be read as an image next time; expected a directory that neither holds nor lies in "
                "what is read"
            )


def _check_directory(output: Location) -> None:
    place: Location | None = output if output.local else None
    while place is not None and (what := kind(place)) != "directory":
        if what is not None:
            raise UsageError(
                f"--output: {output.shown}: {place.shown} is a file; expected a directory, which is created if there is none"
            )
        place = place.parent


def check_in_no_output(option: str, place: Location, options: StorageOptions, or_is_one: bool = False) -> None:
    """Make sure that a place to write to is no part of what another run has published, or is about to.

    With `or_is_one`, it is no output itself either.

    Raises:
        UsageError: it is.
        StoreError: a store cannot be asked.
    """
    if or_is_one and kind(place.below(LATEST)) is not None and kind(place.below(BUILDS)) == "directory":
        raise UsageError(f"{option}: {place.shown} is an output of builds; expected a directory of its own")
    below, above = place, place.parent
    while above is not None:
        name = below.path.rpartition("/")[2]
        inside = place.path[len(below.path) :].strip("/").partition("/")[0]
        if name in (BUILDS, UNFINISHED) and (BUILD_NAME.fullmatch(inside) or kind(above.below(LATEST)) == "file"):
            raise UsageError(
                f"{option}: {place.shown} lies in {below.shown}, where the builds of {above.shown} are, which never change; "
                "expected a place beside them"
            )
        if name == LATEST and kind(above.below(BUILDS)):
            raise UsageError(f"{option}: {place.shown} is the pointer to a build; expected a place beside it")
        below, above = above, above.parent


def check_holds_no_output(option: str, place: Location, files: Iterable[StoredFile]) -> None:
    """Make sure that among the files below a place there are none of an output, over which others could be put.

    Raises:
        UsageError: there are.
    """
    pointers, builds = set(), set()
    for file in files:
        folder, _, name = file.path.rpartition("/")
        if name == LATEST:
            pointers.add(folder)
        elif name == "manifest.json":
            above, _, build = folder.rpartition("/")
            if BUILD_NAME.fullmatch(build) and above.rpartition("/")[2] == BUILDS:
                builds.add(above.rpartition("/")[0])
    for folder in sorted(pointers & builds):
        output = place.below(folder) if folder else place
        raise UsageError(
            f"{option}: {place.shown} holds {output.shown}, an output of builds, over which an image could be copied; "
            "expected a directory of its own"
        )
