from __future__ import annotations

import pytest

from labelbeam.schemas.errors import LabelBeamError
from labelbeam.schemas.predictions import ObjectsPrediction
from labelbeam.transforms.evaluation.matching import match
from labelbeam.transforms.evaluation.predictions.read import Said

STORE = "azureml://subscriptions/s/resourcegroups/r/workspaces/w/datastores/d/paths/parts/"


def said(*names: str) -> list[Said]:
    return [Said(name, f"line {number}", ObjectsPrediction(name, [])) for number, name in enumerate(names, 1)]


def found(urls: list[str], prefix: str | None, *names: str) -> list[str | None]:
    """What the prediction of each image is called."""
    matched = match(urls, prefix, said(*names))
    assert len([item for item in matched.said if item]) + len(matched.unknown) == len(names)
    return [item.name if item else None for item in matched.said]


def test_equal_names_match() -> None:
    urls = [f"{STORE}a/1.jpg", f"{STORE}b/1.jpg"]
    matched = match(urls, STORE, said(urls[1], f"{STORE}c/1.jpg"))
    assert [item and item.place for item in matched.said] == [None, "line 1"]
    assert (matched.unknown, matched.how) == ([f"{STORE}c/1.jpg"], "by their image_url")


def test_where_one_name_is_equal_no_other_matches_by_its_end() -> None:
    urls = [f"{STORE}validation/1.jpg", f"{STORE}validation/2.jpg"]
    assert found(urls, None, f"{STORE}train/1.jpg", urls[1]) == [None, urls[1]]


@pytest.mark.parametrize("prefix", [STORE, STORE.rstrip("/"), None])
def test_a_name_in_another_place_matches_by_the_path_below_the_prefix(prefix: str | None) -> None:
    urls = [f"{STORE}a/1.jpg", f"{STORE}b/1.jpg", f"{STORE}1.jpg"]
    other = "AmlDatastore://workspaceblobstore/upload/"
    names = [f"{other}b/1.jpg", f"{other}a/1.jpg", f"{other}1.jpg"]
    matched = match(urls, prefix, said(*names))
    assert [item and item.name for item in matched.said] == [names[1], names[0], names[2]]
    assert matched.how == "by their paths"


def test_the_same_file_name_in_another_folder_is_not_the_same_image() -> None:
    assert found([f"{STORE}a/1.jpg", f"{STORE}b/2.jpg"], STORE, "https://h/c/1.jpg", "https://h/b/2.jpg") == [
        None,
        "https://h/b/2.jpg",
    ]


def test_a_path_matches_the_only_image_that_ends_with_it() -> None:
    urls = [f"{STORE}x/a/1.jpg", f"{STORE}x/b/1.jpg", f"{STORE}x/b/2.jpg"]
    assert found(urls, STORE, "2.jpg", "a/1.jpg") == ["a/1.jpg", None, "2.jpg"]
    assert found(urls, STORE, "./b\\2.jpg") == [None, None, "./b\\2.jpg"]


def test_a_path_that_several_images_end_with_is_unknown() -> None:
    matched = match([f"{STORE}x/a/1.jpg", f"{STORE}x/b/1.jpg"], STORE, said("1.jpg"))
    assert (matched.said, matched.unknown) == ([None, None], ["1.jpg"])


def test_encoded_names_are_those_that_they_stand_for() -> None:
    urls = ["https://h/c/50%25 a#1%3F.jpg"]
    for name in (
        "AmlDatastore://d/x/50%25 a#1%3F.jpg",
        "50% a#1?.jpg",
        "file:///x/50% a#1?.jpg",
        "https://i/50%25%20a%231%3F.jpg",
    ):
        assert found(urls, "https://h/c/", name) == [name], name
    assert found(["file:///d/50%25.jpg"], "file:///d/", "50%.jpg") == [None]


def test_two_predictions_of_one_image_are_an_error_that_names_both() -> None:
    url = f"{STORE}a/1.jpg"
    for names in ((url, url), ("https://h/a/1.jpg", "https://i/a/1.jpg")):
        with pytest.raises(LabelBeamError) as caught:
            match([url, f"{STORE}b/1.jpg"], STORE, said(*names))
        assert "line 2" in str(caught.value) and "line 1" in str(caught.value)


def test_images_of_several_stores_have_no_prefix_in_common() -> None:
    urls = ["https://h/a/1.jpg", "s3://b/a/2.jpg"]
    assert found(urls, None, "file:///x/b/a/2.jpg", "h/a/1.jpg") == ["h/a/1.jpg", "file:///x/b/a/2.jpg"]


def test_no_images_and_no_predictions_match() -> None:
    assert match([], None, []).said == []
    assert match([], None, said("a")).unknown == ["a"]
