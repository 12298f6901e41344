"""Images, an endpoint, and the command between them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from labelbeam.schemas.score_config import DEFAULT_KEY
from labelbeam.transforms.score import plan as plan_scores
from tests.end_to_end.builds import Answer, labelbeam
from tests.scoring.runs import DETECTION, IMAGES, Score
from tests.servers.endpoint import EndpointServer, endpoint_server


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Each command sets up logging; other tests of this process are not to find it so."""
    loggers = [logging.getLogger(name) for name in ("", "labelbeam", "pipelines", "transforms")]
    before = [(logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers
    logging.captureWarnings(False)


@pytest.fixture(autouse=True)
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_scores, "UNIT", 4)
    monkeypatch.delenv(DEFAULT_KEY, raising=False)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten images."""
    for name, content in IMAGES.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "photos"


@pytest.fixture
def endpoint() -> Iterator[EndpointServer]:
    """One for detection, of the second generation, that asks for no key."""
    with endpoint_server(DETECTION) as server:
        yield server


@pytest.fixture
def score(photos: Path, tmp_path: Path, endpoint: EndpointServer) -> Score:
    """Scores the photos with the endpoint, or another one; further arguments are options."""

    def run(*options: str | Path, by: EndpointServer = endpoint) -> Answer:
        places = ["--endpoint", by.url, "--output", tmp_path / "scores"]
        return labelbeam("score", photos, "--task", by.task, *places, *options)

    return run
