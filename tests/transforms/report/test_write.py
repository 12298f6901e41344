"""Writing a report: it costs a build nothing where it fails, and shows no evaluation that is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.evaluation import EVALUATION_VERSION, Confusion, Evaluation, WorstImage
from labelbeam.schemas.layout import build_folder
from labelbeam.transforms.builds.image_places import ImagePlace
from labelbeam.transforms.report import write as module
from labelbeam.transforms.report.write import NAME, WORST, evaluation_of, report_of_new_build, write_report
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.stores.locate import locate
from tests.manifests import BUILD, manifest

MADE = manifest()


def evaluation(**changes: Any) -> Evaluation:
    fields: dict[str, Any] = {
        "format_version": EVALUATION_VERSION,
        "task": MADE.task,
        "build": BUILD,
        "split": None,
        "images": 1,
        "unpredicted": 0,
        "unknown": 0,
        "metrics": {},
        "by_class": {},
    }
    return Evaluation(**fields | changes)


def worst(truth: Any) -> WorstImage:
    return WorstImage("https://h/1.jpg", 0.5, "why", truth, [])


def read(folder: Path, content: Evaluation | bytes) -> Evaluation:
    file = folder / "evaluation.json"
    file.write_bytes(content if isinstance(content, bytes) else msgspec.json.encode(content))
    return evaluation_of(str(file), {}, MADE)


def test_a_report_lies_in_its_build(tmp_path: Path) -> None:
    output = locate(str(tmp_path), {})
    place = write_report(output, MADE, ImagePlace(None, "", "left out"), None)
    assert place == f"{tmp_path}/{build_folder(BUILD)}/{NAME}"
    assert tmp_path.name in Path(place).read_text(encoding="utf-8")


def test_a_report_that_fails_costs_a_new_build_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> str:
        raise ValueError("no https://me:hunter2@host/x")

    monkeypatch.setattr(module, "write_report", fail)
    assert report_of_new_build(locate(str(tmp_path), {}), MADE, f"file://{tmp_path}", "https://h/", {}) == ""
    assert "the build does not depend on it" in caplog.text and "hunter2" not in caplog.text


def test_an_evaluation_of_this_build_is_read_as_it_is(tmp_path: Path) -> None:
    made = evaluation(confusion=Confusion(["cat"], [[1]]), worst=[worst("cat")])
    assert read(tmp_path, made) == made


def test_one_of_another_build_is_told_and_of_very_many_images_the_worst_are_kept(tmp_path: Path) -> None:
    found = read(tmp_path, evaluation(build="other", warnings=["first"], worst=[worst("cat")] * (WORST + 5)))
    assert found.warnings == [f"this is an evaluation of build other, and the page is of build {BUILD}", "first"]
    assert len(found.worst) == WORST


def test_an_evaluation_that_is_not_there_is_asked_for_by_its_command(tmp_path: Path) -> None:
    with pytest.raises(
        MissingFileError,
        match=r"--evaluation: .*none\.json: it does not exist; expected the JSON of labelbeam evaluate",
    ):
        evaluation_of(str(tmp_path / "none.json"), {}, MADE)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[" * 50_000,
        b"\xff",
        evaluation(task="image_classification"),
        evaluation(format_version=99),
        evaluation(confusion=Confusion(["cat"], [[1, 2], [3, 4]])),
        evaluation(confusion=Confusion(["cat", "dog"], [[1], [2]])),
        evaluation(worst=[worst([{"label": "cat"}])]),
        evaluation(worst=[worst([{"label": "cat", "polygon": 5}])]),
        evaluation(worst=[worst([{"label": "cat", "topX": "x", "topY": 0, "bottomX": 1, "bottomY": 1}])]),
        evaluation(worst=[worst({"cat": "often"})]),
        evaluation(worst=[worst({"labels": 5, "probs": 5})]),
    ],
    ids=range(12),
)
def test_what_is_no_evaluation_that_can_be_shown_is_refused(content: Evaluation | bytes, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--evaluation: .*evaluation\.json.* expected "):
        read(tmp_path, content)


def test_an_evaluation_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        evaluation_of(str(tmp_path / "none.json"), {}, MADE)
