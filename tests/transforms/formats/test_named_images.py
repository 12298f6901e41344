"""Images that annotations name, found in a listing; and the listing as an index that units of any machine are read against."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.neutral import SourceImage
from labelbeam.transforms.formats import named_images
from labelbeam.transforms.formats.frames import Evidence
from labelbeam.transforms.formats.named_images import (
    ImageFinder,
    ListedImages,
    finder_of,
    image_named,
    refuse_far,
    remarks_on,
    tally_images,
)
from labelbeam.transforms.formats.reading import Reading, ReadOptions
from labelbeam.transforms.workers.staged_units import StagedUnit
from tests.transforms.formats.planned_trees import fill, plan

LISTED = ("one/images/1.jpg", "two/images/1.jpg", "train/2.jpg", "val/2.jpg", "a/3.JPG", "b/c/4.jpg", "x/c/4.jpg")


@pytest.mark.parametrize(
    ("name", "base", "path", "by_other_name", "candidates"),
    [
        ("1.jpg", "one/labels", "one/images/1.jpg", False, 0),
        ("1.jpg", "labels", None, False, 2),
        ("two/images/1.jpg", "labels", "two/images/1.jpg", False, 0),
        ("D:\\work\\two\\images\\1.jpg", "", "two/images/1.jpg", False, 0),
        ("2.jpg", "labels/val", "val/2.jpg", False, 0),
        ("2.jpg", "labels/test", None, False, 0),
        ("3.jpg", "", "a/3.JPG", True, 0),
        ("3.png", "", "a/3.JPG", True, 0),
        ("3", "", "a/3.JPG", False, 0),
        ("../c/4.jpg", "x/labels", "x/c/4.jpg", False, 0),
        ("/data/b/c/4.jpg", "labels", "b/c/4.jpg", False, 0),
        ("5.jpg", "", None, False, 0),
        ("", "", None, False, 0),
        ("../..", "a", None, False, 0),
    ],
)
def test_an_image_is_found_by_its_place_else_by_how_its_path_ends(
    name: str, base: str, path: str | None, by_other_name: bool, candidates: int
) -> None:
    found = ImageFinder(LISTED).find(name, base)
    assert (found.path, found.by_other_name, len(found.candidates)) == (path, by_other_name, candidates)


@pytest.mark.parametrize("staged", [False, True])
def test_the_listing_is_left_for_units_in_this_process_or_in_the_store(staged: bool, memory: str) -> None:
    config = ConvertConfig(task="image_object_detection", source=[memory], output=f"{memory}/out")
    options = ReadOptions(config, {}, 1, f"{memory}/staged" if staged else None)
    result = ListedImages(memory, LISTED).read(Reading(options))
    assert isinstance(result.index, StagedUnit if staged else bytes)
    index = pickle.loads(pickle.dumps(result.index))
    finder = finder_of(Reading(options, index))
    assert len(finder) == len(LISTED)
    assert finder.find("2.jpg", "val").path == "val/2.jpg"
    assert result.findings.evidence[memory].count("images_listed") == len(LISTED)


@pytest.mark.parametrize(
    ("name", "path", "near", "found", "split"),
    [
        ("1.jpg", "a.xml", "one/images", "one/images/1.jpg", None),
        ("images/1.jpg", "a.xml", "two", "two/images/1.jpg", None),
        ("2.jpg", "a.xml", "images/val", "val/2.jpg", "validation"),
        ("2.jpg", "a.xml", "images/test", "2.jpg", None),
        ("9.jpg", "x/a.xml", "images", "x/9.jpg", None),
    ],
)
def test_an_image_is_looked_for_first_where_its_tool_puts_it(
    name: str, path: str, near: str, found: str, split: str | None
) -> None:
    image = image_named(name, ImageFinder(LISTED), path, "memory://x", path, near)
    assert (image.path, image.split, image.rejected) == (found, split, [])


@pytest.mark.parametrize(
    ("name", "path", "codes"),
    [
        ("file:///data/b/c/4.jpg", "b/c/4.jpg", []),
        ("file:///C:/work/one/images/1.jpg", "one/images/1.jpg", []),
        ("azureml://datastores/d/paths/x/c/4.jpg", "x/c/4.jpg", []),
        ("file:///data/1.jpg", "file:///data/1.jpg", ["ambiguous_image"]),
        ("file:///data/5.jpg", "file:///data/5.jpg", ["unsupported_url"]),
        ("https://h/b/c/4.jpg", "https://h/b/c/4.jpg", []),
    ],
)
def test_a_url_that_the_trainer_does_not_read_leads_to_the_image_here_whose_path_ends_so(
    name: str, path: str, codes: list[str]
) -> None:
    image = image_named(name, ImageFinder(LISTED), "labels.csv", "memory://x", "labels.csv line 2")
    assert (image.path, [str(item.code) for item in image.rejected]) == (path, codes)
    assert [str(code) for code in image.adjusted] == ["image_by_other_name"] * (path in LISTED)


def test_a_source_of_which_most_numbers_are_no_shares_is_refused() -> None:
    evidence = Evidence()
    evidence.add("boxes", 4, "a.json")
    evidence.add("far", 2, "a.json")
    refuse_far({"memory://x": evidence}, "no percent")
    evidence.add("far", 1, "b.json")
    with pytest.raises(UsageError, match=r"memory://x: 3 of 4 regions, such as in a\.json, are no percent"):
        refuse_far({"memory://x": evidence}, "no percent")


@pytest.mark.parametrize("near", ["", "images", "../x", "../../x"])
@pytest.mark.parametrize("path", ["a.xml", "one/a.xml", "b/../a.xml", "%2e%2e/a.xml", "train/a.xml", "C:/a.xml"])
def test_a_plain_name_is_found_as_every_other_is(path: str, near: str) -> None:
    finder = ImageFinder(
        [*LISTED, "%2e%2e/1.jpg", "1.jpg", "x/1.jpg", "train/images/val/1.jpg", "C:/1.jpg", "../1.jpg"]
    )
    for name in ("1.jpg", "val/1.jpg", "c/4.jpg", "3.JPG", "./1.jpg", "images/1.jpg", "2.jpg"):
        found = image_named(name, finder, path, "s", "a 1", near)
        with pytest.MonkeyPatch.context() as context:
            context.setattr(named_images, "is_plain", lambda _: False)
            assert found == image_named(name, finder, path, "s", "a 1", near)


def test_shards_follow_the_images_that_files_of_annotations_can_name(
    memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labelbeam.transforms.formats.plans.IMAGES_A_SHARD", 2)
    table = "filename,xmin,ymin,xmax,ymax,class\n" + "0.jpg,1,2,3,4,cat\n" * 20
    images = {f"{number}.jpg": "" for number in range(50)}
    root = fill(memory, {"boxes.csv": table, **images})
    named = len(table) // named_images.SAID_OF_AN_IMAGE
    assert plan(root, task="image_object_detection").buckets == math.ceil(named / 2)
    fill(memory, {"boxes.csv": table * 20})
    assert plan(root, task="image_object_detection").buckets == 25


def told(
    *paths: str, image_url: str | None = None, check: str | None = None, listed: Sequence[str] = ("1.jpg",)
) -> list[tuple[int, str]]:
    """The doubts of images that were named so, by their count and option."""
    config = ConvertConfig(
        task="image_object_detection", source=["x"], output="out", image_url=image_url, check_images=check
    )
    evidence = Evidence()
    images = [SourceImage(path, "s", path, 10, 10) for path in paths]
    tally_images(Reading(ReadOptions(config, {}, 1, None)), evidence, images, ImageFinder(listed))
    doubts = [doubt for doubt in remarks_on({"s": evidence}) if doubt.code == "images_not_found"]
    return [(doubt.count, doubt.option) for doubt in doubts]


def test_images_that_are_not_there_are_told_where_nobody_looks_for_them() -> None:
    assert told("1.jpg") == []
    assert told("1.jpg", "2.jpg", "3.jpg") == [(2, "--check-images exists")]
    assert told("1.jpg", "2.jpg", image_url="https://h/") == [(1, "--check-images exists")]
    assert told("1.jpg", "https://h/2.jpg") == []
    assert told("1.jpg", "2.jpg", check="exists") == told("1.jpg", "2.jpg", check="none") == []


def test_a_source_none_of_whose_images_is_there_is_told_unless_the_url_says_where_they_are() -> None:
    assert told("1.jpg", "2.jpg", listed=()) == [(2, "--images")]
    assert told("1.jpg", "2.jpg", listed=(), image_url="https://h/") == []


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("one/images/1.jpg", ""),
        ("x/one/images/1.jpg", "x/one/images/1.jpg"),
        ("/home/bob/one/images/1.jpg", ""),
        ("C:\\one\\images\\1.jpg", ""),
        ("../one/images/1.jpg", ""),
        ("9.jpg", ""),
    ],
)
def test_what_an_image_is_called_is_kept_where_it_was_found_elsewhere(name: str, named: str) -> None:
    image = image_named(name, ImageFinder(LISTED), "labels/d.json", "s", "1")
    assert image.named == named
