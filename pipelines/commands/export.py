"""`labelbeam export`: write the current build in the format of another tool."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from msgspec import json

from labelbeam.pipelines.command_line.options import add_options
from labelbeam.pipelines.command_line.parser import Parser, add_output
from labelbeam.pipelines.commands.command import Command
from labelbeam.pipelines.terminal.streams import LOG, say, set_up_logging, write_stdout
from labelbeam.transforms.messages.words import counted

if TYPE_CHECKING:
    from labelbeam.transforms.export.export import Exported


def _add_arguments(parser: Parser) -> None:
    add_output(parser)
    parser.add_argument(
        "--to",
        metavar="FORMAT",
        required=True,
        help="coco, yolo, voc, huggingface, webdataset, croissant or csv",
    )
    parser.add_argument(
        "dest",
        metavar="DEST",
        help="fsspec URL of a directory for this export alone; an earlier export there is replaced",
    )
    parser.add_argument(
        "--copy-images",
        action="store_true",
        help="copy the images to where the format expects them below DEST; huggingface and webdataset always do, csv and croissant never",
    )
    parser.add_argument("--images", metavar="URL", help="URL of the images to copy (default: from the manifest)")
    add_options(parser, ["storage_options", "json"])


def _run(known: argparse.Namespace) -> int:
    as_json = "json" in vars(known)
    set_up_logging(as_json, known.storage)
    from labelbeam.transforms.export.export import ExportOptions, export

    options = ExportOptions(known.to, known.dest, known.copy_images, known.images)
    exported = export(known.output, options, known.storage)
    for line in exported.told():
        LOG.warning("warning: %s", line)
    if as_json:
        write_stdout(json.encode({"status": "exported"} | _plain(exported)).decode())
    else:
        _print(exported)
    return 0


def _plain(exported: Exported) -> dict[str, object]:
    return {name: getattr(exported, name) for name in exported.__struct_fields__}


def _print(exported: Exported) -> None:
    splits = ", ".join(
        f"{name}: {counted(part['images'], 'image')}, {counted(part['objects'], 'object')}"
        for name, part in exported.splits.items()
    )
    copied = f" {counted(exported.copied, 'image was', 'images were')} copied." if exported.copied else ""
    say(f"wrote build {exported.build} as {exported.format} to {exported.dest} ({splits}).{copied}")


COMMAND = Command(
    "export",
    "write a published build as COCO, YOLO, Pascal VOC, CSV, Hugging Face, WebDataset or Croissant",
    "OUTPUT --to FORMAT DEST [options]",
    _add_arguments,
    _run,
)
