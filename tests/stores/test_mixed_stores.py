"""The same build from and to any mix of stores: the bytes are those of a build from local files to local files.

Every place that can be read gives every format once, and every place that can be written takes every format; images and
their copies lie in each place in turn.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.end_to_end.builds import Answer, labelbeam, labelbeam_process
from tests.servers.fixtures import new_name
from tests.servers.stores import AzureStore, GcsStore, HttpStore, S3Store, Store
from tests.stores.raw_data import FORMATS, tarred, write_raw_data, zipped

IMAGE_URL = "https://account.blob.core.windows.net/images/"

READABLE = ("local", "s3", "az", "abfs", "gs", "http", "plain http")
ARCHIVES = ("zip", "tar", "zip in s3", "tar in az", "zip in http")
SOURCES = READABLE + ARCHIVES
OUTPUTS = ("local", "s3", "az", "abfs", "gs")

pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")  # As in test_proxy.


class Case(NamedTuple):
    """Where everything of one build lies."""

    format: str
    source: str
    images: str
    output: str
    copies: str


CASES = [
    Case(
        name,
        source,
        SOURCES[(number + 1) % len(SOURCES)] if name == "coco" else source,
        OUTPUTS[number % len(OUTPUTS)],
        OUTPUTS[number // len(OUTPUTS) % len(OUTPUTS)],
    )
    for number, (name, source) in enumerate(product(FORMATS, SOURCES))
]


class World(NamedTuple):
    """A local directory and a place on each server, all with the same dataset below `raw`, and beside it in archives."""

    folder: Path
    s3: S3Store
    az: AzureStore
    gs: GcsStore
    http: HttpStore
    plain: HttpStore

    @property
    def stores(self) -> tuple[Store, ...]:
        """The places on servers."""
        return (self.s3, self.az, self.gs, self.http, self.plain)

    @property
    def storage_options(self) -> dict[str, Any]:
        """What opens all of them."""
        return {protocol: options for store in self.stores for protocol, options in store.storage_options.items()}

    @property
    def environment(self) -> dict[str, str]:
        """The same."""
        return {name: value for store in self.stores for name, value in store.environment.items()}

    def url(self, where: str, path: str) -> str:
        """The URL of a path in a place by its name."""
        archive, _, outer = where.partition(" in ")
        if archive in ("zip", "tar"):
            return f"{archive}://{path.removeprefix('raw/')}::{self.url(outer or 'local', f'raw.{archive}')}"
        by_name: dict[str, Callable[[str], str]] = {
            "local": lambda below: str(self.folder / below),
            "s3": self.s3.url,
            "az": self.az.url,
            "abfs": self.az.abfs,
            "gs": self.gs.url,
            "http": self.http.url,
            "plain http": self.plain.url,
        }
        return by_name[where](path)

    def files(self, where: str, path: str) -> dict[str, bytes]:
        """The files below a path, by their path below it."""
        if where == "local":
            root = self.folder / path
            return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}
        store = {"s3": self.s3, "az": self.az, "abfs": self.az, "gs": self.gs}[where]
        return {name.removeprefix(f"{path}/"): data for name, data in store.files(path).items()}


@pytest.fixture(scope="module")
def world(
    s3_server: str,
    azure_server: str,
    gcs_server: str,
    http_server: str,
    plain_http_server: str,
    shown_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> World:
    """The dataset everywhere."""
    folder = tmp_path_factory.mktemp("local")
    shown = shown_folder / new_name()
    made = World(
        folder,
        S3Store(new_name(), s3_server, s3_server),
        AzureStore(new_name(), azure_server, azure_server),
        GcsStore(new_name(), gcs_server, gcs_server),
        HttpStore(shown.name, http_server, http_server, shown),
        HttpStore(shown.name, plain_http_server, plain_http_server, shown),
    )
    raw = write_raw_data(folder / "raw")
    (folder / "raw.zip").write_bytes(zipped(raw))
    (folder / "raw.tar").write_bytes(tarred(raw))
    shown.mkdir()
    made.http.upload(folder)
    for store in (made.s3, made.az, made.gs):
        store.create()
        store.upload(folder)
    return made


class Published(NamedTuple):
    """What a build published and counted."""

    data: dict[str, bytes]
    figures: dict[str, Any]


FIGURES = ("counts", "splits", "labels", "rejected_by_reason", "skipped_by_reason", "adjusted_by_reason")


def published(files: dict[str, bytes]) -> Published:
    """The records of the current build among the files of an output, and its manifest's figures."""
    manifest = json.loads(files["latest.json"])["manifest"]
    root = manifest.removesuffix("manifest.json")
    data = {
        path.removeprefix(root): content
        for path, content in files.items()
        if path.startswith(root) and path.endswith((".jsonl", ".parquet"))
    }
    read = json.loads(files[manifest])
    # A rejected line says where its record stands, and a copied one where the copy lies: other places in each store.
    data = {path: content for path, content in data.items() if not path.startswith(("rejected/", "copied/"))}
    return Published(data, {key: read[key] for key in FIGURES})


