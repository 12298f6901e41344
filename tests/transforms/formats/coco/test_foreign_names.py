"""Names of images that are absolute, or lead out."""

from __future__ import annotations

import pytest

from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.formats.coco.foreign_names import ForeignName, find_foreign, part_below


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("/home/bob/data/images/1.jpg", "home/bob/data/images/1.jpg"),
        ("C:\\data\\images\\1.jpg", "data/images/1.jpg"),
        ("..\\..\\media\\upload\\4\\1.jpg", "media/upload/4/1.jpg"),
        ("../images/x/../1.jpg", "images/1.jpg"),
        ("file:///home/bob/1.jpg", "home/bob/1.jpg"),
        ("s3://bucket/a%20b/1.jpg", "a b/1.jpg"),
        ("images/1.jpg", None),
        ("./images//1.jpg", None),
        ("https://host/../1.jpg", None),
        ("..", None),
        ("/", None),
        ("../a\x00.jpg", None),
        ("/%2e%2e/1.jpg", None),
    ],
)
def test_the_part_that_may_lie_below_another_directory(name: str, part: str | None) -> None:
    assert part_below(name) == part


def looked_for(names: list[str], stored: list[str], others: list[str]) -> tuple[list[str | None], list[str]]:
    foreign = [ForeignName(name, "", Rejected.UNSAFE_PATH) for name in names]
    found = find_foreign("file:///d.json", "file:///r", foreign, others, frozenset(stored), len(names) + len(others))
    assert all("file_name is" in message for message in found.messages)
    return found.paths, [doubt.code for doubt in found.doubts]


def test_images_are_found_by_most_of_the_folders_that_their_names_end_with() -> None:
    names = ["/x/set/a/1.jpg", "/x/set/b/1.jpg"]
    paths, codes = looked_for(names, ["set/a/1.jpg", "a/b/1.jpg", "c/1.jpg"], [])
    assert (paths, codes) == (["set/a/1.jpg", "a/b/1.jpg"], ["images_in_other_folders"])


def test_a_name_that_leads_right_to_its_image_leaves_no_doubt() -> None:
    assert looked_for(["../images/1.jpg"], ["images/1.jpg", "1.jpg"], []) == (["images/1.jpg"], [])


def test_what_is_not_there_or_may_be_two_or_is_anothers_is_refused_and_told() -> None:
    names = ["/x/1.jpg", "/x/2.jpg", "/x/3.jpg"]
    paths, codes = looked_for(names, ["a/1.jpg", "b/1.jpg", "3.jpg"], ["3.jpg"])
    assert (paths, codes) == ([None] * 3, ["names_lead_out"])


def test_the_folder_that_they_have_in_common_is_named() -> None:
    names = [ForeignName(f"/home/bob/data/{n}.jpg", "", Rejected.UNSAFE_PATH) for n in (1, 2)]
    (doubt,) = find_foreign("file:///d.json", "file:///r", names, [], frozenset(), 2).doubts
    assert "'/home/bob/data/'" in doubt.message and doubt.option == "--images"


def test_what_is_told_of_a_name_holds_no_secret() -> None:
    names = [ForeignName(f"s3://bucket/{n}.jpg?sig=SECRET", "", Rejected.UNSUPPORTED_URL) for n in (1, 2)]
    for stored in (frozenset[str](), frozenset({"a/1.jpg"})):
        found = find_foreign("file:///d.json", "file:///r", names, [], stored, 2)
        assert "SECRET" not in f"{found.messages}{found.doubts}"
