"""Labels that are nearly the same."""

from __future__ import annotations

import pytest

from labelbeam.transforms.builds.alike import labels_alike, labels_joined


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cat", "cat"),
        ("milk bottle", "milk_bottle"),
        ("T-Shirt", "t  shirt"),
        ("\uff23\uff21\uff34", "cat"),
        ("1", "1.0"),
        ("c\u0430t", "cat"),
        ("\u2602\ufe0f", "\u2602"),
        ("12.0", "12"),
        ("3.00", "3.0"),
        ("\u0441\u0430r", "car"),
        ("caf%C3%A9", "caf\u00e9"),
        ("milk%20bottle", "milk bottle"),
        ('"cat"', "cat"),
        ("cat.", "\u201ccat\u201d"),
        ("MilkBottle", "milk_bottle"),
        ("MilkBottle", "milkbottle"),
    ],
)
def test_labels_that_differ_in_their_form_only_are_told_with_both_counts(one: str, other: str) -> None:
    (doubt,) = labels_alike({one: 3, "dog": 1, other: 7})
    assert (doubt.code, doubt.count) == ("labels_alike", 1)
    assert f"{one!r} (3)" in doubt.message and f"{other!r} (7)" in doubt.message


def test_many_of_them_are_counted_and_a_few_are_shown() -> None:
    (doubt,) = labels_alike({f"{letter}{number}": 1 for letter in "aA" for number in range(9)})
    assert doubt.count == 9 and "and 4 more" in doubt.message


@pytest.mark.parametrize(
    "labels", [[], ["cat"], ["cat", "cats"], ["a b", "ab"], ["1", "01"], [".", ",", ";"], ["Ab", "aB C"]]
)
def test_other_labels_are_not_doubted(labels: list[str]) -> None:
    assert labels_alike(dict.fromkeys(labels, 1)) == []


MULTILABEL = "image_classification_multilabel"


@pytest.mark.parametrize(
    "joined", ["cat/dog", "cat+dog", "cat & dog", "dog|cat", "cat;dog", "cat,dog,cow", "cat#dog", "cat:dog", "cat、dog"]
)
def test_a_label_that_is_made_of_others_is_told_where_images_may_have_several(joined: str) -> None:
    (doubt,) = labels_joined({"cat": 2, "dog": 3, "cow": 1, joined: 1}, MULTILABEL)
    assert (doubt.code, doubt.example) == ("label_separator", joined)
    assert labels_joined({"cat": 2, "dog": 3, "cow": 1, joined: 1}, "image_classification") == []


@pytest.mark.parametrize("label", ["cat/ferret", "n/a", "AC/DC", "cat dog", "/", "cat-dog"])
def test_a_label_with_a_mark_whose_parts_are_none_is_not(label: str) -> None:
    assert labels_joined({"cat": 2, "dog": 3, label: 1}, MULTILABEL) == []
