"""The queries of docs/queries.md answer what the JSON Lines hold, in an environment that has neither labelbeam nor Beam."""

from __future__ import annotations

import json
import subprocess
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.end_to_end.builds import PREFIX, Build, convert
from tests.end_to_end.datasets import coco_box, coco_image, write_coco
from tests.pages import blocks
from tests.schedules.environment import tools_python

pytestmark = pytest.mark.installation

QUERIES = [block.text for block in blocks("docs/queries.md") if block.language == "python"]

RUNNER = """
import json, sys
variables = {}
exec(compile(sys.argv[1], "docs/queries.md", "exec"), variables)
print(json.dumps(sorted([label, split, int(objects), int(images)] for label, split, objects, images in variables["counts"])))
"""


@pytest.fixture(scope="module")
def build(place: Path) -> Build:
    """Images of two splits in three shards, some of which are empty; one image is background."""
    names = [{"id": 1, "name": "cat"}, {"id": 2, "name": "Füße"}]
    for split, numbers in (("train", range(1, 8)), ("val", range(8, 11))):
        items = [
            coco_box(10 * number + each, number, category=1 + (number + each) % 2)
            for number in numbers
            if number != 3
            for each in range(1 + number % 3)
        ]
        write_coco(place / f"{split}.json", [coco_image(number) for number in numbers], items, names)
    sources = [option for split in ("train", "val") for option in ("--source", place / f"{split}.json")]
    return convert(*sources, "--image-url", PREFIX, "--shards", "3", output=place / "out")


def test_the_page_has_a_query_for_each_tool() -> None:
    assert [query.partition("import ")[2].split()[0] for query in QUERIES] == ["duckdb", "polars", "Path"]


@pytest.mark.parametrize("query", QUERIES, ids=["duckdb", "polars", "pandas"])
def test_each_query_counts_what_the_json_lines_hold(query: str, build: Build, tmp_path: Path) -> None:
    objects: Counter[tuple[str, str]] = Counter()
    images: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for split, lines in build.lines.items():
        for line in lines:
            for item in line["label"]:
                objects[item["label"], split] += 1
                images[item["label"], split].add(line["image_url"])
    (tmp_path / "built").symlink_to(build.root)
    command = [str(tools_python("queries")), "-P", "-c", RUNNER, query]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert json.loads(ran.stdout) == sorted([*key, count, len(images[key])] for key, count in objects.items())
