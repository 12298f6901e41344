"""`labelbeam verify` for people: what it prints, and that it starts at once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from labelbeam.pipelines.cli import main
from tests.transforms.verify.damaged import Build, copy, publish


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish("image_object_detection", tmp_path_factory.mktemp("verify"))


def test_without_json_stdout_is_empty_and_stderr_says_ok(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(published)]) == 0
    out, err = capsys.readouterr()
    assert (out, err[:10]) == ("", "ok: build ")


def test_without_json_each_difference_is_a_line_on_stderr(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = copy(published, tmp_path / "build")
    shutil.rmtree(build.root / "parquet")
    (build.root / "note.txt").touch()
    assert main(["verify", str(build.output)]) == 3
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert [line.partition(":")[0] for line in lines] == [
        *(f for f in map(Build.copy_of, shards(build))),
        "note.txt",
        "different",
    ]
    assert lines[0].endswith("found no such file; expected a file, as the manifest says")
    assert lines[-1].startswith("different: 5 differences in 10 files with 16 records of ")


def shards(build: Build) -> list[str]:
    return [path for path in build.files() if path.endswith(".jsonl") and "rejected" not in path]


def test_verify_does_not_wait_for_beam_to_be_imported() -> None:
    code = "import sys, labelbeam.transforms.verify.check; sys.exit('apache_beam' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=True)


def test_where_nothing_was_published_the_message_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()
    for output in (tmp_path, tmp_path / "nowhere", file):
        assert main(["verify", str(output), "--json"]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert "found no latest.json, expected the pointer" in err
        assert f"labelbeam convert --output file://{output}" in err
        assert "Traceback" not in err
