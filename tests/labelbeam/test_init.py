"""The public package: light, typed, and complete."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, get_type_hints

import pytest

import labelbeam
from labelbeam.options import ConvertOptions, Gates, InspectOptions, ScoreOptions
from labelbeam.pipelines.command_line.options import FIELDS
from labelbeam.pipelines.commands.inspect import OF_CONVERT_ONLY
from labelbeam.pipelines.commands.registry import make_parsers
from labelbeam.pipelines.version import VERSION
from labelbeam.schemas.errors import LabelBeamError
from labelbeam.transforms.evaluation.gates import GATES


def test_every_public_name_is_there() -> None:
    for name in labelbeam.__all__:
        assert getattr(labelbeam, name) is not None
        assert name in dir(labelbeam)
    assert labelbeam.__version__ == VERSION
    with pytest.raises(AttributeError, match="'labelbeam' has no attribute 'covert'"):
        _ = labelbeam.covert  # type: ignore[attr-defined]


def test_errors_and_beam_are_loaded_when_they_are_used() -> None:
    code = "import labelbeam, sys; labelbeam.errors.UsageError; labelbeam.ConvertConfig; print('numpy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
    assert labelbeam.beam.ReadBuild.__name__ == "ReadBuild"


def test_the_hierarchy_of_errors_is_drawn_as_it_is() -> None:
    for name in labelbeam.errors.__all__:
        assert issubclass(getattr(labelbeam.errors, name), LabelBeamError)
        assert f" {name} " in (labelbeam.errors.__doc__ or "").replace("\n", " \n") or name == "LabelBeamError"


def test_options_are_keywords_and_keywords_are_options() -> None:
    convert, inspect = (set(get_type_hints(options)) for options in (ConvertOptions, InspectOptions))
    assert convert == set(FIELDS) - {"json"}
    assert inspect == (convert - set(OF_CONVERT_ONLY)) | {"source"}


def test_options_of_score_and_evaluate_are_keywords() -> None:
    def options(command: str) -> set[str]:
        names = make_parsers()[1][command].options()
        return {name[2:].replace("-", "_") for name in names if name.startswith("--")} - {"help", "json"}

    named = {"endpoint", "output", "allow_http", "storage_options"}
    assert set(get_type_hints(ScoreOptions)) == options("score") - named
    assert set(get_type_hints(Gates)) == set(GATES)
    signature = set(get_type_hints(labelbeam.evaluate)) - {"gates", "return"}
    renamed: dict[str, Any] = {"output": "result"}
    assert {renamed.get(name, name) for name in options("evaluate") - set(GATES)} == signature - {"output"}
