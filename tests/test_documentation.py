"""The documentation and the code say the same: tables, commands, codes and links."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
from importlib import import_module

import pytest
import yaml

import labelbeam as public
from labelbeam.builds import Build
from labelbeam.pipelines.cli import main
from labelbeam.pipelines.command_line.options import FIELDS, GROUPS, flag
from labelbeam.pipelines.command_line.parser import EXIT_STATUS
from labelbeam.pipelines.commands.registry import make_parsers
from labelbeam.pipelines.commands.schema import NAMES
from labelbeam.pipelines.version import VERSION
from labelbeam.schemas.doubts import Doubted
from labelbeam.schemas.manifest import Receipt
from labelbeam.schemas.predictions import LabelsPrediction
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.schemas.scores import Failed
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.evaluation.classification import evaluate_labels
from labelbeam.transforms.evaluation.detection import COCO_FIGURES, evaluate_objects
from labelbeam.transforms.evaluation.gates import GATES
from labelbeam.transforms.evaluation.objects import PixelObject
from labelbeam.transforms.evaluation.predictions.azure import COLUMNS
from labelbeam.transforms.export.export import Exported
from labelbeam.transforms.export.exporter import Lost
from labelbeam.transforms.images.urls import image_url
from labelbeam.transforms.write.assemble import Assembled
from tests.pages import ROOT, page, table_after
from tests.servers import fixtures
from tests.tables import Table, rows_of, tables

ROOMS = ("pipelines", "transforms", "schemas")
PAGES = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "benchmarks/RESULTS.md"]
PAGES += sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.md"))
MODULES = {path.relative_to(ROOT).as_posix() for room in (*ROOMS, "labelbeam") for path in ROOT.glob(f"{room}/**/*.py")}


# Tables. --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", tables(), ids=lambda table: f"{table.page} {table.line}")
def test_tables_are_those_that_scripts_tables_writes(table: Table) -> None:
    assert rows_of(table)[1].splitlines() == table.rows


def test_each_option_stands_in_one_group() -> None:
    assert sorted(FIELDS) == sorted(name for names in GROUPS.values() for name in names)


def test_every_code_of_an_image_that_was_not_scored_is_documented_in_the_words_of_the_code() -> None:
    assert table_after("docs/score.md", "<!-- codes -->") == [f"| `{code}` | {code.doc} |" for code in Failed]


def test_every_option_of_scoring_is_on_its_page() -> None:
    shared = {flag(field) for field in FIELDS} - {"--split", "--images"}
    own = set(make_parsers()[1]["score"].options()) - shared - {"-h", "--help", "--endpoint"}
    assert {name for name in own if f"`{name}" not in page("docs/score.md")} == set()


def test_the_codes_and_options_that_pages_name_exist() -> None:
    known = {str(code) for kind in (Rejected, Skipped, Adjusted, Doubted) for code in kind} | {*FIELDS, *TASKS}
    known |= set(Receipt.__struct_fields__) | {"file_name", "category_id", "image_details", "read_annotations"}
    known |= {"training_data", "validation_data", "stream_image_files"}  # Azure's own.
    known |= {*map(str, Failed), *NAMES, *public.__all__}
    known |= {*map(str, Lost), *Exported.__struct_fields__}
    known |= {"image_width", "image_height", "label_confidence"}  # Of exports of labelling projects.
    known |= {"source_id", "label_count", "parent_first"}  # Columns of Parquet, and Flink's word.
    # COCO's and LVIS's fields.
    known |= {"coco_url", "bbox_mode", "bbox_format", "video_id", "frame_id", "date_captured", "category_name"}
    # YOLO's fields, files and directories, and its trainers' functions.
    known |= {"kpt_shape", "is_obb", "save_txt", "verify_image_label", "check_det_dataset", "obj_valid_data"}
    known |= {"train_images", "train_labels", "all_points_x", "class_id", "label_id"}
    known |= {"cat_train", "dog_train", "cat_test"}  # Folders that are called like a class and a split.
    # Fields of VOC files, and columns of tables.
    known |= {"x_min", "is_deleted", "corrected_label", "tl_x", "br_y"}
    # Of labels.json and --labels.
    known |= {"min_count", "source_labels", "source_ids", "source_names", "left_out", "patient_id"}
    # LabelMe's and VIA's fields.
    known |= {"shape_type", "group_id", "default_filepath", "public_domain", "image_url", "shape_attributes"}
    # CVAT's, Label Studio's and Hugging Face's.
    known |= {
        "push_to_hub",
        "to_parquet",
        "save_to_disk",
        "flatten_indices",
        "base_plus_ext",
    }  # Of the `datasets` and `webdataset` packages.
    known |= {"z_order", "to_name", "was_cancelled", "ground_truth"}
    known |= {"original_width", "original_height", "image_rotation", "label_id"}
    known |= {"is_train", "is_valid", "is_test", "list_eval_partition"}  # Columns and files of datasets.
    known |= {name for name in dir(fixtures) if name.endswith("_store")}
    known |= {*COCO_FIGURES, *label_figures(), *set().union(*class_figures()), *COLUMNS}
    ours = {flag(field) for field in FIELDS} | {"--no-json", "--runner", "--help", "--keep", "--dry-run"}
    ours |= set(make_parsers()[1]["evaluate"].options())
    ours |= {"--evaluation", "--no-images", "--config"}
    ours |= set(make_parsers()[1]["job"].options())
    ours |= set(make_parsers()[1]["export"].options())
    ours |= set(make_parsers()[1]["score"].options())
    known |= {*dir(public), *inspect.signature(public.score).parameters, *inspect.signature(public.evaluate).parameters}
    known |= {*dir(Build), *Assembled.__dataclass_fields__, *dir(public.errors.LabelBeamError)}
    elsewhere = {"--runs", "--names", "--seconds", "--replay", "--exclude", "--name", "--version", "--type", "--path"}
    elsewhere |= {"--label", "--repository", "--bg--", "--file"}
    elsewhere |= {"--rows", "--scale", "--prepare", "--write", "--stages"}  # Of the benchmarks.
    elsewhere |= {"--label"}  # Of Beam.
    elsewhere |= {"--all", "--fresh", "--fast", "--durations", "--proofs"}  # Of the tests and of CI.
    for name in PAGES:
        assert set(re.findall(r"`(?!test_)([a-z]+(?:_[a-z]+)+)`", page(name))) <= known, name
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+(?![\w=])", page(name))) <= ours | elsewhere, name


def label_figures() -> list[str]:
    return list(evaluate_labels([], [], None).metrics)


def class_figures() -> list[set[str]]:
    """What is said of a class, for boxes and for labels."""
    item = PixelObject("cat", (0.0, 0.0, 1.0, 1.0))
    objects = evaluate_objects([(1, 1)], [[item]], [[item]], ["cat"], with_masks=False)
    labels = evaluate_labels([["cat"]], [LabelsPrediction("", [1.0], ["cat"])], None)
    return [set(objects.by_class["cat"]), set(labels.by_class["cat"])]


def test_every_figure_and_gate_of_evaluate_is_documented() -> None:
    def names(mark: str) -> list[str]:
        rows = table_after("docs/evaluate.md", f"<!-- {mark} -->")
        return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]

    assert names("figures of boxes and masks") == list(COCO_FIGURES)
    assert sorted(names("figures of labels")) == sorted(label_figures())
    rows = [re.findall(r"`([^`]+)`", row) for row in table_after("docs/evaluate.md", "<!-- gates -->")]
    assert rows == [[flag(name), metric] for name, (metric, _) in GATES.items()]
    by_class = re.findall(r"By class there are (.+?)\. ", page("docs/evaluate.md"), re.DOTALL)
    assert [set(re.findall(r"`([^`]+)`", text)) - {"mar_100"} for text in by_class] == class_figures()


def test_the_readme_lists_the_commands_as_the_help_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out.partition("\n  COMMAND\n")[2].partition("\n\n")[0]
    commands = re.findall(r"(\w+) +(.+)", re.sub(r"\n {6,}", " ", shown))
    rows = table_after("README.md", "## Commands and exit status")
    assert rows == [f"| `labelbeam {name}` | {text} |" for name, text in commands]


def test_the_readme_lists_the_exit_statuses_as_the_help_does() -> None:
    statuses = re.findall(r"^  (\d)  (.+)$", EXIT_STATUS, re.MULTILINE)
    rows = [f"| {status} | {text} |" for status, text in statuses]
    assert "\n".join(["| status | meaning |", "| --- | --- |", *rows, ""]) in page("README.md")


def test_images_are_named_as_the_readme_shows() -> None:
    rows = table_after("README.md", "<!-- image urls of: 50%/a #1?.jpg -->")
    assert len(rows) == 5
    for row in rows:
        prefix, url = re.findall(r"`([^`]+)`", row)
        assert image_url(prefix, "50%/a #1?.jpg") == url


# Pages. ---------------------------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_pages_and_headings_that_exist(name: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page(name)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = ROOT.joinpath(name).parent / path if path else ROOT / name
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("name", PAGES)
def test_paths_of_the_repository_that_are_named_exist(name: str) -> None:
    rooms = (*ROOMS, "tests", "benchmarks", "scripts", "docs", "configs", "requirements")
    for path in re.findall(rf"(?<![\w/.])((?:{'|'.join(rooms)})/[\w./-]*\w)", page(name)):
        assert ROOT.joinpath(path).exists(), path


CI = yaml.safe_load(page(".github/workflows/ci.yml"))


def test_ci_on_github_runs_our_own_script_and_the_command_of_the_readme() -> None:
    full, fast = ([step["run"] for step in CI["jobs"][job]["steps"] if "run" in step] for job in ("full", "fast"))
    assert full == [".ci/run"]
    assert f"\n{' && '.join(fast)}\n" in page("README.md")


def test_ci_on_github_covers_the_pythons_that_setup_allows_on_both_systems() -> None:
    (low, high) = re.findall(r'python_requires=">=3\.(\d+),<3\.(\d+)"', page("setup.py"))[0]
    matrix = CI["jobs"]["fast"]["strategy"]["matrix"]
    assert matrix["python"] == [f"3.{minor}" for minor in range(int(low), int(high))]
    assert matrix["os"] == ["ubuntu-latest", "macos-latest"]
    classifiers = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', page("setup.py"))
    assert classifiers == matrix["python"]


def test_pre_commit_runs_what_people_run() -> None:
    ((hook,),) = (repository["hooks"] for repository in yaml.safe_load(page(".pre-commit-config.yaml"))["repos"])
    assert (hook["entry"], hook["language"], hook["pass_filenames"]) == ("scripts/check", "system", False)


def test_the_lowest_beam_is_tested_and_the_highest_is_the_pinned_one() -> None:
    (low, high) = re.findall(r'"apache-beam>=([\d.]+),<2\.(\d+)"', page("setup.py"))[0]
    assert f'"apache-beam[gcp]>={low},<2.{high}"' in page("setup.py")
    assert f"\napache-beam=={low}." in page("requirements/lowest.txt")
    assert f"\napache-beam==2.{int(high) - 1}." in page("requirements/constraints.txt")
    for path in re.findall(r"tests/[\w/]+\.py", page("scripts/test-beams")):
        assert ROOT.joinpath(path).is_file(), path


def test_the_version_has_an_entry_on_top_of_the_changes() -> None:
    assert re.findall(r"^## (.+)$", page("CHANGELOG.md"), re.MULTILINE)[0] == VERSION


def test_the_lower_bounds_are_those_that_can_be_installed_to_be_tested() -> None:
    bounds = re.findall(r'"([\w-]+)(?:\[[\w,]+\])?>=([\d.]+),<[\d.]+"', page("setup.py"))
    requirements = page("setup.py").count(">=") - 1  # Without Python's own.
    assert len(bounds) == requirements
    runtime = page("setup.py").partition("install_requires")[2].partition("extras_require")[0]
    runtime += page("setup.py").partition("IMAGES = {")[2].partition("}")[0]
    lowest = dict(re.findall(r"^([\w-]+)==([\d.]+)$", page("requirements/lowest.txt"), re.MULTILINE))
    assert {name: lowest.get(name, "")[: len(bound)] for name, bound in bounds if f'"{name}>=' in runtime} == {
        name: bound for name, bound in bounds if f'"{name}>=' in runtime
    }


# Modules. -------------------------------------------------------------------------------------------------------------


def test_each_folder_says_what_it_holds() -> None:
    for room in ROOMS:
        for file in ROOT.glob(f"{room}/**/__init__.py"):
            assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))), file


@pytest.mark.parametrize("module", sorted(module for module in MODULES if ">>> " in page(module)))
def test_examples_in_docstrings_are_right(module: str) -> None:
    name = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert doctest.testmod(import_module(f"labelbeam.{name}")).failed == 0
