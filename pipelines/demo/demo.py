"""The demo: a small dataset on this machine's disk, made without a network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labelbeam.pipelines.demo.data import README, make_dataset
from labelbeam.schemas.errors import LabelBeamError, UsageError


@dataclass(frozen=True, slots=True)
class Made:
    """The demo's dataset as it lies in `root`: how many files, and how many bytes."""

    root: Path
    files: int
    bytes: int

    @property
    def annotations(self) -> Path:
        """The COCO file."""
        return self.root / "coco" / "annotations" / "instances.json"

    @property
    def output(self) -> Path:
        """The place of its builds."""
        return self.root / "built" / "coco"


def make_demo(directory: str) -> Made:
    """Make the demo's dataset in a local directory. What an earlier run made there is written again; its builds stay.

    Raises:
        UsageError: the directory holds something that the demo did not make.
        LabelBeamError: it cannot be written.
    """
    if "://" in directory:
        raise UsageError(
            f"{directory}: the demo is made on this machine's disk; expected a path such as labelbeam-demo"
        )
    root = Path(directory)
    try:
        _refuse_foreign(root)
        root.mkdir(parents=True, exist_ok=True)
        files = make_dataset()
        _refuse_links(root, files)
        _refuse_strays(root, files)
        for path, data in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with open(file, "wb", opener=_no_link) as opened:
                opened.write(data)
    except OSError as error:
        raise LabelBeamError(
            f"{error.filename}: cannot be read or written: {error.strerror}; name another directory: labelbeam demo DIR"
        ) from None
    return Made(root, len(files), sum(map(len, files.values())))


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _refuse_foreign(root: Path) -> None:
    """Refuse a place that is taken, unless the README in it is the demo's own."""
    if not root.exists():
        return
    if not root.is_dir():
        raise UsageError(f"{root}: found a file, expected a directory, or a name that is still free")
    about = root / "README.txt"
    ours = about.is_file() and not about.is_symlink() and _begins_with(about, README.encode().partition(b"\n")[0])
    found = next(iter(sorted(root.iterdir())), None)
    if found is not None and not ours:
        raise UsageError(
            f"{root}: found {found.name}, expected an empty directory or an earlier demo; nothing was written. Name "
            "another one: labelbeam demo DIR"
        )


def _begins_with(file: Path, start: bytes) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(start)) == start


def _refuse_links(root: Path, files: Mapping[str, bytes]) -> None:
    """Refuse links where the demo writes: another user of the machine may have put them, and they lead elsewhere."""
    places = {place for path in files for place in (root / path, *(root / path).parents) if place.is_relative_to(root)}
    for place in sorted(places - {root}):
        if place.is_symlink() or (place.exists() and not (place.is_dir() or place.is_file())):
            raise UsageError(
                f"{place}: is a link or no file, and what the demo writes there would go elsewhere; nothing was written. Remove "
                "it, or name another directory: labelbeam demo DIR"
            )


def _refuse_strays(root: Path, files: Mapping[str, bytes]) -> None:
    """Refuse files among the demo's data that are not its own: they would be read as part of it."""
    for folder in sorted({path.partition("/")[0] for path in files if "/" in path}):
        for file in sorted(root.joinpath(folder).rglob("*")):
            if file.is_file() and not file.name.startswith(".") and file.relative_to(root).as_posix() not in files:
                raise UsageError(
                    f"{file}: the demo did not make this file, and would read it; nothing was written. Move it away, or "
                    "name another directory: labelbeam demo DIR"
                )
