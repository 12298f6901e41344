"""The demo: a small dataset on this machine's disk, made without a network."""

from __future__ import annotations

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
        _refuse_strays(root, files)
        for path, data in files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    except OSError as error:
        raise LabelBeamError(f"{error.filename}: cannot be read or written: {error.strerror}") from None
    return Made(root, len(files), sum(map(len, files.values())))


def _refuse_foreign(root: Path) -> None:
    """Refuse a place that is taken, unless the README in it is the demo's own."""
    if not root.exists():
        return
    if not root.is_dir():
        raise UsageError(f"{root}: found a file, expected a directory, or a name that is still free")
    about = root / "README.txt"
    ours = about.is_file() and about.read_bytes().startswith(README.encode().partition(b"\n")[0])
    found = next(iter(sorted(root.iterdir())), None)
    if found is not None and not ours:
        raise UsageError(
            f"{root}: found {found.name}, expected an empty directory or an earlier demo; nothing was written. Name "
            "another one: labelbeam demo DIR"
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
