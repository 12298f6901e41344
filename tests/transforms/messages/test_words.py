"""Words of messages can be printed anywhere, are bounded, and suggest what was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.messages.words import did_you_mean, excerpt, is_utf8, listed, plain, printable

any_text = st.text(st.characters() | st.sampled_from("\x1b\u202e\ud800\n\t"))


@given(any_text)
def test_what_is_printable_can_be_encoded_and_stays_so(text: str) -> None:
    assert printable(text).encode().decode() == printable(printable(text)) == printable(text)
    assert is_utf8(text) is (printable(text) == text)


@given(any_text)
def test_nothing_in_a_plain_text_steers_a_terminal(text: str) -> None:
    shown = plain(text, "\n")
    assert not set(shown) & {chr(number) for number in range(32) if chr(number) != "\n"}
    assert not set(shown) & set("\x7f\x9b\u200e\u202e\u2066\u2028\ufeff\ud800")
    assert plain(shown, "\n") == shown


@pytest.mark.parametrize("text", ["caf\u00e9", "\u732b", "a b", "\U0001f408"])
def test_letters_of_any_script_stay(text: str) -> None:
    assert plain(text) == printable(text) == text


def test_names_are_quoted_cut_and_counted() -> None:
    assert listed([]) == "none"
    assert listed(["a", "b"]) == "'a', 'b'"
    assert listed(["x" * 100]) == f"'{'x' * 40}'"
    assert listed(map(str, range(25))).endswith("'19' and 5 more")
    assert listed(["\ud800"]) == "'\\\\ud800'"


@pytest.mark.parametrize(
    ("value", "shown"),
    [([1], "a list of 1"), ({}, "a dict of 0"), ("a", "'a'"), (None, "None"), ("x" * 99, f"'{'x' * 79}")],
)
def test_an_excerpt_says_what_a_value_is_and_no_more(value: object, shown: str) -> None:
    assert excerpt(value) == shown


def test_what_resembles_nothing_is_not_guessed() -> None:
    assert did_you_mean("tsak", ["task", "split"]) == "; did you mean task?"
    assert did_you_mean("nonsense", ["task"]) == ""
    assert did_you_mean("", []) == ""
