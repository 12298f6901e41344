"""Labels in the names of images: by a pattern that a person gives, and asked about where names look so."""

from __future__ import annotations

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.formats.folder.names_with_labels import PATTERN, label_in, pattern_of, question_of_names


def test_a_label_is_the_first_group_and_none_where_nothing_matches() -> None:
    pattern = pattern_of(r"([a-z]+)\.\d+\.jpg$")
    assert pattern is not None
    assert [label_in(path, pattern) for path in ("train/cat.0.jpg", "dog.12.jpg", "12.jpg")] == ["cat", "dog", ""]
    optional = pattern_of("(a)?b")
    assert optional is not None and label_in("b", optional) == ""


@pytest.mark.parametrize("given", [None, "none"])
def test_without_a_pattern_no_name_holds_a_label(given: str | None) -> None:
    assert pattern_of(given) is None


@pytest.mark.parametrize(
    ("given", "words"),
    [("(", "no regular expression"), ("a" * 5, "expected a group"), ("a{99999999999}", "no regular expression")],
)
def test_a_pattern_that_is_none_is_refused(given: str, words: str) -> None:
    with pytest.raises(UsageError, match=f"--label-pattern: found .*{words}"):
        pattern_of(given)


@pytest.mark.parametrize(
    "names",
    [
        [f"{label}.{n}.jpg" for label in ("cat", "dog") for n in range(5)],
        [f"{label} ({n}).JPG" for label in ("cat", "dog") for n in range(5)],
        [f"a/{label}_{n:04}.png" for label in ("Abyssinian", "great_pyrenees") for n in range(5)],
    ],
)
def test_words_before_numbers_that_repeat_are_asked_about_with_the_option_that_reads_them(names: list[str]) -> None:
    question = question_of_names(names)
    assert f"--label-pattern '{PATTERN}'" in question and "--label-pattern none" in question
    pattern = pattern_of(PATTERN)
    assert pattern is not None and len({label_in(name, pattern) for name in names}) == 2


@pytest.mark.parametrize(
    "names",
    [
        [f"IMG_{n}.jpg" for n in range(9)] + [f"DSC{n}.jpg" for n in range(9)],
        [f"{n}.jpg" for n in range(9)],
        [f"cat{n}.jpg" for n in range(9)],
        [f"word{'abcdefghi'[n]}{n}.jpg" for n in range(9)],
        [f"cat{n}.jpg" for n in range(4)] + [f"dog{n}.jpg" for n in range(4)] + ["x.jpg"] * 4,
        [],
    ],
)
def test_names_of_cameras_numbers_and_words_that_do_not_repeat_are_none(names: list[str]) -> None:
    assert question_of_names(names) == ""
