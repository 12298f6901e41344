"""The same build and the same predictions on every runner: each file is what a run in this process writes.

Sources, images and output lie in an S3 server. What runs is what the project's sdist holds, in an environment of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from labelbeam.pipelines.runners.options import BEAM_OPTIONS
from tests.end_to_end.builds import labelbeam
from tests.end_to_end.datasets import encoded
from tests.runners.clusters import tails
from tests.runners.driving import Installed, Ran, Runner, worker_pool
from tests.runners.raw_data import BUILDS, write_raw_data
from tests.servers.endpoint import EndpointServer, endpoint_server
from tests.servers.fixtures import new_name
from tests.servers.stores import S3Store


def runner(name: str, seconds: int) -> Any:
    """A runner for a test: how long its builds take on it. A cluster is started once, and stays in one test process."""
    group = name if name in ("on_flink", "on_spark") else "runners"
    return pytest.param(name, marks=[pytest.mark.slow(seconds=seconds), pytest.mark.xdist_group(group)])


SCORING = [runner("in_process", 20), runner("portable", 25), runner("on_prism", 30)]
SCORING += [runner("on_flink", 130), runner("on_spark", 140)]
RUNNERS = [*SCORING, runner("multi_processing", 25), runner("loopback", 20)]
OF_CLUSTERS = ("coco", "folder")
"""What is built on Flink and Spark, where a build takes a minute of CPU. What a build of VOC asks of a runner, one of these does too: units
of many files, a look at images, the shuffle into shards."""
SCORED = "image_classification"
IMAGE_URL = "https://account.blob.core.windows.net/images/"

FIGURES = (
    "counts",
    "splits",
    "parquet",
    "rejected",
    "rejected_by_reason",
    "skipped_by_reason",
    "adjusted_by_reason",
    "labels",
    "same_content",
)
"""What a manifest says of a build whose names and times are left out: each file's path, records, bytes and hash too."""

pytestmark = [
    pytest.mark.server,
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning"),
]


class Expected(NamedTuple):
    """What the build of local files wrote: hashes by path, and figures of the manifest; and what its counters came to."""

    hashes: dict[str, str]
    figures: dict[str, Any]
    counters: list[str]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset on this machine's disk."""
    return write_raw_data(tmp_path_factory.mktemp("local") / "raw")


@pytest.fixture(scope="module")
def bucket(s3_server: str, raw: Path) -> S3Store:
    """The dataset in S3."""
    store = S3Store(new_name(), s3_server, s3_server)
    store.create()
    store.upload(raw, "raw")
    return store


def arguments(name: str, root: str, output: str) -> list[str]:
    build = BUILDS[name]
    where = ["--task", build.task, "--format", name, "--source", f"{root}/{build.source}", "--output", output]
    where += ["--images", f"{root}/coco"] if name == "coco" else []
    return [*where, "--image-url", IMAGE_URL, "--max-rejected", "1", *build.options]


