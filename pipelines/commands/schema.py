"""`labelbeam schema`: print the JSON Schema of what LabelBeam reads and writes, from the same types that check it."""

from __future__ import annotations

import argparse
from importlib import import_module
from inspect import cleandoc
from typing import Any

import msgspec

from labelbeam.pipelines.command_line.parser import Parser
from labelbeam.pipelines.commands.command import Command
from labelbeam.pipelines.runners.options import BEAM_OPTIONS, BeamOption
from labelbeam.pipelines.terminal.streams import write_stdout
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.formats.registry import FORMATS
from labelbeam.transforms.messages.words import did_you_mean

_FORMS = {task: "Labels" if task.startswith("image_classification") else "Objects" for task in TASKS}

_TYPES = {
    "image_classification": "labelbeam.schemas.documents:ClassificationDocument",
    "image_classification_multilabel": "labelbeam.schemas.documents:MultilabelDocument",
    "image_object_detection": "labelbeam.schemas.documents:DetectionDocument",
    "image_instance_segmentation": "labelbeam.schemas.documents:SegmentationDocument",
    "config": "labelbeam.schemas.config:ConvertConfig",
    "manifest": "labelbeam.schemas.manifest:Manifest",
    "latest": "labelbeam.schemas.manifest:Latest",
    "rejected": "labelbeam.schemas.neutral:Rejection",
    "request": "labelbeam.schemas.requests:Request",
    "explain_request": "labelbeam.schemas.requests:ExplainedImage",
    **{f"response_{task}": f"labelbeam.schemas.responses:{form}Response" for task, form in _FORMS.items()},
    "mlflow_request": "labelbeam.schemas.requests:MlflowRequest",
    **{f"mlflow_response_{task}": f"labelbeam.schemas.responses:Mlflow{form}Response" for task, form in _FORMS.items()},
    **{f"prediction_{task}": f"labelbeam.schemas.predictions:{form}Prediction" for task, form in _FORMS.items()},
    "failed": "labelbeam.schemas.scores:FailedImage",
    "scores_manifest": "labelbeam.schemas.scores:ScoresManifest",
    "evaluation": "labelbeam.schemas.evaluation:Evaluation",
}
"""Modules by name: listing the names, as --help does, must not import numpy for one of them."""

NAMES = tuple(_TYPES)


def schema(name: str) -> dict[str, Any]:
    """The schema of one of `NAMES`, JSON Schema 2020-12."""
    module, _, type_name = _TYPES[name].partition(":")
    found: dict[str, Any] = msgspec.json.schema(getattr(import_module(module), type_name))
    for definition in found["$defs"].values():
        definition["description"] = cleandoc(definition["description"])
    if name == "config":
        _describe_file(found["$defs"]["ConvertConfig"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def _describe_file(config: dict[str, Any]) -> None:
    """A config file may hold more than the options of a run, and less: flags may add what it leaves out."""
    del config["required"]
    properties = config["properties"]
    del properties["of_formats"]
    for found in FORMATS.values():
        properties |= msgspec.json.schema(found.options)["$defs"][found.options.__name__]["properties"]
    properties["format"] = {
        "description": properties["format"]["description"],
        "enum": ["auto", *FORMATS],
        "default": "auto",
    }
    source = properties["source"]
    one = {"type": "string", "minLength": 1}
    properties["source"] = {"description": source.pop("description"), "anyOf": [one, source]}
    properties |= {name: _beam_schema(option) for name, option in sorted(BEAM_OPTIONS.items())}


def _beam_schema(option: BeamOption) -> dict[str, Any]:
    about = {"description": "an option of Apache Beam"}
    if option.kind == "flag":
        return {**about, "type": "boolean"}
    # Text that looks like a number need not be quoted: it is passed on as it is written.
    one = {"type": ["string", "number", "boolean"]}
    return {**about, "anyOf": [one, {"type": "array", "items": one}]} if option.many else {**about, **one}


def schema_text(name: str) -> str:
    """The schema of one of `NAMES` as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(schema(name)), indent=2).decode()


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help=f"one of {', '.join(NAMES)}")


def _run(known: argparse.Namespace) -> int:
    if known.name not in NAMES:
        raise UsageError(f"found {known.name!r}, expected one of {', '.join(NAMES)}{did_you_mean(known.name, NAMES)}")
    write_stdout(schema_text(known.name))
    return 0


COMMAND = Command("schema", "print the JSON Schema of a record or document", "NAME", _add_arguments, _run)
