"""One name in an environment: LabelBeam neither meets modules called as its rooms are, nor gets in their way."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from labelbeam.pipelines.version import VERSION
from tests.packaging.made import ROOMS, ROOT, Dist, write_dataset, write_own_names, write_wheel
from tests.runners.driving import Installed
from tests.runners.provision import pip, run

pytestmark = [pytest.mark.installation, pytest.mark.cluster]


def files_of(folder: str) -> set[str]:
    kinds = (".py", ".css", ".js", ".jinja", ".typed")
    return {path.relative_to(ROOT).as_posix() for path in ROOT.joinpath(folder).rglob("*") if path.suffix in kinds}


def test_the_wheel_holds_one_package_with_every_module_and_its_types(dist: Dist) -> None:
    with zipfile.ZipFile(dist.wheel) as archive:
        names = archive.namelist()
        about = f"labelbeam-{VERSION}.dist-info"
        assert {name.partition("/")[0] for name in names} == {"labelbeam", about}
        assert archive.read(f"{about}/top_level.txt").split() == [b"labelbeam"]
    inside = {name for name in names if name.startswith("labelbeam/")}
    rooms = {f"labelbeam/{name}" for room in ROOMS for name in files_of(room)}
    assert inside == rooms | files_of("labelbeam")


def test_the_sdist_holds_what_a_build_needs_and_no_tests(dist: Dist) -> None:
    with tarfile.open(dist.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert files_of("labelbeam") | {name for room in ROOMS for name in files_of(room)} <= names
    assert {"setup.py", "pyproject.toml", "README.md", "LICENSE"} <= names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


def builds(installed: Installed, folder: Path, *options: str, **environment: str) -> None:
    """The command answers, and builds in this process and with worker processes, to the same bytes."""
    version = installed.labelbeam("--version", **environment)
    assert (version.status, version.out) == (0, f"labelbeam {VERSION}\n"), version.err
    arguments = write_dataset(folder)
    hashes = []
    for number, more in enumerate(([], ["--direct_num_workers=2"], list(options))):
        output = str(folder / f"built-{number}")
        ran = installed.labelbeam("convert", *arguments, "--output", output, "--json", *more, **environment)
        assert ran.status == 0, ran.err
        (manifest,) = Path(output).glob("builds/*/manifest.json")
        splits = json.loads(manifest.read_bytes())["splits"]
        hashes.append([file["sha256"] for file in splits["train"]["files"]])
        verified = installed.labelbeam("verify", output, **environment)
        assert verified.status == 0, verified.err
    assert hashes[0] == hashes[1] == hashes[2] and len(hashes[0]) == 3


MULTI_PROCESSING = ("--runner=FnApiRunner", "--direct_running_mode=multi_processing", "--direct_num_workers=2")


def test_it_builds_beside_a_users_own_modules_of_the_names_of_our_rooms(installed: Installed, tmp_path: Path) -> None:
    own = write_own_names(tmp_path / "own")
    path = os.pathsep.join([str(own), str(installed.packages)])
    builds(replace(installed, folder=own), tmp_path, *MULTI_PROCESSING, PYTHONPATH=path)


def test_the_installed_script_answers_there(installed: Installed, tmp_path: Path) -> None:
    own = write_own_names(tmp_path / "own")
    path = os.pathsep.join([str(own), str(installed.packages)])
    script = installed.packages / "bin/labelbeam"
    ran = subprocess.run(
        installed.command(str(script), "--version", PYTHONPATH=path),
        cwd=own,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == f"labelbeam {VERSION}\n"


def test_it_builds_where_packages_of_these_names_are_installed_and_leaves_them_alone(
    installed: Installed, dist: Dist, tmp_path: Path
) -> None:
    packages = tmp_path / "packages"
    others = [str(write_wheel(tmp_path, name)) for name in ROOMS]
    run(*pip(str(installed.python)), "--no-deps", "--target", str(packages), str(dist.wheel), *others)
    both = replace(installed, packages=packages)
    builds(both, tmp_path, *MULTI_PROCESSING)
    code = f"import {', '.join(ROOMS)}; print({' and '.join(f'{room}.SOMEBODY_ELSES' for room in ROOMS)})"
    ran = subprocess.run(
        both.command(str(both.python), "-c", code), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "True\n"


def test_a_checkout_in_which_something_is_run_is_not_half_of_a_package(installed: Installed, tmp_path: Path) -> None:
    for name in ("labelbeam", *ROOMS):
        (tmp_path / name).symlink_to(ROOT / name)
    code = "import labelbeam.pipelines.cli; print(labelbeam.pipelines.cli.__file__)"
    ran = subprocess.run(
        installed.command(str(installed.python), "-c", code), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(ran.stdout.strip()) == tmp_path / "pipelines/cli.py"


def test_an_edit_takes_effect_without_installing_again(editable: Path, copied: Path, tmp_path: Path) -> None:
    def answer(code: str) -> str:
        ran = subprocess.run([str(editable), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    version = copied / "pipelines/version.py"
    assert answer("import labelbeam; print(labelbeam.__version__)") == VERSION
    version.write_text(version.read_text().replace(VERSION, "9.9.9"))
    (copied / "pipelines/commands/added.py").write_text("NAME = 'a new module'\n")
    (copied / "transforms/rooms").mkdir()
    (copied / "transforms/rooms/__init__.py").write_text("NAME = 'a new room'\n")
    assert answer("import labelbeam; print(labelbeam.__version__)") == "9.9.9"
    assert answer("from labelbeam.pipelines.commands.added import NAME; print(NAME)") == "a new module"
    assert answer("from labelbeam.transforms.rooms import NAME; print(NAME)") == "a new room"
    script = subprocess.run(
        [str(editable.parent / "labelbeam"), "--version"], capture_output=True, text=True, check=True
    )
    assert script.stdout == "labelbeam 9.9.9\n"


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_is_not_a_name_of_the_environment(installed: Installed, name: str) -> None:
    ran = subprocess.run(
        installed.command(str(installed.python), "-c", f"import {name}"),
        cwd=installed.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"No module named '{name}'" in ran.stderr
