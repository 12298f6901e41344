"""The demo's pictures are what its annotations say, its build counts what was put in, and it spares what is not its own."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageOps
from pycocotools import mask as coco_mask

from labelbeam.pipelines.cli import main
from labelbeam.pipelines.demo.data import make_dataset
from labelbeam.pipelines.demo.scenes import COLOURS
from labelbeam.schemas.errors import LabelBeamError

# pycocotools 2.0.11 predates numpy 2's __array__(copy=...).
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ODD_ANNOTATIONS = (58, 59, 60)
"""Those of the picture that is missing, of the one that is not listed, and the box without width."""


def run(*arguments: str | Path) -> tuple[int, str]:
    """Run the command and return its exit status and what it wrote to stderr; it writes nothing to stdout."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(argument) for argument in arguments])
    assert out.getvalue() == ""
    return status, err.getvalue()


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[3],
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    )


def manifest_of(output: Path) -> dict[str, Any]:
    latest = json.loads(output.joinpath("latest.json").read_bytes())
    manifest: dict[str, Any] = json.loads(output.joinpath(latest["manifest"]).read_bytes())
    return manifest


def digest(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def dataset() -> dict[str, bytes]:
    return make_dataset()


@pytest.fixture
def drawn_already(dataset: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare a test the drawing: it is the same in every process."""
    monkeypatch.setattr("labelbeam.pipelines.demo.demo.make_dataset", lambda: dataset)


@pytest.fixture(scope="module")
def coco(dataset: dict[str, bytes]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(dataset["coco/annotations/instances.json"])
    return loaded


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A directory whose name needs quoting, after the demo has run in it, and what it printed."""
    root = tmp_path_factory.mktemp("newcomer") / "my demo"
    status, printed = run("demo", root)
    assert status == 0, printed
    return root, printed


# The dataset. -----------------------------------------------------------------------------------------------------


def test_its_bytes_are_the_same_in_every_process(dataset: dict[str, bytes]) -> None:
    code = """
import hashlib
from labelbeam.pipelines.demo.data import make_dataset
for path, data in make_dataset().items():
    print(hashlib.sha256(data).hexdigest(), path)
"""
    listing = run_python(code, PYTHONHASHSEED="7").stdout
    assert listing == "".join(f"{hashlib.sha256(data).hexdigest()} {path}\n" for path, data in dataset.items())


def test_the_readme_comes_first_so_that_a_demo_cut_short_is_known_as_one(dataset: dict[str, bytes]) -> None:
    assert next(iter(dataset)) == "README.txt"


def test_pictures_are_of_several_formats_and_one_of_another_than_its_name_says(dataset: dict[str, bytes]) -> None:
    found: Counter[tuple[str, str]] = Counter()
    for path, data in dataset.items():
        if path.startswith("coco/images/"):
            with Image.open(io.BytesIO(data)) as image:
                found[path.rpartition(".")[2], str(image.format)] += 1
    assert found == {
        ("jpg", "JPEG"): 18,
        ("JPG", "JPEG"): 1,
        ("png", "PNG"): 2,
        ("bmp", "BMP"): 2,
        ("jpg", "PNG"): 1,
    }


def coco_mask_of(annotation: dict[str, Any], width: int, height: int) -> npt.NDArray[np.bool_]:
    segmentation = annotation["segmentation"]
    if isinstance(segmentation, list):
        segmentation = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        segmentation = coco_mask.frPyObjects(segmentation, height, width)
    decoded: npt.NDArray[np.bool_] = coco_mask.decode(segmentation).astype(bool)
    return decoded


def drawn_parts(dataset: dict[str, bytes], coco: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any, Any]]:
    """Each annotation that is not odd, with its mask and the pixels of its picture as a viewer shows it."""
    images = {image["id"]: image for image in coco["images"]}
    for annotation in coco["annotations"]:
        if annotation["id"] not in ODD_ANNOTATIONS:
            image = images[annotation["image_id"]]
            with Image.open(io.BytesIO(dataset[f"coco/images/{image['file_name']}"])) as picture:
                pixels = np.asarray(ImageOps.exif_transpose(picture), np.float64)
            yield annotation, coco_mask_of(annotation, image["width"], image["height"]), pixels


def test_each_outline_lies_on_a_part_of_its_colour_also_where_exif_turns_the_picture(
    dataset: dict[str, bytes], coco: dict[str, Any]
) -> None:
    names = {category["id"]: category["name"] for category in coco["categories"]}
    seen = 0
    for annotation, mask, pixels in drawn_parts(dataset, coco):
        assert mask.shape == pixels.shape[:2]
        label = names[annotation["category_id"]]
        colour = pixels[mask].mean(axis=0)
        nearest = min(COLOURS, key=lambda name: float(np.linalg.norm(colour - COLOURS[name])))
        assert nearest == label, annotation["id"]
        seen += 1
    assert seen == 57


def test_each_box_and_area_are_those_of_its_outline(dataset: dict[str, bytes], coco: dict[str, Any]) -> None:
    for annotation, mask, _ in drawn_parts(dataset, coco):
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        left, top, width, height = annotation["bbox"]
        right = min(left + width, mask.shape[1])
        found = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        assert np.abs(np.subtract(found, (left, top, right, top + height))).max() < 1.5, annotation["id"]
        if left + width < mask.shape[1]:
            assert mask.sum() == pytest.approx(annotation["area"], rel=0.05), annotation["id"]


def test_every_format_of_segmentation_is_there(coco: dict[str, Any]) -> None:
    kinds: Counter[tuple[str, int]] = Counter()
    for annotation in coco["annotations"]:
        segmentation = annotation["segmentation"]
        kind = f"{len(segmentation)} parts" if isinstance(segmentation, list) else type(segmentation["counts"]).__name__
        kinds[kind, annotation["iscrowd"]] += 1
    # A pile of washers; 15 single ones; of the 41 others one bracket is in two parts; three annotations are odd.
    assert kinds == {("list", 1): 1, ("str", 0): 15, ("1 parts", 0): 40 + 3, ("2 parts", 0): 1}


# The build. -------------------------------------------------------------------------------------------------------


def test_the_build_counts_what_was_put_in(first_run: tuple[Path, str]) -> None:
    manifest = manifest_of(first_run[0] / "built" / "coco")
    # 24 pictures with 57 parts, one picture that is not there, and three odd annotations.
    assert manifest["counts"] == {
        "images": {"found": 25, "written": 24, "rejected": 1, "skipped": 0},
        "objects": {"found": 60, "written": 57, "rejected": 3, "skipped": 0},
    }
    assert manifest["rejected_by_reason"] == {
        "missing_image": 1,
        "image_rejected": 1,
        "unknown_image": 1,
        "empty_bbox": 1,
    }
    assert manifest["adjusted_by_reason"] == {"bbox_clipped": 1, "format_from_content": 1, "rotated_frame": 1}
    assert manifest["labels"] == ["bracket", "gear", "hex bolt", "washer"]
    assert set(manifest["splits"]) == {"train", "validation"}
    assert sum(part["images"] for part in manifest["splits"].values()) == 24
    assert 2 <= manifest["splits"]["validation"]["images"] <= 8


def test_the_summary_and_where_everything_is_are_printed(first_run: tuple[Path, str]) -> None:
    root, printed = first_run
    for said in (
        "1 missing_image",
        "1 bbox_clipped",
        shlex.join(["labelbeam", "verify", str(root / "built" / "coco")]),
    ):
        assert said in printed
    build = root / "built" / "coco" / "builds" / manifest_of(root / "built" / "coco")["build"]
    for file in build.rglob("*"):
        if file.is_file():
            assert f"  {file.relative_to(build).as_posix()} " in printed


def test_every_command_that_it_prints_works(first_run: tuple[Path, str]) -> None:
    root, printed = first_run
    lines = printed.replace("\\\n", "").splitlines()
    commands = [shlex.split(line) for line in lines if line.startswith("  labelbeam ")]
    commands = [command[1:] for command in commands if command[1] in ("inspect", "convert")]
    assert len(commands) == 5
    for command in commands:
        status, said = run(*command)
        assert status == 0, said
    outputs = {path.parent.name for path in root.glob("built/*/latest.json")}
    assert outputs == {"coco", "coco-segmentation", "voc", "folder", "folder-multilabel"}


def test_its_voc_masks_belong_to_its_objects(first_run: tuple[Path, str], tmp_path: Path) -> None:
    source = first_run[0] / "voc"
    status, said = run(
        "convert", "--task", "image_instance_segmentation", "--source", source, "--output", tmp_path / "out"
    )
    assert status == 0, said
    manifest = manifest_of(tmp_path / "out")
    # Pictures 1, 2, 3, 6, 7 and 9 have masks, with 3 + 3 + 4 + 4 + 2 + 3 parts.
    assert manifest["counts"]["images"] == {"found": 12, "written": 6, "rejected": 0, "skipped": 6}
    assert manifest["counts"]["objects"] == {"found": 19, "written": 19, "rejected": 0, "skipped": 0}


# What was there before. -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("drawn_already")
def test_a_second_run_adds_a_build_and_mends_the_data(first_run: tuple[Path, str], dataset: dict[str, bytes]) -> None:
    root, _ = first_run
    builds = {path.name: digest(path) for path in root.glob("built/coco/builds/*")}
    damaged = root / "voc" / "Annotations" / "000001.xml"
    damaged.write_text("<annotation/>")
    damaged.with_name(".DS_Store").touch()
    status, said = run("demo", root)
    assert status == 0, said
    assert {path: (root / path).read_bytes() for path in dataset} == dataset
    again = {path.name: digest(path) for path in root.glob("built/coco/builds/*")}
    assert len(again) == len(builds) + 1
    assert {name: again[name] for name in builds} == builds


@pytest.mark.parametrize("name", ["notes.txt", "README.txt", ".git"])
def test_somebody_elses_directory_is_left_alone(tmp_path: Path, name: str) -> None:
    tmp_path.joinpath(name).write_text("mine")
    status, said = run("demo", tmp_path)
    assert status == 2
    assert f"found {name}, expected an empty directory" in said
    assert digest(tmp_path) == {name: b"mine"}


@pytest.mark.usefixtures("drawn_already")
def test_a_file_among_its_data_that_is_not_its_own_is_named_and_nothing_is_written(
    tmp_path: Path, dataset: dict[str, bytes]
) -> None:
    tmp_path.joinpath("README.txt").write_bytes(dataset["README.txt"])
    mine = tmp_path / "folder" / "train" / "gear" / "mine.jpg"
    mine.parent.mkdir(parents=True)
    mine.touch()
    before = digest(tmp_path)
    status, said = run("demo", tmp_path)
    assert status == 2
    assert str(mine) in said
    assert digest(tmp_path) == before


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "taken"
    place.write_text("mine")
    status, said = run("demo", place)
    assert (status, place.read_text()) == (2, "mine")
    assert "found a file, expected a directory" in said


def test_a_url_is_no_place_for_it() -> None:
    assert run("demo", "s3://bucket/demo")[0] == 2


def test_a_place_that_cannot_be_written_is_named_without_a_traceback(tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()
    status, said = run("demo", tmp_path / "file" / "demo")
    assert status == LabelBeamError.exit_code
    assert f"{tmp_path / 'file'}" in said
    assert "cannot be read or written" in said


def test_it_does_not_import_beam_before_it_builds() -> None:
    assert run_python("import sys, pipelines.demo; print('apache_beam' in sys.modules)").stdout == "False\n"


@pytest.mark.usefixtures("drawn_already")
@pytest.mark.parametrize("place", ["picture", "coco/annotations", "README.txt", "folder"])
def test_a_link_in_its_place_is_refused_and_nothing_is_written_where_it_leads(
    place: str, dataset: dict[str, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = next(path for path in dataset if path.endswith(".jpg")) if place == "picture" else place
    victim, demo = tmp_path / "victim", tmp_path / "demo"
    (demo / place).parent.mkdir(parents=True)
    (demo / "README.txt").write_bytes(dataset["README.txt"])
    (demo / place).unlink(missing_ok=True)
    if Path(place).suffix:
        victim.write_bytes(dataset["README.txt"])
    else:
        victim.mkdir()
    (demo / place).symlink_to(victim)
    assert main(["demo", str(demo)]) == 2
    assert "nothing was written" in capsys.readouterr().err
    assert victim.read_bytes() == dataset["README.txt"] if victim.is_file() else not any(victim.iterdir())