def arguments(world: World, case: Case, output: str, copies: str) -> list[str]:
    """The options of a build without those of its stores."""
    form = FORMATS[case.format]
    images = ["--images", world.url(case.images, f"raw/{form.images}")] if form.images else []
    return [
        *("--task", form.task, "--format", case.format, *images),
        *("--source", world.url(case.source, f"raw/{form.source}"), "--output", world.url(case.output, output)),
        *("--copy-images", world.url(case.copies, copies), "--check-images", "header"),
        *("--image-url", IMAGE_URL, "--max-rejected", "1", "--shards", "2"),
    ]


@pytest.fixture(scope="module")
def expected(world: World) -> Callable[[str], tuple[Published, dict[str, bytes]]]:
    """A function: format → what a build from local files publishes, and the images it copies."""
    built: dict[str, tuple[Published, dict[str, bytes]]] = {}

    def of(name: str) -> tuple[Published, dict[str, bytes]]:
        if name not in built:
            case = Case(name, "local", "local", "local", "local")
            answer = labelbeam("convert", *arguments(world, case, f"expected/{name}", f"expected/copies-{name}"))
            assert answer.status == 0, answer.err
            build = published(world.files("local", f"expected/{name}"))
            assert build.figures["counts"]["images"] == {"found": 6, "written": 6, "rejected": 0, "skipped": 0}
            assert {path.partition("/")[0] for path in build.data} >= {"train", "parquet"}
            built[name] = (build, world.files("local", f"expected/copies-{name}"))
            assert len(built[name][1]) == 6
        return built[name]

    return of


@pytest.fixture
def fresh() -> str:
    """A name for an output."""
    return new_name()


def succeeded(answer: Answer) -> None:
    """The command did what it should."""
    assert answer.status == 0, answer.err


@pytest.mark.server
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.format}-{case.source}-{case.output}".replace(" ", "-"))
def test_a_build_is_the_same_from_and_to_any_store(
    case: Case, world: World, expected: Callable[[str], tuple[Published, dict[str, bytes]]], fresh: str
) -> None:
    build, copies = expected(case.format)
    options = ("--storage-options", json.dumps(world.storage_options))
    succeeded(labelbeam("convert", *arguments(world, case, fresh, f"{fresh}-copies"), *options))
    assert published(world.files(case.output, fresh)) == build
    assert world.files(case.copies, f"{fresh}-copies") == copies
    succeeded(labelbeam("verify", world.url(case.output, fresh), *options))


def test_every_place_meets_every_format_and_images_and_copies_lie_everywhere() -> None:
    assert {(case.source, case.format) for case in CASES} == {(place, name) for place in SOURCES for name in FORMATS}
    assert {(case.output, case.format) for case in CASES} == {(place, name) for place in OUTPUTS for name in FORMATS}
    assert {case.images for case in CASES if case.format == "coco"} == set(SOURCES)
    assert len({(case.output, case.copies) for case in CASES}) == len(OUTPUTS) ** 2


@pytest.mark.server
@pytest.mark.parametrize(
    "case",
    [
        Case("coco", "az", "s3", "gs", "abfs"),
        Case("voc", "gs", "gs", "s3", "az"),
        Case("folder", "zip in s3", "zip in s3", "abfs", "gs"),
    ],
    ids=lambda case: case.format,
)
def test_the_command_finds_credentials_in_the_environment(
    case: Case, world: World, expected: Callable[[str], tuple[Published, dict[str, bytes]]], fresh: str
) -> None:
    build, copies = expected(case.format)
    succeeded(
        labelbeam_process(
            "convert", *arguments(world, case, fresh, f"{fresh}-copies"), cwd=world.folder, **world.environment
        )
    )
    assert published(world.files(case.output, fresh)) == build
    assert world.files(case.copies, f"{fresh}-copies") == copies
    succeeded(labelbeam_process("verify", world.url(case.output, fresh), cwd=world.folder, **world.environment))
