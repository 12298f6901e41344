"""`labelbeam demo`: make a small dataset, build it as `labelbeam convert` does, say what to type next. Needs no network."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labelbeam.pipelines.command_line.options import make_config
from labelbeam.pipelines.command_line.parser import Parser
from labelbeam.pipelines.commands.command import Command
from labelbeam.pipelines.commands.convert import build
from labelbeam.schemas.layout import build_folder
from labelbeam.transforms.messages.words import counted, plain

if TYPE_CHECKING:
    from rich.console import Console

_WHAT = {
    "manifest.json": "counts, options, and hashes",
    "labels.json": "names, ids and counts of labels",
    "croissant.json": "the build for loaders of datasets",
    "MLTable": "what Azure ML loads",
    "parquet": "the same, in typed columns",
    "rejected": "what was not written, and why",
    "jsonl": "a line for each image",
    "report.html": "the build, to look at",
}
"""What a file of a build is, by its name, its folder or its extension; the earlier key wins."""

_TASK = "image_object_detection"
_OPTIONS = {"check_images": "header", "split": "train=0.8,validation=0.2"}


def _add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "dir", nargs="?", default="labelbeam-demo", metavar="DIR", help="target directory (default: %(default)s)"
    )


def _run(known: argparse.Namespace) -> int:
    from labelbeam.pipelines.demo.demo import make_demo
    from labelbeam.pipelines.terminal.display import Display

    made = make_demo(known.dir)
    console = Display().console
    _say(
        console,
        f"made {counted(made.files, 'file')} ({made.bytes / 1e6:.1f} MB) in {made.root}; its README.txt lists what is malformed in them",
    )
    arguments = ["convert", *_options(_TASK, made.annotations, made.output)]
    arguments += [word for name, value in _OPTIONS.items() for word in (f"--{name.replace('_', '-')}", value)]
    _say(console, f"\n$ {_command(arguments)}\n")
    config = make_config({"task": _TASK, "source": str(made.annotations), "output": str(made.output), **_OPTIONS})
    status = build(config, {}, [])
    if status == 0:
        _show_files(console, made.output)
        _show_commands(console, made.root, made.annotations)
    return status


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
    from rich.text import Text

    # Not wrapped, so that it can be copied as it stands.
    console.print(Text(plain(line, "\n")), soft_wrap=True)


def _show_files(console: Console, output: Path) -> None:
    from labelbeam.transforms.builds.published import published
    from labelbeam.transforms.stores.locate import locate

    place = locate(str(output), {})
    build = output / build_folder(published(place).build)
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


COMMAND = Command(
    "demo",
    "generate a small dataset and build it; needs no network",
    "[DIR]",
    _add_arguments,
    _run,
)
