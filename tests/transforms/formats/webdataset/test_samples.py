"""Samples by WebDataset's rule: keys end at the first dot of a name, and files of one key are one sample."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.transforms.formats.webdataset.samples import is_label_suffix, labelled, samples_of, split_name


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("000.jpg", ("000", "jpg")),
        ("images17/image194.left.JPG", ("images17/image194", "left.jpg")),
        ("some/path/22.0/1.1.png", ("some/path/22.0/1", "1.png")),
        ("235342 Track 2.0.mp3", ("235342 Track 2", "0.mp3")),
        ("a/b", None),
        (".hidden.jpg", None),
        ("__MACOSX/1.jpg", None),
        ("__index__.json", None),
        ("a/__meta__/1.jpg", None),
        ("1.", None),
    ],
)
def test_a_key_is_the_path_up_to_the_first_dot_of_its_last_part(path: str, expected: tuple[str, str] | None) -> None:
    assert split_name(path) == expected


@given(st.text("ab./_", max_size=12))
def test_keys_are_those_of_webdatasets_own_pattern(path: str) -> None:
    theirs = re.match(r"^((?:.*/|)[^.]+)[.]([^/]*)$", path)
    ours = split_name(path)
    if ours is not None:
        assert theirs is not None and ours == (theirs[1], theirs[2].lower())


def test_files_of_a_key_are_one_sample_wherever_they_stand() -> None:
    found = samples_of(["a.jpg", "a.cls", "b.jpg", "c.png", "b.cls", "README"])
    assert {key: sorted(sample.files) for key, sample in found.items()} == {
        "a": ["cls", "jpg"],
        "b": ["cls", "jpg"],
        "c": ["png"],
    }
    assert [sample.key for sample in found.values() if sample.apart] == ["b"]
    assert [sample.key for sample in labelled(found)] == ["a", "b"]


def test_files_that_stand_twice_are_told() -> None:
    found = samples_of(["a.jpg", "a.JPG", "b.jpg", "b.cls"], ["b.cls"])
    assert {key: sample.repeated for key, sample in found.items()} == {"a": ["jpg"], "b": ["cls"]}


@pytest.mark.parametrize(
    ("paths", "chosen", "expected"),
    [
        (["a.jpg", "a.json"], None, "jpg"),
        (["a.left.jpg"], None, "left.jpg"),
        (["a.jpg", "a.seg.png"], None, "jpg"),
        (["a.left.jpg", "a.right.jpg"], None, None),
        (["a.jpg", "a.png"], None, None),
        (["a.left.jpg", "a.right.jpg"], "right.jpg", "right.jpg"),
        (["a.jpg"], "right.jpg", None),
        (["a.json"], None, None),
    ],
)
def test_the_image_is_the_only_one_or_the_one_that_was_chosen(
    paths: list[str], chosen: str | None, expected: str | None
) -> None:
    assert samples_of(paths)["a"].image(chosen) == expected


def test_labels_are_found_by_their_suffix() -> None:
    (sample,) = samples_of(["a.jpg", "a.info.json", "a.label.txt", "a.x.cls", "a.y.cls"]).values()
    assert (sample.only("json"), sample.only("cls"), sample.text()) == ("a.info.json", None, "a.label.txt")
    assert [is_label_suffix(suffix) for suffix in ("json", "left.json", "cls", "txt", "jpg", "caption.txt")] == [
        *(True, True, True, True, False, False)
    ]
