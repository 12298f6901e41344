"""Doubts: each with words of its own, merged in any order, and settled by a code or by being a note."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.doubts import NOTES, Doubt, Doubted, merge_doubts, unclassified, unsettled

doubts = st.lists(
    st.builds(
        Doubt,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["x", "y"]),
        st.integers(1, 3),
        st.sampled_from(["", "1", "2"]),
    ),
    max_size=4,
)


@given(doubts)
def test_doubts_are_merged_by_code_and_message_in_any_order(found: list[Doubt]) -> None:
    merged = {repr(merge_doubts(order)) for order in itertools.permutations(found)}
    assert len(merged) == 1
    one = merge_doubts(found)
    assert sum(doubt.count for doubt in one) == sum(doubt.count for doubt in found)
    assert len({(doubt.code, doubt.message) for doubt in one}) == len(one)
    assert merge_doubts(one) == one


def test_of_examples_the_lesser_that_there_is_is_kept() -> None:
    (doubt,) = merge_doubts([Doubt("a", "x", 1, ""), Doubt("a", "x", 2, "b"), Doubt("a", "x", 3, "a")])
    assert (doubt.count, doubt.example) == (6, "a")


def test_notes_and_what_was_accepted_keep_nothing_from_being_published() -> None:
    note = next(iter(NOTES))
    found = [Doubt(note, "n"), Doubt(Doubted.LISTING, "l"), Doubt(Doubted.VOC_ORIGIN, "o")]
    assert unsettled(found, []) == found[1:]
    assert unsettled(found, ["listing"]) == found[2:]
    assert unsettled(found, [*Doubted]) == []


def test_a_warning_in_words_is_a_doubt_without_a_code_of_its_own() -> None:
    assert unclassified(["one"]) == [Doubt(Doubted.OTHER, "one")]
    assert unsettled(unclassified(["one"]), []), "which --strict minds"


@pytest.mark.parametrize("code", Doubted)
def test_a_code_is_a_word_that_can_be_typed_with_a_sentence_beside_it(code: Doubted) -> None:
    assert code.replace("_", "").isalnum() and code.islower() and code.isascii()
    assert len(code.doc.split()) > 3


def test_a_doubt_that_quotes_what_is_no_text_can_be_written() -> None:
    doubt = Doubt(Doubted.TABLE_CHARSET, "found '\udc88'", 1, "ü\udc88", "--split-values \udc88=train")
    assert msgspec.json.decode(msgspec.json.encode(doubt))["example"] == "ü\\udc88"
