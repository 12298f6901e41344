"""Texts that are written as YAML read back as what they were, by readers of YAML 1.1 and 1.2."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.messages.yaml_text import yaml_text


class Core(yaml.SafeLoader):
    """The core schema of YAML 1.2.2, section 10.3.2: which plain texts are none."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # type: ignore[misc]  # noqa: RUF012


for tag, pattern in (
    ("null", r"null|Null|NULL|~|"),
    ("bool", r"true|True|TRUE|false|False|FALSE"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
):
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"(?:{pattern})$"), None)

HOSTILE = [
    *("- a", "!!python/object/apply:os.system [ls]", "a: b", "# c", "a #b", "yes", "no", "null", "~", "1e3", "0x10", "0o7", "1:30"),
    *("2001-01-01", "%TAG", "&a", "*a", "|", "> x", "`a", "@a", '"a', "'a", "a\nb: c", "a\rb", "a\x85b", "a\u2028b", "a\u202eb", "\ufeffa"),
    *("a\x07b", "a\x7fb", "a\tb", " a ", "a ", "{a: b}", "[a]", "---", "...", "?", "? a", "-", "=", "<<", "\U0001f600", "a'b\"c", "\\n"),
    *("", " ", "on", "1_000", ".inf", "12e03", "+1", "a\\", "a:", "a\0b", "x" * 20_000, "x y " * 5_000, "n", "Y", "$x: y"),
]  # fmt: skip


def read_back(document: Any) -> None:
    text = yaml_text(document)
    for loader in (yaml.SafeLoader, Core):
        assert yaml.load(text, loader) == document


@pytest.mark.parametrize("value", HOSTILE)
def test_a_text_is_a_text_again_as_a_value_as_a_key_and_in_a_list(value: str) -> None:
    read_back({"before": value, value: [value, {value: value}], "after": 1})


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text()) | st.integers() | st.booleans()))
def test_any_document_of_texts_reads_back(document: Any) -> None:
    read_back(document)


def test_one_value_in_two_places_is_written_twice() -> None:
    once = {"a": "b"}
    assert "*" not in yaml_text([once, once])
