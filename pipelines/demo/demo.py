"""`labelbeam demo`: make a small dataset, build it with `labelbeam convert`, say what to type next. Needs no network."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from labelbeam.pipelines.demo.data import README, make_dataset
from labelbeam.pipelines.terminal.display import Display
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.manifest import Latest
from labelbeam.transforms.messages.words import plain

_WHAT = {
    "manifest.json": "counts, options, and hashes",
    "MLTable": "what Azure ML loads",
    "parquet": "the same, in typed columns",
    "rejected": "what was not written, and why",
    "jsonl": "a line for each image",
    "report.html": "the build, to look at",
}
"""What a file of a build is, by its name, its folder or its extension; the earlier key wins."""


def demo(directory: str, run: Callable[[list[str]], int]) -> int:
    """Make the demo's dataset in a local directory, build its COCO file for detection, and return the exit status.

    What an earlier run made there is written again; its builds stay, and a new one is added.

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

    console = Display().console
    megabytes = sum(map(len, files.values())) / 1e6
    _say(console, f"made {len(files)} files ({megabytes:.1f} MB) in {root}; its README.txt tells what is odd in them")
    output = root / "built" / "coco"
    annotations = root / "coco" / "annotations" / "instances.json"
    arguments = ["convert", *_options("image_object_detection", annotations, output)]
    arguments += ["--check-images", "header", "--split", "train=0.8,validation=0.2"]
    _say(console, f"\n$ {_command(arguments)}\n")
    status = run(arguments)
    if status == 0:
        _show_files(console, output)
        _show_commands(console, root, annotations)
    return status


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


def _options(task: str, source: Path, output: Path) -> list[str]:
    return ["--task", task, "--source", str(source), "--output", str(output)]


def _command(arguments: Sequence[str]) -> str:
    """A command as it is typed, with a line for each option but the first, which a shell reads as one."""
    lines: list[list[str]] = []
    for word in ["labelbeam", *arguments]:
        if not lines or (word.startswith("--") and any(first.startswith("--") for first in lines[-1])):
            lines.append([])
        lines[-1].append(word)
    return " \\\n      ".join(map(shlex.join, lines))


def _say(console: Console, line: str) -> None:
    # Not wrapped, so that it can be copied as it stands.
    console.print(Text(plain(line, "\n")), soft_wrap=True)


def _show_files(console: Console, output: Path) -> None:
    latest = msgspec.json.decode(output.joinpath("latest.json").read_bytes(), type=Latest)
    build = output.joinpath(latest.manifest).parent
    _say(console, f"\nthe build, {build}:")
    files = sorted(file.relative_to(build) for file in build.rglob("*") if file.is_file())
    width = max(len(file.as_posix()) for file in files)
    for file in files:
        names = (file.name, file.parts[0], file.suffix.removeprefix("."))
        what = next((text for name, text in _WHAT.items() if name in names), "")
        _say(console, f"  {file.as_posix():{width}}  {what}")


def _show_commands(console: Console, root: Path, annotations: Path) -> None:
    built = root / "built"
    _say(console, "\nto look at a dataset without writing anything:")
    _say(console, f"  {_command(['inspect', str(root / 'voc'), '--task', 'image_object_detection'])}")
    _say(console, "\nto build the other tasks and formats:")
    for task, source, output in (
        ("image_instance_segmentation", annotations, built / "coco-segmentation"),
        ("image_object_detection", root / "voc", built / "voc"),
        ("image_classification", root / "folder", built / "folder"),
        ("image_classification_multilabel", root / "multilabel", built / "folder-multilabel"),
    ):
        _say(console, f"  {_command(['convert', *_options(task, source, output)])}")
