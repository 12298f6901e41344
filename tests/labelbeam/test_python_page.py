"""The examples of docs/python.md run as they stand, one after the other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.builds import labelbeam

PAGE = Path(__file__).parents[2] / "docs/python.md"

CHECKS = """
import pyarrow.parquet as pq

assert outcome.manifest.counts.images.found > 5
assert labelbeam.verify("built").differences.told == []
rows = sum(len(list(build.records(split))) for split in build.splits)
assert rows == outcome.manifest.counts.images.written == dataset.count_rows()
assert table.num_rows == len(frame) == build.manifest.splits["train"].images
assert sum(count for _, count in boxes_by_label) == outcome.manifest.counts.objects.written
assert boxes_per_label.sum() == build.manifest.splits["train"].objects
assert image.size[0] > 0 and len(target["boxes"]) == len(target["labels"])
written = pq.ParquetDataset([str(path) for path in __import__("pathlib").Path().glob("sizes-*.parquet")]).read().to_pylist()
assert len(written) == rows and sum(row["boxes"] for row in written) == outcome.manifest.counts.objects.written
rejected = "".join(path.read_text() for path in __import__("pathlib").Path().glob("rejected-*"))
assert rejected.count("\\n") == sum(outcome.manifest.rejected_by_reason.values()) > 0
"""


def examples(marked: bool) -> list[str]:
    found = re.findall(r"(<!-- run -->\n)?```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return [text for mark, text in found if bool(mark) is marked]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    assert labelbeam("demo", folder / "labelbeam-demo").status == 0
    return folder


def test_the_examples_run_and_find_what_the_build_holds(demo: Path) -> None:
    script = demo / "page.py"
    script.write_text("\n".join([*examples(marked=True), CHECKS]), encoding="utf-8")
    ran = subprocess.run([sys.executable, "page.py"], cwd=demo, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_other_examples_are_python() -> None:
    others = examples(marked=False)
    assert len(others) == 2
    for text in others:
        compile(text, str(PAGE), "exec")
