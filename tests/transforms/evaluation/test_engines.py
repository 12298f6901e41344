"""Engines of COCO's evaluation: the same figures, classes and outcomes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.evaluation import engines
from tests.end_to_end.builds import REPOSITORY
from tests.schedules.environment import tools_python

COMPARE = """
import dataclasses, json, sys
sys.path.append(sys.argv[1])
from labelbeam.transforms.evaluation.detection import evaluate_objects
from tests.transforms.evaluation.datasets import LABELS, draw
from tests.transforms.evaluation.test_detection import SIZE, objects_of
found = []
for seed in range(40):
    both = draw(seed, segmentation=seed % 4 == 3)
    true, said = objects_of(both)
    masks = both.task == "image_instance_segmentation"
    found.append([dataclasses.asdict(evaluate_objects([SIZE] * len(true), true, said, LABELS, masks, e)) for e in sys.argv[2:]])
print(json.dumps(found))
"""


def test_an_engine_that_is_missing_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    engines.check_installed("pycocotools")
    with pytest.raises(UsageError, match=r"--engine.*pip install 'labelbeam\[faster\]'"):
        engines.check_installed("faster-coco-eval")


@pytest.mark.installation
def test_both_engines_find_the_same() -> None:
    """Random boxes and masks of all sizes, with crowds, equal scores, and images without predictions."""
    packages = next(tools_python("faster").parents[1].glob("lib/python*/site-packages"))
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", COMPARE, str(packages), *engines.ENGINES],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    compared = json.loads(ran.stdout.splitlines()[-1])
    assert len(compared) == 40
    for one, other in compared:
        assert one["outcomes"] == other["outcomes"]
        figures = [{"": each["metrics"]} | each["by_class"] for each in (one, other)]
        assert figures[0].keys() == figures[1].keys()
        for name, values in figures[0].items():
            assert figures[1][name] == pytest.approx(values, abs=1e-12, nan_ok=False), name