def published(files: dict[str, bytes], root: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Hashes of the records and figures of the current build; rejected lines without where their source lies."""
    manifest = json.loads(files["latest.json"])["manifest"]
    below = manifest.removesuffix("manifest.json")
    data = {
        path.removeprefix(below): content.replace(root.encode(), b"")
        for path, content in files.items()
        if path.startswith(below) and path.endswith((".jsonl", ".parquet"))
    }
    figures = {key: value for key, value in json.loads(files[manifest]).items() if key in FIGURES}
    # Their bytes hold their source's URL, so that size and hash are those of the place; the hashes above are not.
    figures["rejected"] = [{"path": file["path"], "records": file["records"]} for file in figures["rejected"]]
    return {path: hashlib.sha256(content).hexdigest() for path, content in sorted(data.items())}, figures


def counters_of(err: str) -> list[str]:
    """What the counters of a job came to, as the log says at its end: such as `read: 12 of 12 files`."""
    return re.findall(r"\b((?:read|write): [\d,]+ of [\d,]+ \w+) in ", err)


@pytest.fixture(scope="module")
def expected(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Expected]:
    """What builds of local files in this process publish."""
    made = {}
    for name in BUILDS:
        output = tmp_path_factory.mktemp("expected")
        answer = labelbeam("convert", *arguments(name, str(raw), str(output)))
        assert answer.status == 0, answer.err
        files = {path.relative_to(output).as_posix(): path.read_bytes() for path in output.rglob("*") if path.is_file()}
        hashes, figures = published(files, raw.as_uri())
        assert figures["rejected"] and {path.partition("/")[0] for path in hashes} >= {"train", "parquet", "rejected"}
        made[name] = Expected(hashes, figures, counters_of(answer.err))
        assert len(made[name].counters) == 2
    # Of each two images of the same bytes one is dropped, and the rest is drawn label by label.
    folder = made["folder"].figures
    assert folder["skipped_by_reason"]["same_content"] > 30 and set(folder["splits"]) == {"train", "validation", "test"}
    assert len([path for path in made["coco"].hashes if path.endswith(".parquet")]) == 15
    return made


def built(installed: Installed, runner: Runner, bucket: S3Store, name: str, *options: str, **environment: str) -> Ran:
    """Build on a runner into a directory of that name."""
    config = [str(runner.config)] if runner.config else []
    where = arguments(name, bucket.url("raw"), bucket.url(f"{runner.name}/{name}"))
    environment = {**runner.environment, **environment}
    ran = installed.labelbeam("convert", *config, *where, *runner.options, *options, **environment)
    assert ran.status == 0, f"{ran.err}\n{tails(runner.logs)}"
    return ran


def is_the_same(bucket: S3Store, below: str, err: str, expected: Expected) -> None:
    """What a runner has published and said is what was expected."""
    files = {path.removeprefix(f"{below}/"): content for path, content in bucket.files(below).items()}
    hashes, figures = published(files, bucket.url("raw"))
    assert hashes == expected.hashes
    assert figures == expected.figures
    assert counters_of(err) == expected.counters
    assert not any(path.startswith("unfinished/") for path in files)


@pytest.mark.parametrize("fixture", RUNNERS)
def test_every_file_has_the_hash_of_a_local_build(
    fixture: str,
    installed: Installed,
    bucket: S3Store,
    expected: dict[str, Expected],
    request: pytest.FixtureRequest,
    record_property: Any,
) -> None:
    runner: Runner = request.getfixturevalue(fixture)
    storage = ("--storage-options", json.dumps(bucket.storage_options))
    for name in OF_CLUSTERS if fixture in ("on_flink", "on_spark") else BUILDS:
        ran = built(installed, runner, bucket, name, *storage)
        record_property(name, round(ran.seconds, 1))
        print(f"{runner.name}: {name} took {ran.seconds:.1f} s")
        below = f"{runner.name}/{name}"
        is_the_same(bucket, below, ran.err, expected[name])
        verified = labelbeam("verify", bucket.url(below), *storage)
        assert verified.status == 0, verified.err


@pytest.fixture(scope="module")
def endpoint() -> Iterator[EndpointServer]:
    """An endpoint that all workers reach."""
    with endpoint_server(SCORED) as server:
        yield server


@pytest.fixture(scope="module")
def images(bucket: S3Store) -> str:
    """Where images lie that are scored: enough for several units."""
    bucket.write({f"images/{number % 7}/{number:03}.png": encoded("PNG", (8, 1 + number)) for number in range(600)})
    return bucket.url("images")


def scored(images: str, output: str, endpoint: EndpointServer, *options: str) -> list[str]:
    where = ["score", images, "--task", SCORED, "--image-url", IMAGE_URL, "--output", output]
    return [*where, "--endpoint", endpoint.url, "--concurrency", "4", *options]


def predictions(bucket: S3Store, below: str) -> dict[str, bytes]:
    files = {path.removeprefix(f"{below}/"): content for path, content in bucket.files(below).items()}
    assert not any(path.startswith("unfinished/") for path in files)
    build = f"builds/{json.loads(files['latest.json'])['build']}/"
    return {
        path.removeprefix(build): content for path, content in files.items() if path.endswith((".jsonl", ".parquet"))
    }


@pytest.fixture(scope="module")
def expected_predictions(bucket: S3Store, images: str, endpoint: EndpointServer) -> dict[str, bytes]:
    """What scoring in this process publishes."""
    storage = ("--storage-options", json.dumps(bucket.storage_options))
    answer = labelbeam(*scored(images, bucket.url("scored/here"), endpoint, *storage))
    assert answer.status == 0, answer.err
    found = predictions(bucket, "scored/here")
    lines = [line for path, content in found.items() if path.endswith(".jsonl") for line in content.splitlines()]
    assert len(found) == 6 and len(lines) == 600
    return found


def beam_flags(config: Path | None) -> list[str]:
    """The options of Beam's in an example for `convert`: `score` takes no file."""
    # As text: 1.20 is a version, and no number.
    values = yaml.load(config.read_text(encoding="utf-8"), yaml.BaseLoader) if config is not None else {}
    return [f"--{name}={value}" for name, value in values.items() if name in BEAM_OPTIONS]


@pytest.mark.parametrize("fixture", SCORING)
def test_every_runner_scores_the_same(
    fixture: str,
    installed: Installed,
    bucket: S3Store,
    images: str,
    endpoint: EndpointServer,
    expected_predictions: dict[str, bytes],
    request: pytest.FixtureRequest,
) -> None:
    runner: Runner = request.getfixturevalue(fixture)
    storage = ("--storage-options", json.dumps(bucket.storage_options))
    below = f"scored/{runner.name}"
    command = scored(images, bucket.url(below), endpoint, *storage, *beam_flags(runner.config), *runner.options)
    endpoint.asked.clear()
    ran = installed.labelbeam(*command, **runner.environment)
    assert ran.status == 0, f"{ran.err}\n{tails(runner.logs)}"
    print(f"{runner.name}: scoring took {ran.seconds:.1f} s")
    assert predictions(bucket, below) == expected_predictions
    assert len(endpoint.asked) >= 600


@pytest.mark.xdist_group("runners")
@pytest.mark.slow(seconds=20)
def test_workers_find_credentials_in_their_own_environment(
    installed: Installed,
    portable: Runner,
    bucket: S3Store,
    expected: dict[str, Expected],
    tmp_path: Path,
) -> None:
    with worker_pool(installed, tmp_path / "pool.log", **bucket.environment) as address:
        options = ["--runner=PortableRunner", *portable.options[:1], f"--environment_config={address}"]
        runner = Runner("credentials", [*options, "--environment_type=EXTERNAL"], portable.logs)
        ran = built(installed, runner, bucket, "voc", **bucket.environment)
    is_the_same(bucket, "credentials/voc", ran.err, expected["voc"])
