"""`labelbeam inspect`: what is a source and what a config, and which task is taken where none is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelbeam.pipelines.command_line.options import FIELDS
from labelbeam.pipelines.command_line.parser import Parser
from labelbeam.pipelines.commands.inspect import COMMAND, OF_CONVERT_ONLY, _is_config, with_usual_task
from labelbeam.schemas.config import ConvertConfig
from tests.transforms.formats.coco.planned import coco


@pytest.mark.parametrize(
    ("name", "text", "is_config"),
    [
        ("a.yaml", "task: image_classification\n", True),
        ("a.YML", "# mine\nsource: x\n", True),
        ("a.yaml", '"task": x\n', True),
        ("a.yaml", "{task: x}\n", True),
        ("data.yaml", "names: [a]\ntrain: images\n", False),
        ("data.yaml", "names: [task, source]\n", False),
        ("a.json", "task: x\n", False),
    ],
)
def test_a_config_is_a_yaml_file_that_says_what_is_built(name: str, text: str, is_config: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    assert _is_config(str(tmp_path / name)) is is_config


def test_what_is_not_there_or_elsewhere_is_a_source() -> None:
    assert not _is_config("gone.yaml")
    assert not _is_config("https://h/a.yaml")


def test_options_without_an_effect_are_none_of_it() -> None:
    parser = Parser(prog="labelbeam inspect")
    COMMAND.add_arguments(parser)
    names = {option.removeprefix("--").replace("-", "_") for option in parser.options()}
    assert set(OF_CONVERT_ONLY) <= set(FIELDS) and not names & set(OF_CONVERT_ONLY)
    assert set(FIELDS) - set(OF_CONVERT_ONLY) <= names


def test_the_task_is_what_the_source_says_or_what_its_format_is_mostly_built_for(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(coco())
    (tmp_path / "x.jsonl").write_text('{"image_url": "https://h/1.jpg", "label": ["cat"]}\n')
    for name, task in (("x.json", "image_object_detection"), ("x.jsonl", "image_classification_multilabel")):
        config = ConvertConfig(task="image_classification", source=[str(tmp_path / name)], output="nowhere")
        assert with_usual_task(config, {}).task == task
