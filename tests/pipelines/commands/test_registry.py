"""Commands: each under its own name, with a parser that says what it takes, and words for what is wrong."""

from __future__ import annotations

import pytest

from labelbeam.pipelines.commands.registry import COMMANDS, make_parsers
from labelbeam.pipelines.version import VERSION
from labelbeam.schemas.errors import UsageError

PARSER, PARSERS = make_parsers()


def test_every_command_has_a_parser_and_stands_in_the_help() -> None:
    assert list(PARSERS) == list(COMMANDS)
    text = PARSER.format_help()
    for name, command in COMMANDS.items():
        assert command.name == name and f"    {name} " in text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_tells_its_usage_what_it_does_and_how_it_ends(name: str) -> None:
    text = PARSERS[name].format_help()
    command = COMMANDS[name]
    assert text.startswith(f"usage: labelbeam {name} {command.usage}")
    assert "exit status:" in text and "LABELBEAM_DEBUG=1" in text
    assert command.text[1:30] in text and not command.text.endswith(".")


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_is_never_guessed_from_its_beginning(name: str) -> None:
    for option in PARSERS[name].options():
        if option.startswith("--") and len(option) > 4 and option != "--labels":  # Beam has --label.
            known, rest = PARSERS[name].parse_known_args([*_needed(name), option[:-1]])
            assert option[:-1] in rest, known


def _needed(name: str) -> list[str]:
    words = {
        "score": ["s", "--endpoint", "e", "--output", "o"],
        "evaluate": ["o", "--predictions", "p"],
        "export": ["o", "--to", "coco", "d"],
    }
    positional = {"verify": ["o"], "report": ["o"], "job": ["o"], "clean": ["o"], "schema": ["manifest"]}
    return words.get(name, positional.get(name, []))


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        PARSER.parse_args(["--version"])
    assert capsys.readouterr().out == f"labelbeam {VERSION}\n"


def test_an_unknown_command_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="see labelbeam --help"):
        PARSER.parse_args(["convrt"])
