"""Gates of a build, without making one."""

from __future__ import annotations

from typing import Any

import pytest

from labelbeam.schemas.config import ConvertConfig
from labelbeam.schemas.doubts import Doubt, Doubted
from labelbeam.schemas.errors import DoubtedError, NothingLeftError, SuspiciousChangeError, TooManyRejectedError
from labelbeam.schemas.manifest import Counts, Manifest, Tally
from labelbeam.transforms.builds.gates import check_gates
from tests.manifests import manifest


def config(**options: Any) -> ConvertConfig:
    return ConvertConfig(task="image_object_detection", source=["s"], output="o", **options)


def counted(found: int, written: int, rejected: int, skipped: int = 0, **changes: Any) -> Manifest:
    return manifest(counts=Counts(Tally(found, written, rejected, skipped), Tally()), **changes)


@pytest.mark.parametrize(
    ("rejected", "allowed", "refused"), [(5, 0.05, False), (6, 0.05, True), (1, 0.0, True), (0, 0.0, False)]
)
def test_more_rejected_than_is_allowed_is_refused_with_the_reasons(
    rejected: int, allowed: float, refused: bool
) -> None:
    made = counted(100, 100 - rejected, rejected, rejected_by_reason={"a": 1, "b": rejected})
    if not refused:
        check_gates(made, None, config(max_rejected=allowed), "")
        return
    with pytest.raises(
        TooManyRejectedError, match=rf"{rejected} of 100 images were rejected .* Reasons: b {rejected}, a 1|a 1, b 1"
    ):
        check_gates(made, None, config(max_rejected=allowed), "")


def test_a_build_of_nothing_is_refused() -> None:
    made = counted(3, 0, 1, 2, rejected_by_reason={"no_label": 1}, skipped_by_reason={"background": 2})
    with pytest.raises(
        NothingLeftError, match=r"of 3 images none is left to write \(1 rejected, 2 skipped\).*background 2, no_label 1"
    ):
        check_gates(made, None, config(max_rejected=1), "")


def test_strict_refuses_what_stands_and_names_what_settles_it() -> None:
    doubts = [
        Doubt(Doubted.LISTING, "one\x1b"),
        Doubt(Doubted.VOC_ORIGIN, "two", option="--voc-origin"),
        Doubt(Doubted.FEW_IMAGES, "note"),
    ]
    made = counted(1, 1, 0, doubts=doubts)
    check_gates(made, None, config(), "")
    check_gates(made, None, config(strict=True, accept=["listing", "voc_origin"]), "")
    with pytest.raises(DoubtedError) as caught:
        check_gates(made, None, config(strict=True, accept=["listing"]), "")
    lines = str(caught.value).splitlines()
    assert "1 doubt is open" in lines[0] and lines[0].endswith("--accept voc_origin")
    assert lines[1:] == ["  voc_origin: two (--voc-origin)"]
    with pytest.raises(DoubtedError) as caught:
        check_gates(made, None, config(strict=True), "")
    assert "\x1b" not in str(caught.value)


def test_a_change_that_was_accepted_is_a_doubt_of_the_build_and_another_a_refusal() -> None:
    before, after = counted(100, 100, 0), counted(10, 10, 0)
    with pytest.raises(SuspiciousChangeError):
        check_gates(after, before, config(max_change=0.3), "")
    check_gates(after, before, config(max_change=0.3, accept_change=True), "")
    assert [doubt.code for doubt in after.doubts] and {doubt.code for doubt in after.doubts} == {Doubted.CHANGED_MUCH}
    assert len(after.warnings) == len(after.doubts)


def test_reasons_come_by_count_and_then_by_name() -> None:
    made = counted(9, 5, 4, rejected_by_reason={"b": 1, "a": 1, "c": 2})
    with pytest.raises(TooManyRejectedError, match=r"Reasons: c 2, a 1, b 1\."):
        check_gates(made, None, config(), "")
