"""The options of a build: what they may be, and what depends on the task."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.config import RUN_ONLY, SPLITS, ConvertConfig, background_policy, parse_split
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.tasks import TASKS


def config(**options: Any) -> ConvertConfig:
    values = {"task": "image_object_detection", "source": ["a.json"], "output": "built", **options}
    return msgspec.convert(values, ConvertConfig)


@given(st.permutations(SPLITS), st.lists(st.integers(1, 100), min_size=1, max_size=3))
def test_shares_are_read_in_the_order_they_are_written(names: list[str], weights: list[int]) -> None:
    shares = {name: weight / sum(weights) for name, weight in zip(names, weights, strict=False)}
    written = ",".join(f"{name}={share!r}" for name, share in shares.items())
    assert parse_split(written) == parse_split(shares) == shares
    assert list(parse_split(written) or {}) == list(shares)


def test_other_spellings_of_splits_are_mapped_and_spaces_do_not_matter() -> None:
    assert parse_split(" training = 0.5 , DEV=0.25,testing=0.25") == {"train": 0.5, "validation": 0.25, "test": 0.25}


def test_no_split_option_leaves_the_splits_to_the_source() -> None:
    assert parse_split(None) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("train=0.8", "add up to 0.8, expected 1"),
        ("train=0.8,validation=0.3", "add up to 1.1, expected 1"),
        ("train=0.5,val=0.25,dev=0.25", "validation is given twice"),
        ("train=1,holdout=0.1", "found 'holdout', expected NAME=SHARE of train, validation, test"),
        ("train=most", "the share of train is 'most', expected a number such as 0.8"),
        ("train", "the share of train is '', expected a number"),
        ("train=1,test=0", "the share of test is 0, expected a number above 0"),
        ("train=nan", "the share of train is nan, expected a number above 0"),
        ("train=1.5,test=-0.5", "the share of train is 1.5, expected a number above 0 and at most 1"),
        ("", "found ''"),
    ],
)
def test_shares_that_cannot_be_are_refused_with_what_was_found(value: str, message: str) -> None:
    with pytest.raises(UsageError, match=r"^--split: ") as caught:
        parse_split(value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"task": "detection"},
        {"source": []},
        {"source": [""]},
        {"output": ""},
        {"shards": 0},
        {"shards": 100_000},
        {"shards": "many"},
        {"max_rejected": 1.01},
        {"max_rejected": -0.01},
        {"max_rejected": float("nan")},
        {"max_polygon_points": 3},
        {"if_changed": "yes"},
        {"split_folders": ""},
        {"sauce": "a.json"},
    ],
)
def test_values_that_no_build_can_have_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        config(**options)


def test_images_without_annotations_stay_where_a_record_can_say_so() -> None:
    kept = {task: background_policy(config(task=task)) for task in TASKS}
    assert kept == {
        "image_classification": "drop",
        "image_classification_multilabel": "drop",
        "image_object_detection": "keep",
        "image_instance_segmentation": "keep",
    }
    assert background_policy(config(background="drop")) == "drop"


def test_options_that_leave_the_bytes_alone_are_options() -> None:
    assert set(ConvertConfig.__struct_fields__) >= RUN_ONLY
