"""A command loads nothing of what it has no use for; others find all of it."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labelbeam.transforms.workers import loading
from tests.pipelines.conftest import COCO

RUN = """
import gc, json, sys
from labelbeam.pipelines.cli import main
from labelbeam.transforms.workers.loading import COLLECT_AFTER, OTHERS

status = main()
loaded = [name for name in (*OTHERS, "pandas", "google.cloud.storage", "requests") if name in sys.modules]
rare = gc.get_threshold()[0] == COLLECT_AFTER and gc.get_freeze_count() > 100_000
import apache_beam.io.aws.s3filesystem  # Found all the same by what asks for it afterwards.
from apache_beam.io.filesystems import FileSystems
print(json.dumps([status, "apache_beam" in sys.modules, loaded, rare, FileSystems.get_scheme("s3://b/k")]))
"""


def test_a_build_loads_none_of_it_and_whatever_asks_for_it_later_does(tmp_path: Path) -> None:
    (tmp_path / "coco.json").write_text(json.dumps(COCO))
    options = ["--task", "image_object_detection", "--source", "coco.json", "--output", "out", "--max-rejected", "1"]
    command = [sys.executable, "-c", RUN, "convert", *options]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [0, True, [], True, "s3"], ran.stderr


@pytest.mark.parametrize(("ours", "local", "hides"), [(True, True, True), (True, False, False), (False, True, False)])
def test_it_is_hidden_only_from_what_a_process_of_ours_loads_for_itself(
    ours: bool, local: bool, hides: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_absent", type(loading._absent)())
    monkeypatch.setattr(loading, "OTHERS", ("wave",))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.delitem(sys.modules, "wave", raising=False)
    monkeypatch.setattr(gc, "set_threshold", lambda *_: None)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # So that it is as before afterwards.
    if ours:
        loading.is_ours_alone()
    with loading.without_others(local), pytest.raises(ImportError) if hides else contextlib.nullcontext():
        importlib.import_module("wave")
    importlib.import_module("wave")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux")
@pytest.mark.parametrize("chosen", ["", "2"])
def test_arithmetic_takes_no_threads_of_its_own_but_those_that_somebody_asks_for(chosen: str) -> None:
    code = """
import os
from labelbeam.transforms.workers.loading import is_ours_alone
is_ours_alone()
import numpy
print(len(os.listdir("/proc/self/task")))
"""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    environment |= {"OPENBLAS_NUM_THREADS": chosen} if chosen else {}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert int(ran.stdout) == int(chosen or 1)
