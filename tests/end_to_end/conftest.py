"""Builds that several tests look at, each made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.datasets import coco_box, coco_image, write_coco


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A directory for the builds of one module."""
    return tmp_path_factory.mktemp(request.module.__name__.rpartition(".")[2])


@pytest.fixture
def half_bad(tmp_path: Path) -> Path:
    """A COCO file of four images of which two are rejected."""
    items = [coco_box(number, number, category=1 if number % 2 else 77) for number in range(1, 5)]
    return write_coco(tmp_path / "half.json", [coco_image(number) for number in range(1, 5)], items)
