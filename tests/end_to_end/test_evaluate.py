"""`labelbeam evaluate`: what a person gets for a published build and predictions in each form."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from labelbeam.transforms.evaluation.detection import COCO_FIGURES
from tests.end_to_end.builds import (
    MULTILABEL,
    PREFIX,
    REPOSITORY,
    SEGMENTATION,
    Answer,
    Build,
    convert,
    evaluate,
    failed,
    labelbeam,
)
from tests.end_to_end.datasets import put, write_json
from tests.transforms.evaluation.datasets import Both, by_pycocotools, draw

# pycocotools 2.0.11 predates numpy 2's __array__(copy=...).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module", params=[False, True], ids=["boxes", "masks"])
def built(request: pytest.FixtureRequest, place: Path) -> tuple[Both, Build]:
    """A dataset that is half odd, as COCO files and as the build of it, in two splits."""
    both = draw(11, segmentation=request.param, images=20)
    folder = place / both.task
    write_json(folder / "truth.json", both.truth)
    write_json(folder / "results.json", both.results)
    put(folder / "predictions.jsonl", "".join(f"{json.dumps(line)}\n" for line in both.predictions))
    options = ("--image-url", PREFIX, "--split", "train=0.6,validation=0.4")
    build = convert("--source", folder / "truth.json", *options, task=both.task, output=folder / "out")
    assert all(part["images"] for part in build.manifest["splits"].values())
    return both, build


def figures(metrics: dict[str, float | None], prefix: str = "") -> list[float]:
    values = [metrics[f"{prefix}{name}"] for name in COCO_FIGURES]
    return [-1 if value is None else value for value in values]


def kind(both: Both) -> str:
    return "segm" if both.task == SEGMENTATION else "bbox"


# Boxes and masks. -----------------------------------------------------------------------------------------------------


def test_figures_are_those_that_pycocotools_finds_in_the_raw_files(built: tuple[Both, Build]) -> None:
    both, build = built
    folder = build.output.parent
    expected = by_pycocotools(both.truth, both.results, kind(both))
    assert min(expected[:3]) > 0
    results = evaluate(build, folder / "results.json", "--coco", folder / "truth.json")
    assert figures(results["metrics"]) == pytest.approx(expected, abs=1e-9)
    lines = evaluate(build, folder / "predictions.jsonl")
    assert figures(lines["metrics"]) == pytest.approx(expected, abs=1e-9)
    assert results["by_class"] == lines["by_class"]
    assert "COCO results, matched by their paths" in results["predictions"]
    assert "JSON lines of labelbeam score, matched by their image_url" in lines["predictions"]


def test_sizes_are_the_areas_that_the_source_says(built: tuple[Both, Build], tmp_path: Path) -> None:
    both, build = built
    truth = json.loads(json.dumps(both.truth))
    for number, item in enumerate(truth["annotations"]):
        item["area"] *= (0.1, 0.5, 1.0, 4.0)[number % 4]
        if number % 5 == 0:
            item["area"] = 0  # As some tools write all of them.
    source = write_json(tmp_path / "truth.json", truth)
    options = ("--image-url", PREFIX, "--split", "train=0.6,validation=0.4")
    other = convert("--source", source, *options, task=both.task, output=tmp_path / "out")
    for number, item in enumerate(truth["annotations"]):
        if number % 5 == 0:
            item["area"] = both.truth["annotations"][number]["area"]
    expected = by_pycocotools(truth, both.results, kind(both))
    found = figures(evaluate(other, build.output.parent / "predictions.jsonl")["metrics"])
    assert found == pytest.approx(expected, abs=1e-9)
    before = figures(evaluate(build, build.output.parent / "predictions.jsonl")["metrics"])
    assert found[3:6] != pytest.approx(before[3:6], abs=1e-3)
    assert found[:3] == pytest.approx(before[:3], abs=1e-9)


def test_images_without_a_prediction_are_counted_and_told_among_the_worst(built: tuple[Both, Build]) -> None:
    both, build = built
    found = evaluate(build, build.output.parent / "predictions.jsonl")
    assert (found["images"], found["unpredicted"], found["unknown"]) == (20, 4, 0)
    missing = {record["image_url"] for record in both.records} - {line["image_url"] for line in both.predictions}
    told = {image["image_url"] for image in found["worst"] if image["why"].startswith("no prediction: ")}
    lost = {record["image_url"] for record in both.records if any(not item["isCrowd"] for item in record["label"])}
    assert told == missing & lost != set()


def test_what_is_written_for_pycocotools_gives_it_and_evaluate_the_same_figures(
    built: tuple[Both, Build], tmp_path: Path
) -> None:
    both, build = built
    truth, folder = tmp_path / "truth.json", tmp_path / "results"
    options = ("--coco-truth", truth, "--coco-results", folder)
    first = evaluate(build, build.output.parent / "predictions.jsonl", *options)
    results = folder / "coco-results.json"
    assert figures(first["metrics"]) == by_pycocotools(
        json.loads(truth.read_bytes()), json.loads(results.read_bytes()), kind(both)
    )
    again = evaluate(build, results, "--coco", truth)
    assert (again["metrics"], again["by_class"]) == (first["metrics"], first["by_class"])
    assert [image["score"] for image in again["worst"]] == [image["score"] for image in first["worst"]]


def test_results_numbered_by_evaluate_itself_need_no_coco_dataset_unless_a_label_is_not_the_builds(
    built: tuple[Both, Build], tmp_path: Path
) -> None:
    both, build = built
    results = tmp_path / "results.json"
    evaluate(build, build.output.parent / "predictions.jsonl", "--coco-results", results)
    refused(build, results, "category_id 4", "--coco FILE")
    lines = [line | {"boxes": [item for item in line["boxes"] if item["label"] != "fox"]} for line in both.predictions]
    put(tmp_path / "p.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
    first = evaluate(build, tmp_path / "p.jsonl", "--coco-results", results)
    again = evaluate(build, results)
    assert (again["metrics"], again["by_class"]) == (first["metrics"], first["by_class"])
    assert any("numbers images and labels itself" in warning for warning in again["warnings"])


def test_one_split_is_compared_with_the_predictions_of_its_images(built: tuple[Both, Build]) -> None:
    both, build = built
    found = evaluate(build, build.output.parent / "predictions.jsonl", "--split", "validation")
    urls = [record["image_url"] for record in build.lines["validation"]]
    ids = {item["id"] for item in both.truth["images"] if PREFIX + item["file_name"] in urls}
    truth = both.truth | {
        "images": [item for item in both.truth["images"] if item["id"] in ids],
        "annotations": [item for item in both.truth["annotations"] if item["image_id"] in ids],
    }
    results = [result for result in both.results if result["image_id"] in ids]
    assert figures(found["metrics"]) == pytest.approx(by_pycocotools(truth, results, kind(both)), abs=1e-9)
    predicted = [line["image_url"] for line in both.predictions]
    assert (found["split"], found["images"]) == ("validation", len(urls))
    assert found["unpredicted"] == len(set(urls) - set(predicted))
    assert found["unknown"] == len(set(predicted) - set(urls)) > 0
    assert any(f"{found['unknown']} predictions are of no image that is compared" in text for text in found["warnings"])


def test_a_split_without_a_single_prediction_is_warned_of(built: tuple[Both, Build], tmp_path: Path) -> None:
    both, build = built
    urls = {record["image_url"] for record in build.lines["validation"]}
    lines = [line for line in both.predictions if line["image_url"] in urls]
    put(tmp_path / "p.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
    found = evaluate(build, tmp_path / "p.jsonl")
    assert any(text.startswith("no image of train has a prediction") for text in found["warnings"])
    assert not any(
        "no image of" in text for text in evaluate(build, tmp_path / "p.jsonl", "--split", "validation")["warnings"]
    )


def test_the_output_of_score_is_evaluated_by_its_directory(built: tuple[Both, Build], tmp_path: Path) -> None:
    both, build = built
    write_json(tmp_path / "latest.json", {"build": "S", "manifest": "builds/S/manifest.json"})
    for shard in (0, 1):
        lines = "".join(f"{json.dumps(line)}\n" for line in both.predictions[shard::2])
        put(tmp_path / f"builds/S/predictions/predictions-{shard:05}-of-00002.jsonl", lines)
    found = evaluate(build, tmp_path)
    assert found["metrics"] == evaluate(build, build.output.parent / "predictions.jsonl")["metrics"]


def test_azures_batch_scoring_is_evaluated_in_both_of_its_files(built: tuple[Both, Build], tmp_path: Path) -> None:
    both, build = built
    rows = []
    for line in both.predictions:
        labels = [
            {"label": item["label"], **item["box"], **({"polygon": item["polygon"]} if "polygon" in item else {})}
            for item in line["boxes"]
        ]
        url = line["image_url"].replace(PREFIX, "AmlDatastore://workspaceblobstore/batch/")
        rows.append({"image_url": url, "label_confidence": [item["score"] for item in line["boxes"]], "label": labels})
    put(tmp_path / "labeled_dataset.json", "".join(f"{json.dumps(row)}\n" for row in rows))
    with (tmp_path / "predictions.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["image_url", "label_confidence", "label"])
        writer.writeheader()
        writer.writerows(rows)
    expected = evaluate(build, build.output.parent / "predictions.jsonl")
    for name, words in (("labeled_dataset.json", "labeled_dataset.json of"), ("predictions.csv", "predictions.csv of")):
        found = evaluate(build, tmp_path / name)
        assert found["metrics"] == expected["metrics"]
        assert words in found["predictions"] and "by their paths" in found["predictions"]


def test_a_coco_dataset_that_is_not_needed_is_told_of(built: tuple[Both, Build]) -> None:
    _, build = built
    found = evaluate(build, build.output.parent / "predictions.jsonl", "--coco", build.output.parent / "truth.json")
    assert any(text.startswith("--coco has no effect") for text in found["warnings"])


def test_sizes_as_text_make_no_difference(built: tuple[Both, Build], tmp_path: Path) -> None:
    both, build = built
    source = build.output.parent / "truth.json"
    options = ("--image-url", PREFIX, "--dimensions", "px")
    px = convert("--source", source, *options, task=both.task, output=tmp_path / "px")
    assert px.lines["train"][0]["image_details"]["width"] == "640px"
    predictions = build.output.parent / "predictions.jsonl"
    assert evaluate(px, predictions)["by_class"] == evaluate(build, predictions)["by_class"]


def test_people_get_a_table_on_stderr_and_nothing_on_stdout(built: tuple[Both, Build], tmp_path: Path) -> None:
    _, build = built
    answer = labelbeam(
        "evaluate", build.output, "--predictions", build.output.parent / "predictions.jsonl", "--output", tmp_path / "e"
    )
    assert (answer.status, answer.out) == (0, "")
    found = json.loads((tmp_path / "e" / "evaluation.json").read_bytes())
    assert re.search(rf"^map_50 +{found['metrics']['map_50']:.4f}$", answer.err, re.MULTILINE)
    for word in (
        build.manifest["build"],
        "all splits",
        "4 of them without a prediction",
        "predicted worst",
        "evaluation.json",
    ):
        assert word in answer.err
    for label, of_label in found["by_class"].items():
        (row,) = (line.split() for line in answer.err.splitlines() if line.startswith(f"{label} "))
        assert row[-2:] == [str(of_label["truth"]), str(of_label["predicted"])]


def test_output_and_stdout_hold_the_same(built: tuple[Both, Build], tmp_path: Path) -> None:
    _, build = built
    found = evaluate(build, build.output.parent / "predictions.jsonl", "--output", tmp_path / "any.json")
    assert json.loads((tmp_path / "any.json").read_bytes()) == found
    assert (found["format_version"], found["task"], found["build"]) == (1, build.task, build.manifest["build"])


# Gates. ---------------------------------------------------------------------------------------------------------------


def gated(build: Build, *options: str | Path) -> Answer:
    return labelbeam("evaluate", build.output, "--predictions", build.output.parent / "predictions.jsonl", *options)


def test_a_figure_below_its_gate_ends_with_status_3_after_all_is_written(
    built: tuple[Both, Build], tmp_path: Path
) -> None:
    _, build = built
    answer = gated(build, "--min-map", "0.99", "--min-map-50", "0.01", "--output", tmp_path / "e.json", "--json")
    assert answer.status == 3
    found = json.loads((tmp_path / "e.json").read_bytes())
    assert json.loads(answer.out) == found
    last = answer.err.splitlines()[-1]
    assert last == f"labelbeam evaluate: map: found {found['metrics']['map']:.6g}, expected at least 0.99 (--min-map)"


def test_figures_at_their_gates_pass(built: tuple[Both, Build]) -> None:
    _, build = built
    metrics = evaluate(build, build.output.parent / "predictions.jsonl")["metrics"]
    assert gated(build, "--min-map", repr(metrics["map"]), "--min-mar", repr(metrics["mar_100"])).status == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--min-accuracy", "0.5"), ("--min-accuracy", "has no accuracy", "--min-map")),
        (("--min-map", "50"), ("--min-map", "'50'", "from 0 to 1")),
        (("--min-map", "nan"), ("--min-map", "'nan'")),
        (("--threshold", "0.5"), ("--threshold", MULTILABEL)),
        (("--split", "valid"), ("--split", "'valid'", "train, validation")),
        (("--output", "https://example.org/e.json"), ("--output", "read only")),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_read(
    built: tuple[Both, Build], options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    failed(labelbeam("evaluate", built[1].output, "--predictions", "nowhere", *options), 2, *words)


# What cannot be compared. ---------------------------------------------------------------------------------------------


def refused(build: Build, path: Path, *words: str) -> None:
    failed(labelbeam("evaluate", build.output, "--predictions", path), 1, *words)


def test_predictions_that_cannot_be_used_are_told_by_file_and_line(built: tuple[Both, Build], tmp_path: Path) -> None:
    both, build = built
    path = tmp_path / "p.jsonl"
    first, second = map(json.dumps, both.predictions[:2])
    put(path, f"{first}\n{second[:-1]}\n")
    refused(build, path, "p.jsonl, line 2: ")
    put(path, f"{first}\n{second}\n{first}\n")
    refused(build, path, "p.jsonl, line 3: ", "p.jsonl, line 1", "one prediction an image")
    put(path, first.replace(PREFIX, "https://elsewhere/x/y"))
    refused(build, path, "none of 1 prediction", "https://elsewhere/x/y", PREFIX)
    put(path, json.dumps({"image_url": "a", "probs": [1], "labels": ["cat"]}))
    refused(build, path, "p.jsonl, line 1: found probs", build.task)
    refused(build, tmp_path / "none", "none: it does not exist; expected the output directory of labelbeam score")
    refused(build, build.output, "no predictions-*.jsonl")


def test_where_nothing_is_published_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    failed(labelbeam("evaluate", tmp_path, "--predictions", "p"), 1, "no latest.json", "labelbeam convert --output")


def test_a_build_that_was_changed_is_told_by_file_and_line(built: tuple[Both, Build], tmp_path: Path) -> None:
    _, build = built
    name = build.manifest["build"]
    for file in ("latest.json", f"builds/{name}/manifest.json"):
        put(tmp_path / file, (build.output / file).read_bytes())
    entry = build.manifest["splits"]["train"]["files"][0]["path"]
    for part in build.manifest["splits"].values():
        for each in part["files"]:
            put(tmp_path / f"builds/{name}/{each['path']}", (build.root / each["path"]).read_bytes())
    path = tmp_path / f"builds/{name}" / entry
    path.write_bytes(path.read_bytes().replace(b'"width":640', b'"width":-40', 1))
    answer = labelbeam("evaluate", tmp_path, "--predictions", build.output.parent / "predictions.jsonl")
    failed(answer, 1, entry, "line 1", "labelbeam verify")


def test_it_answers_without_loading_beam() -> None:
    code = "import sys, labelbeam.transforms.evaluation.evaluate; print([name for name in sys.modules if name.startswith('apache_beam')])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
