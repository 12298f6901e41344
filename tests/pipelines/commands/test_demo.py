"""`labelbeam demo`: what it prints can be typed."""

from __future__ import annotations

import shlex
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.pipelines.commands.demo import _command, _options


@settings(max_examples=30)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n")).filter(
            lambda word: not word.startswith("--")
        ),
        max_size=4,
    )
)
def test_a_command_is_read_by_a_shell_as_it_was_meant(values: list[str]) -> None:
    arguments = ["convert", *(word for value in values for word in ("--option", value))]
    # A shell takes a backslash before the end of a line as nothing; shlex keeps it.
    assert shlex.split(_command(arguments).replace("\\\n", "")) == ["labelbeam", *arguments]


def test_each_option_but_the_first_has_a_line() -> None:
    text = _command(["convert", *_options("image_classification", Path("my data"), Path("out"))])
    assert text.splitlines() == [
        "labelbeam convert --task image_classification \\",
        "      --source 'my data' \\",
        "      --output out",
    ]
