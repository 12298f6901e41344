"""`labelbeam report` and the report of a new build: what the page says, where its pictures come from, and what cannot harm a build."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import lxml.html
import msgspec
import numpy as np
import pytest
from PIL import Image

from labelbeam.schemas.evaluation import Confusion, Evaluation, WorstImage
from labelbeam.schemas.reasons import Rejected
from tests.end_to_end.builds import (
    CLASSIFICATION,
    DETECTION,
    MULTILABEL,
    PREFIX,
    SEGMENTATION,
    Answer,
    Build,
    failed,
    labelbeam,
)
from tests.end_to_end.datasets import coco as document_of
from tests.end_to_end.datasets import coco_box, coco_image, encoded, exif, put, write_json

SPLIT = ("--split", "train=0.6,validation=0.4", "--max-rejected", "1")


def coco(folder: Path, images: int = 12, **names: str) -> Path:
    """Images of 64 x 48 pixels, all but the first with one object, a hole in it; `names` replaces names of files by number."""
    mask = np.zeros((48, 64), np.uint8)
    mask[8:40, 8:40], mask[16:24, 16:24] = 1, 0
    # Column by column, beginning with how many zeros there are.
    turns = np.flatnonzero(np.diff(mask.ravel("F"), prepend=0, append=2))
    outline = {"size": [48, 64], "counts": np.diff(turns, prepend=0).tolist()}
    document: dict[str, Any] = {
        "images": [
            {"id": n, "file_name": names.get(f"n{n}", f"{n:02d}.png"), "width": 64, "height": 48} for n in range(images)
        ],
        "annotations": [
            {"id": n, "image_id": n, "category_id": n % 2, "bbox": [8, 8, 32, 32], "segmentation": outline}
            for n in range(1, images)
        ],
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    }
    document["annotations"].append(
        {"id": 99, "image_id": 1, "category_id": 0, "bbox": [1, 1, 0, 0], "segmentation": []}
    )
    folder.joinpath("images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for n in range(images):
        Image.fromarray(rng.integers(0, 255, (48, 64, 3), np.uint8)).save(folder / "images" / f"{n:02d}.png")
    source = folder / "instances.json"
    source.write_text(json.dumps(document), encoding="utf-8")
    return source


def convert(folder: Path, *options: str | Path, task: str = DETECTION, **names: str) -> Build:
    source = coco(folder, **names)
    answer = labelbeam("convert", "--task", task, "--source", source, "--output", folder / "out", *SPLIT, *options)
    assert answer.status == 0, answer.err
    return Build(folder / "out", answer.err)


def page(build: Build) -> Any:
    return lxml.html.fromstring(build.root.joinpath("report.html").read_bytes())


def text(build: Build) -> str:
    return " ".join(" ".join(page(build).xpath("//body//text()[not(parent::script)]")).split())


def pictures(build: Build) -> int:
    return len(page(build).xpath("//figure[@data-split]//image"))


def report(build: Build, *options: str | Path) -> Answer:
    answer = labelbeam("report", build.output, *options)
    assert answer.out == ""
    return answer


@pytest.mark.parametrize("task", [DETECTION, SEGMENTATION, CLASSIFICATION, MULTILABEL])
def test_every_build_has_one_that_tells_its_counts_and_reasons(task: str, tmp_path: Path) -> None:
    build = convert(tmp_path, task=task)
    said = text(build)
    for tally in build.manifest["counts"].values():
        assert f"{tally['written']}" in said and f"{tally['found']} found" in said
    for code in build.manifest["rejected_by_reason"]:
        assert code in said and Rejected(code).doc in said
    assert pictures(build) == build.counts["images"][1]
    assert str(build.root / "report.html") in build.said
    assert labelbeam("verify", build.output).status == 0


def test_it_is_the_same_whenever_it_is_written(tmp_path: Path) -> None:
    build = convert(tmp_path)
    first = build.root.joinpath("report.html").read_bytes()
    build.root.joinpath("report.html").unlink()
    answer = report(build)
    assert answer.status == 0 and f"wrote {build.root}/report.html" in answer.err
    assert build.root.joinpath("report.html").read_bytes() == first


def test_the_summary_for_scripts_names_it(tmp_path: Path) -> None:
    options = ("--output", tmp_path / "out", *SPLIT, "--json")
    answer = labelbeam("convert", "--task", DETECTION, "--source", coco(tmp_path), *options)
    assert json.loads(answer.out)["report"] == str(Build(tmp_path / "out").root / "report.html")
    again = labelbeam("convert", "--task", DETECTION, "--source", tmp_path / "instances.json", *options, "--if-changed")
    assert (json.loads(again.out)["status"], json.loads(again.out)["report"]) == ("unchanged", None)


def test_a_hole_is_drawn_in_one_path_with_its_outline(tmp_path: Path) -> None:
    build = convert(tmp_path, task=SEGMENTATION)
    paths = page(build).xpath("//figure[@data-split]//path[@class='line']/@d")
    assert len(paths) == 11 and all(path.count("M") == 2 for path in paths)


def test_a_report_that_fails_costs_a_build_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> str:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("labelbeam.transforms.report.write.write_report", fail)
    build = convert(tmp_path)
    assert not build.root.joinpath("report.html").exists()
    assert "report.html was not written: ZeroDivisionError: a defect" in build.said
    assert f"labelbeam report {build.output}" in build.said.replace("file://", "")
    monkeypatch.undo()
    assert report(build).status == 0 and pictures(build) == 12


def test_images_that_are_not_there_leave_placeholders_and_a_sentence(tmp_path: Path) -> None:
    build = convert(tmp_path, "--image-url", PREFIX)
    assert pictures(build) == 12, "pictures come from where the images are, not from where image_url says"
    images = tmp_path / "images"
    images.rename(tmp_path / "moved")
    assert report(build).status == 0
    assert pictures(build) == 0 and "No picture is shown: not read: " in text(build)
    assert len(page(build).xpath("//figure[@data-split]")) == 12
    assert report(build, "--images", tmp_path / "moved").status == 0
    assert pictures(build) == 12


def test_no_images_are_read_where_none_are_wanted(tmp_path: Path) -> None:
    build = convert(tmp_path)
    assert report(build, "--no-images").status == 0
    assert pictures(build) == 0 and b"data:image" not in build.root.joinpath("report.html").read_bytes()
    assert "No picture is shown: left out, as --no-images asks for" in text(build)


@pytest.fixture
def visited() -> Iterator[tuple[str, list[str]]]:
    """A web server on this machine, and what was asked of it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_image_whose_name_is_a_url_is_never_fetched(visited: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = visited
    build = convert(tmp_path, n3=f"{address}/secret.png")
    assert build.counts["images"][1] == 12
    assert report(build).status == 0
    assert asked == [] and pictures(build) == 11
    assert "it does not lie below the images' directory" in text(build)


def test_a_link_out_of_the_images_directory_is_not_followed(tmp_path: Path) -> None:
    build = convert(tmp_path)
    for file in tmp_path.joinpath("images").iterdir():
        file.rename(tmp_path / file.name)
        file.symlink_to(tmp_path / file.name)
    assert report(build).status == 0
    assert pictures(build) == 0 and "a link out of the images' directory" in text(build)


def test_a_build_of_a_version_without_statistics_has_a_report_that_says_so(tmp_path: Path) -> None:
    build = convert(tmp_path)
    manifest = dict(build.manifest)
    del manifest["statistics"], manifest["source"]["images"]
    build.root.joinpath("manifest.json").write_text(json.dumps(manifest))
    assert report(build).status == 0
    said = text(build)
    assert "kept no statistics" in said and "name the place with --images URL" in said
    assert "images written" in said and not page(build).xpath("//*[@id='figures']")


def test_records_that_are_gone_are_told_of(tmp_path: Path) -> None:
    build = convert(tmp_path)
    for file in build.root.glob("train/*.jsonl"):
        file.unlink()
    assert report(build).status == 0
    assert "records of train could not be read" in text(build)
    assert pictures(build) == len(
        build.root.joinpath("validation/validation-00000-of-00001.jsonl").read_text().splitlines()
    )


def test_text_of_a_dataset_is_nowhere_markup(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    source = coco(tmp_path)
    source.write_text(source.read_text().replace('"cat"', json.dumps(hostile)))
    answer = labelbeam("convert", "--task", DETECTION, "--source", source, "--output", tmp_path / "out", *SPLIT)
    assert answer.status == 0
    build = Build(tmp_path / "out")
    scripts = page(build).xpath("//script")
    assert len(scripts) == 1 and "alert" not in scripts[0].text
    assert hostile in text(build)


def test_a_place_without_a_build_has_no_report(tmp_path: Path) -> None:
    failed(labelbeam("report", tmp_path), 1, "latest.json", "labelbeam convert --output")


def test_a_pointer_or_manifest_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    build = convert(tmp_path)
    manifest = build.manifest | {"build": "../../elsewhere"}
    build.root.joinpath("manifest.json").write_text(json.dumps(manifest))
    failed(labelbeam("report", build.output), 1, "../../elsewhere", "expected one below builds/")
    assert not tmp_path.joinpath("elsewhere").exists()


def test_a_place_that_cannot_be_written_is_refused() -> None:
    failed(labelbeam("report", "https://127.0.0.1:9/x"), 2, "read only")


# With an evaluation. --------------------------------------------------------------------------------------------------


def evaluation(of: Build, **changes: Any) -> dict[str, Any]:
    record = next(line for line in of.lines["train"] if line["label"])
    boxes: Any = [
        {
            "label": "dog",
            "score": 0.75,
            "box": dict.fromkeys(("topX", "topY"), 0.25) | dict.fromkeys(("bottomX", "bottomY"), 0.5),
        }
    ]
    if of.task == CLASSIFICATION:
        boxes = {"labels": ["cat", "dog"], "probs": [0.25, 0.75]}
    worst = [WorstImage(record["image_url"], 0.125, "it is <b>bad</b>", record["label"], boxes)]
    values: dict[str, Any] = {
        "format_version": 1,
        "task": of.task,
        "build": of.root.name,
        "split": "train",
        "images": 7,
        "unpredicted": 2,
        "unknown": 1,
        "metrics": {"mAP_50": 0.4321, "mAP_75": None},
        "by_class": {"cat": {"AP": 0.5, "truth": 1234}, "dog": {"AP": None, "truth": 2}},
        "confusion": Confusion(["cat", "dog"], [[3, 1], [0, 17]]),
        "worst": worst,
        "warnings": ["mind the gap"],
        "predictions": "JSON lines",
        "threshold": 0.5,
    }
    found: dict[str, Any] = msgspec.to_builtins(Evaluation(**values))
    return found | changes


def with_evaluation(build: Build, content: Any) -> Answer:
    file = build.output / "evaluation.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return report(build, "--evaluation", file)


def test_an_evaluation_is_shown_with_its_figures_and_what_was_predicted_worst(tmp_path: Path) -> None:
    build = convert(tmp_path)
    assert with_evaluation(build, evaluation(build)).status == 0
    said = text(build)
    for part in (
        "7 images of train were compared",
        "0.432 mAP 50",
        "– mAP 75",
        "1,234",
        "mind the gap",
        "Predictions: JSON lines .",
        "from a probability of 0.5 on",
        "it is <b>bad</b>",
    ):
        assert part in said
    (figure,) = page(build).xpath("//section[@aria-labelledby='evaluation']//figure")
    assert len(figure.xpath(".//image")) == 1
    of_truth, of_prediction = figure.xpath(".//*[contains(@class, 'shape')]")
    assert "predicted" not in of_truth.get("class") and "predicted" in of_prediction.get("class")
    assert figure.xpath(".//*[contains(@class, 'predicted')]/path[@class='line']/@d") == ["M16 12L32 12L32 24L16 24Z"]
    assert "dog 0.75" in figure.text_content()
    cells = page(build).xpath("//table[@class='confusion']//td")
    assert [cell.text for cell in cells] == ["3", "1", None, "17"]
    assert ["right" in cell.get("class") for cell in cells] == [True, False, False, True]


def test_images_predicted_worst_are_shown_in_the_frame_of_their_records(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    put(root / "images" / "a.jpg", encoded(size=(64, 48), exif=exif(6)))
    image = coco_image(1, "a.jpg", width=48, height=64)
    source = write_json(root / "a.json", document_of([image], [coco_box(1, 1, (4, 4, 20, 20))]))
    answer = labelbeam("convert", "--task", DETECTION, "--source", source, "--output", tmp_path / "out")
    assert answer.status == 0, answer.err
    build = Build(tmp_path / "out", answer.err)
    put(
        tmp_path / "predictions.jsonl",
        json.dumps({"image_url": build.lines["train"][0]["image_url"], "boxes": []}).encode(),
    )
    file = tmp_path / "evaluation.json"
    compared = labelbeam("evaluate", build.output, "--predictions", tmp_path / "predictions.jsonl", "--output", file)
    assert compared.status == 0, compared.err
    (worst,) = json.loads(file.read_bytes())["worst"]
    assert (worst["width"], worst["height"]) == (48, 64)
    assert report(build, "--evaluation", file).status == 0
    embedded = re.findall(r"data:image/jpeg;base64,([\w+/=]+)", build.root.joinpath("report.html").read_text())
    assert [Image.open(io.BytesIO(base64.b64decode(data))).size for data in embedded] == [(48, 64), (48, 64)]


def test_predicted_labels_of_images_are_told_in_words(tmp_path: Path) -> None:
    build = convert(tmp_path, task=CLASSIFICATION)
    assert with_evaluation(build, evaluation(build)).status == 0
    said = text(build)
    assert ("truth: cat" in said) != ("truth: dog" in said) and "predicted: dog 0.75, cat 0.25" in said


def test_an_evaluation_of_another_build_is_shown_with_a_warning(tmp_path: Path) -> None:
    build = convert(tmp_path)
    assert with_evaluation(build, evaluation(build, build="another")).status == 0
    assert "this is an evaluation of build another" in text(build)


@pytest.mark.parametrize("what", ["no JSON", "a list", "of another task", "of another version"])
def test_what_is_no_evaluation_of_the_build_is_refused(what: str, tmp_path: Path) -> None:
    build = convert(tmp_path)
    before = build.root.joinpath("report.html").read_bytes()
    content = {
        "no JSON": "{",
        "a list": "[]",
        "of another task": json.dumps(evaluation(build, task=CLASSIFICATION)),
        "of another version": json.dumps(evaluation(build, format_version=99)),
    }[what]
    failed(with_evaluation(build, content), 2, "--evaluation", "evaluation.json", "expected")
    assert build.root.joinpath("report.html").read_bytes() == before


def test_an_evaluation_that_is_not_there_is_named(tmp_path: Path) -> None:
    build = convert(tmp_path)
    failed(report(build, "--evaluation", tmp_path / "none.json"), 1, "none.json")
