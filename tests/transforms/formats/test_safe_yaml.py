"""YAML of others is read or refused in words, whatever is in it."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.safe_yaml import NoYamlError, load_yaml


def test_plain_yaml_is_read_by_its_forms() -> None:
    assert load_yaml(b"a: [1, true, x, null, 0.5]") == {"a": [1, True, "x", None, 0.5]}
    assert load_yaml(b"") is None
    assert load_yaml("\u00e9: \u732b".encode("utf-16")) == {"\u00e9": "\u732b"}


@pytest.mark.parametrize(
    "data",
    [
        b"a: [",
        b"a: \x00",
        b"\xff\xff",
        b"a: 2001-99-99",
        b"a: 0x_",
        b"a: !!bool x",
        b"a: !!int x",
        b"a: !!timestamp x",
        b"a: !mine x",
        b"? [a]\n: b",
        b"a: " + b"9" * 5000,
        b"[" * 10_000,
        b"a: b\n---\nc: d",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_none_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(NoYamlError) as caught:
        load_yaml(data)
    assert str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"- &a [x]\n- *a", b"&a [*a]", b"a: &a {<<: *a}"])
def test_aliases_are_refused_before_they_expand(data: bytes) -> None:
    with pytest.raises(NoYamlError, match="aliases"):
        load_yaml(data)


def test_a_bomb_is_refused_in_no_time() -> None:
    lines = [b"a0: &a0 [x, x]"] + [
        b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 30)
    ]
    with pytest.raises(NoYamlError, match="aliases"):
        load_yaml(b"\n".join(lines))


@given(st.binary(max_size=40) | st.text("a: -[]{}&*!#|>'\"\n1.0x_", max_size=40).map(str.encode))
def test_whatever_the_bytes_they_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(NoYamlError):
        load_yaml(data)
