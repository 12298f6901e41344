"""Predictions are published only where every unit has its receipt and few enough failed; what decides them is in their name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from labelbeam.pipelines.runs.score import (
    Scored,
    _decisive,
    _gate,
    _manifest,
    _options,
    as_json,
    check_explained,
    summary,
)
from labelbeam.schemas.errors import CountsError, TooManyFailedError, UsageError
from labelbeam.schemas.manifest import FileEntry
from labelbeam.schemas.score_config import ScoreConfig
from labelbeam.schemas.scores import Failed, FailedImage, ScoreCounts, ScoreReceipt, ScoresManifest
from labelbeam.transforms.builds.identity import BuildIdentity
from labelbeam.transforms.stores.locate import locate
from tests.manifests import BUILD

ENTRY = FileEntry("p", 1, 1, "00")
FAILED = FailedImage("https://h/1.jpg", Failed.REFUSED, 400, "no")


def config(**options: Any) -> ScoreConfig:
    return ScoreConfig(**{"source": "s", "output": "o", "endpoint": "https://host/score?code=open9sesame"} | options)


def plan(images: int = 4, units: int = 2) -> Any:
    numbered = [SimpleNamespace(number=number) for number in range(units)]
    return SimpleNamespace(
        images=images,
        units=numbered,
        task="image_classification",
        fingerprint="f",
        covers={},
        images_root="memory://i",
        build=None,
        warnings=["w"],
    )


def receipt(number: int, scored: int = 2, failed: int = 0) -> ScoreReceipt:
    codes = {"refused": failed} if failed else {}
    return ScoreReceipt(
        number, ENTRY, ENTRY, ENTRY if failed else None, ScoreCounts(scored + failed, scored, failed), codes
    )


def made(*receipts: ScoreReceipt, **options: Any) -> ScoresManifest:
    return _manifest(plan(), list(receipts), BuildIdentity(BUILD, "1", "abc"), config(**options))


def test_receipts_of_all_units_add_up() -> None:
    found = made(receipt(0), receipt(1, 1, 1))
    assert found.counts == ScoreCounts(4, 3, 1) and found.failed_by_code == {"refused": 1}
    assert (len(found.predictions), len(found.failed), found.warnings) == (2, 1, ["w"])


@pytest.mark.parametrize(
    "receipts",
    [
        [receipt(0)],
        [receipt(0), receipt(0)],
        [receipt(0), receipt(1), receipt(1)],
        [receipt(0), receipt(1, 1)],
        [receipt(1), receipt(0)],
    ],
)
def test_a_receipt_that_was_lost_or_repeated_stops_the_run(receipts: list[ScoreReceipt]) -> None:
    with pytest.raises(CountsError, match="do not add up"):
        made(*receipts)


@pytest.mark.parametrize(("allowed", "refused"), [(0.25, False), (0.2, True), (0.0, True), (1.0, False)])
def test_more_failed_than_is_allowed_is_refused_with_an_example(allowed: float, refused: bool) -> None:
    found, build = made(receipt(0), receipt(1, 1, 1)), locate("memory://b", {})
    if not refused:
        _gate(found, config(max_failed=allowed), build, [FAILED])
        return
    with pytest.raises(TooManyFailedError, match=r"1 of 4 images were not scored .* refused 1; https://h/1.jpg: no"):
        _gate(found, config(max_failed=allowed), build, [FAILED])


def test_options_stand_in_the_manifest_without_secrets_and_those_of_the_run_do_not() -> None:
    found = _options(plan(), config(header={"X-Team": "hunter2", "azureml-model-deployment": "blue"}, concurrency=3))
    assert found["header"] == {"X-Team": "***", "azureml-model-deployment": "blue"}
    assert "concurrency" not in found and "output" not in found and "sesame" not in str(found)
    assert list(found) == sorted(found)


def test_another_query_of_the_endpoint_or_another_header_is_another_build() -> None:
    one = _decisive(plan(), config())
    assert _decisive(plan(), config(endpoint="https://host/score?code=other9sesame")) != one
    assert _decisive(plan(), config(header={"X-Team": "a"})) != _decisive(plan(), config(header={"X-Team": "b"}))
    assert _decisive(plan(), config(concurrency=3)) == one


def test_the_summary_tells_the_same_to_people_and_scripts() -> None:
    scored = Scored(made(receipt(0), receipt(1, 1, 1)), "memory://b", [FAILED])
    lines = list(summary(scored, 1.25))
    assert (
        "images: 4 found, 3 scored, 1 failed" in lines and "    https://h/1.jpg: no" in lines and "warning: w" in lines
    )
    answer = as_json(scored, SimpleNamespace(started=0.0))  # type: ignore[arg-type]
    assert (answer["status"], answer["counts"]["failed"], answer["failed_samples"][0]["code"]) == (
        "published",
        1,
        "refused",
    )


def test_models_of_objects_do_not_explain_themselves() -> None:
    explained = config(explain={"xai_algorithm": "xrai"})
    check_explained(explained, "image_classification")
    check_explained(config(), "image_object_detection")
    with pytest.raises(UsageError, match="--explain: models of image_object_detection"):
        check_explained(explained, "image_object_detection")
