"""What differs too much from the build before is refused, in words; what a person accepts is published with a warning."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.errors import SuspiciousChangeError
from labelbeam.schemas.manifest import Counts, Manifest, Source, SplitCounts, Tally
from labelbeam.transforms.builds.drift import NAMES_SHOWN, changes, check_change, relative_change


def build(labels: dict[str, dict[str, int]], images: dict[str, int] | None = None, **changed: Any) -> Manifest:
    """Return a manifest of objects by split and label; of images, each split has `images`, else one an object."""
    objects = {split: sum(part.values()) for split, part in labels.items()}
    images = images or objects
    fields: dict[str, Any] = {
        "build": "20260102-abc",
        "labelbeam_version": "1.0",
        "task": "image_object_detection",
        "config": {"source": ["s"]},
    }
    return Manifest(
        format_version=1,
        created="2026-01-02T03:15:00+00:00",
        source=Source("f", {}, "coco", "by its head"),
        labels=sorted({label for part in labels.values() for label in part}),
        counts=Counts(
            Tally(sum(images.values()), sum(images.values())), Tally(sum(objects.values()), sum(objects.values()))
        ),
        rejected_by_reason={},
        skipped_by_reason={},
        adjusted_by_reason={},
        splits={split: SplitCounts(images[split], objects[split]) for split in labels},
        label_counts=labels,
        parquet=[],
        rejected=[],
        **(fields | changed),
    )


def of(images: int, **labels: int) -> Manifest:
    return build({"train": labels}, {"train": images})


def config(max_change: float | None = 0.3, accept: bool = False) -> ConvertConfig:
    return ConvertConfig(
        task="image_object_detection", source=["s"], output="o", max_change=max_change, accept_change=accept
    )


# What is suspicious. --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "allowed", "found"),
    [
        (of(100, cat=100), of(100, cat=100), 0.0, []),
        (of(100, cat=100), of(70, cat=70), 0.3, []),
        (of(70, cat=70), of(100, cat=100), 0.3, []),
        (of(1000, cat=9), of(699, cat=9), 0.3, ["images: 1000 → 699 (30.1%, allowed 30%)"]),
        (of(699, cat=9), of(1000, cat=9), 0.3, ["images: 699 → 1000 (30.1%, allowed 30%)"]),
        (of(9, cat=1000), of(9, cat=100), 0.3, ["objects: 1000 → 100 (90%, allowed 30%)"]),
        (of(10, cat=9), of(5, cat=9), 1.0, ["images: 10 → 5 (50%; half of them gone is never allowed)"]),
        (of(10, cat=9), of(6, cat=9), 1.0, []),
        (of(5, cat=9), of(10, cat=9), 0.5, []),
        (of(9, cat=99, dog=1), of(9, cat=100), 1.0, ["label 'dog': 1 → 0 objects (vanishing is never allowed)"]),
        (
            of(9, cat=80, dog=20),
            of(9, cat=40, dog=60),
            0.3,
            [
                "label 'cat': 80% → 40% of all objects (40% apart, allowed 30%)",
                "label 'dog': 20% → 60% of all objects (40% apart, allowed 30%)",
            ],
        ),
        (of(9, cat=90, dog=10), of(9, cat=80, dog=20), 0.1, []),
        (
            of(9, cat=60, dog=30, emu=10),
            of(9, cat=10, dog=40, emu=50),
            0.05,
            [
                "label 'cat': 60% → 10% of all objects (50% apart, allowed 5%)",
                "label 'emu': 10% → 50% of all objects (40% apart, allowed 5%)",
                "label 'dog': 30% → 40% of all objects (10% apart, allowed 5%)",
            ],
        ),
        (of(9, cat=1), of(9, cat=30, dog=30), 0.3, ["objects: 1 → 60 (98.33%, allowed 30%)"]),
        (of(9, cat=1), of(9), 1, ["label 'cat': 1 → 0 objects (vanishing is never allowed)"]),
        (of(9), of(9, cat=1), 1, []),
        (of(9, cat=100), of(9, cat=100, dog=1), 0.02, []),
        (
            of(9, cat=100),
            of(9, cat=60, dog=40),
            0.3,
            [
                "label 'cat': 100% → 60% of all objects (40% apart, allowed 30%)",
                "label 'dog': 0% → 40% of all objects (40% apart, allowed 30%)",
            ],
        ),
    ],
)
def test_a_change_is_named_with_before_now_how_much_and_what_is_allowed(
    old: Manifest, new: Manifest, allowed: float, found: list[str]
) -> None:
    assert changes(old, new, allowed) == found


def test_a_split_is_compared_on_its_own_where_there_are_several() -> None:
    old = build({"train": {"cat": 1000}, "validation": {"cat": 100}})
    new = build({"train": {"cat": 1000}, "validation": {"cat": 60}})
    assert changes(old, new, 0.3) == [
        "images of validation: 100 → 60 (40%, allowed 30%)",
        "objects of validation: 100 → 60 (40%, allowed 30%)",
    ]


def test_a_split_that_appears_was_empty_before() -> None:
    old, new = build({"train": {"cat": 100}}), build({"train": {"cat": 100}, "test": {"cat": 10}})
    assert [change.partition(" (")[0] for change in changes(old, new, 0.3)] == [
        "images of test: 0 → 10",
        "objects of test: 0 → 10",
    ]


@pytest.mark.parametrize("left", [{"train": {"cat": 100}}, {"train": {"cat": 100}, "test": {}}])
def test_a_split_that_vanishes_is_suspicious_whatever_is_allowed(left: dict[str, dict[str, int]]) -> None:
    old, new = build({"train": {"cat": 100}, "test": {"cat": 10}}), build(left)
    assert changes(old, new, 1) == ["split test: 10 images → none (a split that vanishes is never allowed)"]


def test_a_split_that_was_and_is_empty_is_none_that_vanished() -> None:
    assert changes(build({"train": {"cat": 9}, "test": {}}), build({"train": {"cat": 9}}), 0) == []


def test_one_image_or_object_is_no_drift_of_a_small_split_or_of_a_small_share() -> None:
    two, three = ({"train": {"cat": 100}, "test": {"cat": count}} for count in (2, 3))
    assert changes(build(two), build(three), 0.3) == changes(build(three), build(two), 0.3) == []
    assert changes(of(3, cat=2, dog=1), of(3, cat=1, dog=2), 0.3) == []
    assert len(changes(of(4, cat=3, dog=1), of(4, cat=1, dog=3), 0.3)) == 2


def test_with_nothing_allowed_one_image_or_object_is_a_drift() -> None:
    two, three = ({"train": {"cat": 100 - count}, "test": {"cat": count}} for count in (2, 3))
    assert len(changes(build(two), build(three), 0)) == 4
    assert len(changes(of(3, cat=2, dog=1), of(3, cat=1, dog=2), 0)) == 2


def test_labels_are_counted_over_all_splits() -> None:
    old = build({"train": {"cat": 50, "dog": 50}, "test": {"cat": 50, "dog": 50}})
    new = build({"train": {"cat": 100}, "test": {"dog": 100}})
    assert changes(old, new, 0) == []


def test_of_many_labels_only_some_are_named_and_the_rest_are_counted() -> None:
    old = of(9, cat=1000, **{f"label-{number:03d}": 200 - number for number in range(100)})
    found = changes(old, of(9, cat=1000), 1)
    assert len(found) == NAMES_SHOWN + 1
    assert found[0].startswith("label 'label-000': 200 → 0 objects")
    assert found[-1] == f"and {100 - NAMES_SHOWN} more labels like these"


def test_another_task_is_suspicious_and_nothing_else_is_compared() -> None:
    new = build({"train": {"dog": 1}}, task="image_instance_segmentation")
    assert changes(of(100, cat=100), new, 1) == [
        "task: image_object_detection → image_instance_segmentation, whose counts cannot be compared"
    ]


# Whatever the figures. ------------------------------------------------------------------------------------------------

LABELS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 3) | st.integers(0, 60), min_size=1)
BUILDS = st.dictionaries(st.sampled_from(["train", "validation", "test"]), LABELS, min_size=1).map(build)
ALLOWED = st.integers(0, 100).map(lambda hundredths: hundredths / 100)


def suspicious(old: Manifest, new: Manifest, allowed: Fraction) -> set[str]:
    """What should be named, by the definition and in fractions."""
    found: set[str] = set()

    def compare(what: str, before: int, now: int, part: bool) -> None:
        if Fraction(abs(now - before), max(now, before, 1)) > allowed and not (
            part and allowed and abs(now - before) < 2
        ):
            found.add(what)

    images, objects = ((of.counts.images.written, of.counts.objects.written) for of in (old, new))
    compare("images", images[0], objects[0], part=False)
    compare("objects", images[1], objects[1], part=False)
    if images[0] and Fraction(objects[0], images[0]) <= Fraction(1, 2):
        found.add("images")
    splits = {*old.splits, *new.splits}
    for name in splits if len(splits) > 1 else ():
        before, now = (of.splits.get(name, SplitCounts()) for of in (old, new))
        if before.images and not now.images:
            found.add(f"split {name}")
        else:
            compare(f"images of {name}", before.images, now.images, part=True)
            compare(f"objects of {name}", before.objects, now.objects, part=True)
    counts = [sum((Counter(part) for part in of.label_counts.values()), Counter[str]()) for of in (old, new)]
    sums = [sum(count.values()) for count in counts]
    for label in {*counts[0], *counts[1]}:
        if not counts[1][label]:
            found.add(f"label {label!r}")
        elif all(sums):
            shift = abs(Fraction(counts[0][label], sums[0]) - Fraction(counts[1][label], sums[1]))
            if shift > allowed and (not allowed or shift * min(sums) > 1):
                found.add(f"label {label!r}")
    return found


@given(BUILDS, BUILDS, st.integers(0, 100))
def test_what_is_named_is_what_the_definition_says(old: Manifest, new: Manifest, hundredths: int) -> None:
    found = [change.partition(":")[0] for change in changes(old, new, hundredths / 100)]
    assert sorted(found) == sorted(suspicious(old, new, Fraction(hundredths, 100)))


@given(BUILDS, ALLOWED)
def test_a_build_differs_in_nothing_from_itself(same: Manifest, allowed: float) -> None:
    assert changes(same, same, allowed) == []


@given(BUILDS, BUILDS, ALLOWED, ALLOWED)
def test_who_allows_more_is_told_of_nothing_new(old: Manifest, new: Manifest, one: float, other: float) -> None:
    few, many = (
        {change.partition(":")[0] for change in changes(old, new, allowed)}
        for allowed in (max(one, other), min(one, other))
    )
    assert few <= many


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_a_relative_change_is_a_fraction_and_the_same_in_both_directions(old: int, new: int) -> None:
    assert 0 <= relative_change(old, new) == relative_change(new, old) <= 1
    assert (relative_change(old, new) == 0) == (old == new)


@given(LABELS, st.integers(1, 50))
def test_a_dataset_that_grows_evenly_has_no_change_of_shares(labels: dict[str, int], times: int) -> None:
    grown = {label: count * times for label, count in labels.items()}
    assert not any(change.startswith("label") for change in changes(of(9, **labels), of(9, **grown), 0))


@given(BUILDS, BUILDS, ALLOWED)
def test_a_build_is_refused_for_its_changes_unless_they_are_accepted(
    old: Manifest, new: Manifest, allowed: float
) -> None:
    found = changes(old, new, allowed)
    warnings = check_change(old, new, config(allowed, accept=True))
    assert [warning.partition(f" build {old.build}: ")[2] for warning in warnings] == found
    if not found:
        assert check_change(old, new, config(allowed)) == []
        return
    with pytest.raises(SuspiciousChangeError) as caught:
        check_change(old, new, config(allowed))
    assert all(f"\n  {change}\n" in str(caught.value) for change in found)


# Refusals. ------------------------------------------------------------------------------------------------------------


def refusal(old: Manifest, new: Manifest) -> str:
    with pytest.raises(SuspiciousChangeError) as caught:
        check_change(old, new, config())
    return str(caught.value)


def test_a_refusal_says_what_differs_where_to_look_and_how_to_accept_it() -> None:
    assert refusal(of(100, cat=80, dog=20), of(40, cat=40)).splitlines() == [
        "this build differs from the current one, 20260102-abc, by more than --max-change allows; nothing was "
        "published, and that build stays current:",
        "  images: 100 → 40 (60%; half of them gone is never allowed)",
        "  objects: 100 → 40 (60%, allowed 30%)",
        "  label 'dog': 20 → 0 objects (vanishing is never allowed)",
        "Options and version are those of that build. Compare the source with what "
        "builds/20260102-abc/manifest.json counts; labelbeam inspect shows what is there now. If all of this is "
        "meant, run once with --accept-change",
    ]


def test_a_refusal_names_options_and_the_version_that_may_be_the_cause_but_no_values() -> None:
    old = build({"train": {"cat": 100}}, config={"source": ["hunter2"], "background": "keep"})
    new = build({"train": {"cat": 9}}, config={"source": ["hunter3"]}, labelbeam_version="1.1")
    message = refusal(old, new)
    assert "\nOther than before: option background, option source, LabelBeam 1.0 → 1.1. Compare" in message
    assert "hunter" not in message


def test_a_label_cannot_write_to_the_terminal() -> None:
    message = refusal(of(100, **{"a\x1b[2J\nb": 5, "cat": 95}), of(100, cat=100))
    assert r"label 'a\x1b[2J\nb': 5 → 0 objects" in message


def test_a_refusal_ends_with_exit_status_3() -> None:
    assert SuspiciousChangeError.exit_code == 3


def test_without_the_option_or_without_a_build_before_everything_passes() -> None:
    old, new = of(100, cat=100), of(1, dog=1)
    assert check_change(old, new, config(None)) == check_change(None, new, config(0)) == []
    assert check_change(old, new, config(None, accept=True)) == []
