"""Checking records by whole parts of a shard finds what looking at each one finds."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelbeam.schemas.records import RECORDS, Record, check_record
from labelbeam.transforms.images.urls import default_prefix, image_url
from labelbeam.transforms.verify import records as check_records
from labelbeam.transforms.verify.differences import MOST_OF_A_KIND, Differences
from labelbeam.transforms.verify.records import RecordFacts, ShardCheck, check_shard, check_unique, out_of_order

DETECTION = RecordFacts("image_object_detection")


def line(path: str = "1.jpg", label: Any = (), **details: Any) -> bytes:
    record = {
        "image_url": f"https://host/{path}",
        "image_details": {"format": "jpg", "width": 4, "height": 3} | details,
        "label": label,
    }
    return json.dumps(record).encode() + b"\n"


def box(label: str = "cat") -> dict[str, Any]:
    return {"label": label, "topX": 0.25, "topY": 0, "bottomX": 1, "bottomY": 0.5, "isCrowd": 0}


def check(data: bytes, facts: RecordFacts = DETECTION) -> tuple[ShardCheck, list[tuple[str, str]]]:
    """What a shard holds, and what is found in it."""
    differences = Differences()
    shard = check_shard("s", data, data.count(b"\n"), facts, None, differences)
    return shard, [(item.found, item.expected) for item in differences.told]


fractions = st.sampled_from([0.0, 0.25, 0.5, 1.0])
boxes = st.fixed_dictionaries(
    {"label": st.sampled_from(["a:b", "c"]), "isCrowd": st.sampled_from([0, 1])}
    | dict.fromkeys(("topX", "topY", "bottomX", "bottomY"), fractions)
)
masks = st.fixed_dictionaries(
    {
        "label": st.just("c"),
        "isCrowd": st.just(0),
        "polygon": st.lists(st.lists(fractions, min_size=6, max_size=9), min_size=1, max_size=3),
    }
)


@settings(deadline=None)
@given(
    st.one_of(
        st.tuples(st.just("image_object_detection"), st.lists(st.lists(boxes, max_size=3), max_size=4)),
        st.tuples(st.just("image_instance_segmentation"), st.lists(st.lists(masks, max_size=3), max_size=4)),
    )
)
def test_every_breach_that_a_single_record_shows_is_told(drawn: tuple[str, list[Any]]) -> None:
    task, labels = drawn
    lines = [line(f"{number}.jpg", label) for number, label in enumerate(labels)]
    decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(RECORDS[task])
    expected = [
        f"line {number}: {breach}"
        for number, text in enumerate(lines, 1)
        for breach in check_record(decoder.decode(text))
    ]
    assert [found for found, _ in check(b"".join(lines), RecordFacts(task))[1]] == expected[:MOST_OF_A_KIND]


@pytest.mark.parametrize("size", [1, 200, 2**20])
def test_parts_of_any_size_give_the_same(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_records, "PART", size)
    lines = [line(f"{number}.jpg", [box("cat"), box("a:b")][: number % 3]) for number in range(8)]
    shard, found = check(b"".join(lines))
    assert (shard.lines.tolist(), shard.labels, found) == ([*range(1, 9)], {"cat": 5, "a:b": 2}, [])
    lines[5] = line("5.jpg", [box() | {"topX": 2}])
    shard, found = check(b"".join(lines))
    assert shard.lines.tolist() == [1, 2, 3, 4, 5, 7, 8]
    assert [text for text, _ in found] == ["line 6: Expected `float` <= 1.0 - at `$.label[0].topX`"]


@pytest.mark.parametrize("label", ["a:b", '":', "\\", 'a":"b', "\u2028", "\x00", "{}\n{}"])
def test_a_label_that_looks_like_json_is_no_second_key(label: str) -> None:
    shard, found = check(line(label=[box(label)]) + line("2.jpg", [box(label), box()]))
    assert (shard.labels, found) == ({label: 2, "cat": 1}, [])


def test_a_colon_written_as_an_escape_is_no_difference_and_hides_none() -> None:
    assert check(line(label=[box("a:b")]).replace(b"a:b", b"a\\u003ab"))[1] == []
    twice = line(label=[box("a:b")]).replace(b"a:b", b"a\\u003Ab").replace(b'"topY"', b'"topX": 0, "topY"')
    assert [found for found, _ in check(twice)[1]] == ["line 1: the key 'topX' occurs twice in one object"]


@pytest.mark.parametrize("task", ["image_classification", "image_classification_multilabel"])
def test_a_key_that_stands_twice_is_found_in_every_task(task: str) -> None:
    label = "a:b" if task == "image_classification" else ["a:b", "c"]
    good = line(label=label)
    assert check(good, RecordFacts(task))[1] == []
    twice = good.replace(b'"width"', b'"width": 4, "width"')
    assert [found for found, _ in check(twice, RecordFacts(task))[1]] == [
        "line 1: the key 'width' occurs twice in one object"
    ]


def test_white_space_in_a_line_is_no_difference() -> None:
    assert check(b" " + line() + line("2.jpg").replace(b"\n", b" \r\n"))[1] == []


names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1).filter(
    lambda name: "://" not in name
)


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(names, st.sampled_from(["a?", "a-", "a@", "a%", "a&", "a#", "a$", "a%3F", "a%25"])), unique=True
    ),
    st.sampled_from(["file:///d", "https://host/c", "abfss://c@host/d", "s3://b", "azureml://subscriptions/s/paths/"]),
    st.booleans(),
)
def test_urls_of_sorted_paths_are_in_order_whatever_is_encoded(paths: list[str], root: str, known: bool) -> None:
    prefix = default_prefix(root)
    assert out_of_order([image_url(prefix, path) for path in sorted(paths)], prefix if known else None) is None


def test_urls_of_the_source_s_own_are_sorted_among_paths_where_the_prefix_is_known() -> None:
    urls = ["https://host/a.jpg", "http://b/1.jpg", "https://host/z.jpg"]
    assert out_of_order(urls, "https://host/") is None
    assert out_of_order([*urls, "https://host/i.jpg"], "https://host/") == 3


def test_without_a_prefix_paths_in_several_stores_are_in_no_known_order() -> None:
    urls = ["file:///d/a.jpg", "http://b/1.jpg", "file:///d/z.jpg"]
    assert out_of_order(urls, None) is None
    assert out_of_order(["file:///d/a.jpg", "file:///d/z.jpg", "file:///d/b.jpg"], None) == 2


def test_the_same_url_is_told_once_for_each_record_after_the_first() -> None:
    differences = Differences()
    first = check(line("1.jpg") + b"x\n" + line("2.jpg"))[0]
    second = check(line("3.jpg") + line("2.jpg") + line("2.jpg"))[0]
    first.path, second.path = "first", "second"
    check_unique([first, ShardCheck("empty"), second], differences)
    assert [(item.file, item.found) for item in differences.told] == [
        ("second", "line 2: the image_url of line 3 of first"),
        ("second", "line 3: the image_url of line 2 of second"),
    ]
