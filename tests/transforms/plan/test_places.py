"""Places of a run that lie in each other, or in those of another run, are refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.plan.places import check_holds_no_output, check_in_no_output, check_places
from labelbeam.transforms.stores.files import StoredFile
from labelbeam.transforms.stores.locate import locate
from labelbeam.transforms.stores.location import Location
from tests.manifests import BUILD


@pytest.fixture
def root(tmp_path: Path) -> Location:
    """A directory with an output of an earlier run, and a dataset."""
    for name in (f"out/builds/{BUILD}/manifest.json", "out/latest.json", "data/1.jpg", "copies/x"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return locate(str(tmp_path), {})


def check(root: Location, output: str, copies: str | None, source: str = "data") -> None:
    check_places(
        root.below(output), None if copies is None else root.below(copies), [("--source", root.below(source))], {}
    )


@pytest.mark.parametrize(
    ("output", "copies", "source"),
    [
        ("out", None, "data"),
        ("out", "copies", "data"),
        ("data/out", None, "data"),
        ("new", None, "new/data"),
        ("out", "out/copies", "data"),
        ("out", None, "out/builds"),
    ],
)
def test_places_that_harm_nothing_are_taken(output: str, copies: str | None, source: str, root: Location) -> None:
    check(root, output, copies, source)


@pytest.mark.parametrize(
    ("output", "copies", "source", "words"),
    [
        ("out/builds", None, "data", "--output: .* where the builds of .* are, which never change"),
        (f"out/builds/{BUILD}/x", None, "data", "--output: .* where the builds of"),
        ("out/latest.json", None, "data", "--output: .* is the pointer to a build"),
        ("out", None, "out/unfinished/x", "--source: .* which runs on --output write and remove"),
        ("out", None, "out/latest.json", "--source: .* which runs on --output write and remove"),
        ("out", "out", "data", "--copy-images: .* lie in each other"),
        ("new/out", "new", "data", "--copy-images: .* lie in each other"),
        ("new", "new/builds/x", "data", "--copy-images: .* lie in each other"),
        ("new", "out", "data", "--copy-images: .* is an output of builds"),
        ("new", "out/builds/x", "data", "--copy-images: .* where the builds of"),
        ("out", "data", "data", "--copy-images: .* and --source .* lie in each other"),
        ("out", "data/copies", "data", "--copy-images: .* and --source .* lie in each other"),
        ("out", "copies", "copies/data", "--copy-images: .* and --source .* lie in each other"),
    ],
)
def test_places_that_could_harm_what_is_there_are_refused(
    output: str, copies: str | None, source: str, words: str, root: Location
) -> None:
    with pytest.raises(UsageError, match=words):
        check(root, output, copies, source)


def test_an_output_that_is_a_file_is_refused(root: Location) -> None:
    Path(root.path, "a.json").write_text("{}", encoding="utf-8")
    for output in ("a.json", "a.json/x/y"):
        with pytest.raises(UsageError, match=r"--output: .*a\.json is a file; expected a directory"):
            check(root, output, None)


def test_a_directory_called_builds_without_a_pointer_beside_it_is_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "builds" / "mine").mkdir(parents=True)
    check_in_no_output("--output", locate(f"{tmp_path}/builds/mine", {}), {})
    with pytest.raises(UsageError, match="where the builds of"):
        check_in_no_output("--output", locate(f"{tmp_path}/builds/{BUILD}", {}), {})


def files(*paths: str) -> list[StoredFile]:
    return [StoredFile(path, 1, "t") for path in paths]


def test_an_output_among_the_files_of_a_place_is_named(root: Location) -> None:
    for folder in ("", "a/b/"):
        with pytest.raises(UsageError, match=f"holds file://.*{folder.rstrip('/')}, an output of builds"):
            check_holds_no_output(
                "--copy-images", root, files(f"{folder}latest.json", f"{folder}builds/{BUILD}/manifest.json")
            )


@pytest.mark.parametrize(
    "paths",
    [
        ["latest.json"],
        [f"builds/{BUILD}/manifest.json"],
        ["latest.json", f"a/builds/{BUILD}/manifest.json"],
        ["latest.json", "builds/mine/manifest.json"],
        ["latest.json", f"{BUILD}/manifest.json"],
    ],
)
def test_half_an_output_is_none(paths: list[str], root: Location) -> None:
    check_holds_no_output("--copy-images", root, files(*paths))
