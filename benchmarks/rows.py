"""The rows of the table: what is measured, against what, and what is aimed at.

A row is a ratio of two sides that are measured in the same run of `python -m benchmarks`. Each side is a sum of commands, with
factors, or a number that needs no measuring. Commands that several rows name alike are run once for all of them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from benchmarks import datasets, endpoint, store
from benchmarks.loops import IMAGE_URL
from benchmarks.measure import NOTHING, Command, Spent, python, served

if TYPE_CHECKING:
    from benchmarks.cluster import Start

CLASSES, BOXES, OUTLINES = "image_classification", "image_object_detection", "image_instance_segmentation"
COCO = 118_287
FEW = 128
LATENCY = 0.05
DELAY, AT_ONCE = 0.02, 32

Side: TypeAlias = tuple[tuple[float, Command], ...] | float


class Goal(NamedTuple):
    """What a ratio is to be at most, or at least; as it is written. `ANY` is none: the ratio is looked at, and met or not by nobody."""

    bound: float
    at_least: bool = False
    text: str = ""

    def met(self, ratio: float) -> bool:
        """Whether a ratio reaches it."""
        return ratio >= self.bound if self.at_least else ratio <= self.bound

    def __str__(self) -> str:
        return self.text or f"{self.bound:g}"


class Places:
    """Where a run of the benchmark has its datasets, servers and what it writes; `scale` is the size of all data, 1 for the issue's."""

    def __init__(self, directory: Path, scratch: Path, scale: float, running: ExitStack) -> None:
        self.directory, self.scratch, self._scale, self._running = directory, scratch, scale, running
        self._servers: dict[tuple[Callable[..., None], tuple[object, ...]], str] = {}
        self._flink: Start | None = None

    def count(self, images: int) -> int:
        """So many, at this scale."""
        return max(FEW, round(images * self._scale))

    def coco(self, images: int, pairs: bool = False) -> str:
        """A COCO file, of as many images at this scale."""
        return datasets.coco(self.directory, self.count(images), pairs)

    def tree(self, kind: str, count: int) -> str:
        """A tree of files, of as many at this scale."""
        return datasets.tree(self.directory, kind, self.count(count))

    def server(self, serve: Callable[..., None], *arguments: object) -> str:
        """The endpoint of a server that runs as long as the benchmark."""
        key = serve, arguments
        if key not in self._servers:
            self._servers[key] = self._running.enter_context(served(serve, *arguments))
        return self._servers[key]

    def build(
        self, task: str, source: str, *options: str, sampled: bool = False, environment: Mapping[str, str] = NOTHING
    ) -> Command:
        """A build by the command line; what was built there before is removed before it runs."""
        where = ["--task", task, "--source", source, "--output", str(self.built), "--image-url", IMAGE_URL]
        return python(
            "-m", "labelbeam.pipelines.cli", "convert", *where, *options, sampled=sampled, environment=environment
        )

    def loop(self, work: str, source: str, environment: Mapping[str, str] = NOTHING) -> Command:
        """A loop of `benchmarks/loops.py`."""
        return python("-m", "benchmarks.loops", work, source, str(self.scratch / "by_hand"), environment=environment)

    def by_hand(self, task: str, source: str) -> Command:
        """The loop over a COCO file."""
        out = str(self.scratch / "by_hand.jsonl")
        return python("-m", "benchmarks.by_hand", source, out, "--task", task, sampled=True)

    def two_workers(self, task: str, source: str) -> Command:
        """A build on Flink with two workers, which is started for the first of them."""
        from benchmarks import cluster  # It takes what tests are made of.

        where = ["--task", task, "--source", source, "--output", str(self.built), "--image-url", IMAGE_URL]
        if self._flink is None:
            self._flink = self._running.enter_context(cluster.flink(self.scratch / "flink"))
        start = self._flink
        return Command((*start.command, "convert", *where, *start.options))

    @property
    def built(self) -> Path:
        """Where builds are published."""
        return self.scratch / "built"


@contextmanager
def places(directory: Path, scale: float) -> Iterator[Places]:
    """Places that are there until the block ends; datasets stay in the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=directory) as scratch, ExitStack() as running:
        yield Places(directory, Path(scratch), scale, running)


class Row(NamedTuple):
    """A row: its name for `--rows`, what is measured and against what, in words and in commands, and the goal.

    `of` is the figure of a run that counts. `cores`: whether seconds of all cores say something too, which they do not where what
    takes the time is no child of the command. `held`: at the scale `small`, by how many times the seconds of cores of the other
    side a run took when it was last looked at; tests hold it to 1.5 times that. `core`: measured without being asked for.
    """

    key: str
    name: str
    against: str
    goal: Goal
    sides: Callable[[Places], tuple[Side, Side]]
    of: Callable[[Spent], float] = lambda spent: spent.wall
    cores: bool = True
    small: float = 0.0
    held: float = 0.0
    core: bool = True


def one(command: Command, factor: float = 1.0) -> Side:
    """A side of one command."""
    return ((factor, command),)


def coco(at: Places, task: str, pairs: bool = False) -> tuple[Side, Side]:
    """A COCO file, by the command and by hand."""
    source = at.coco(COCO, pairs)
    return one(at.build(task, source, sampled=True)), one(at.by_hand(task, source))


def coco_memory(at: Places, task: str) -> tuple[Side, Side]:
    """Memory of the same builds, against the size of the file."""
    return coco(at, task)[0], float(os.stat(at.coco(COCO)).st_size)


def local_tree(kind: str, count: int, task: str) -> Callable[[Places], tuple[Side, Side]]:
    """A tree on the local disk, by the command and by a loop."""

    def sides(at: Places) -> tuple[Side, Side]:
        source = at.tree(kind, count)
        return one(at.build(task, source)), one(at.loop(kind, source))

    return sides


def voc_far_away(at: Places) -> tuple[Side, Side]:
    """VOC with headers on a slow store; the loop, which waits for each file in turn, has a few, and its seconds count as often as there are more."""
    slow = at.server(store.serve, at.tree("voc", 1000), LATENCY)
    few = at.server(store.serve, datasets.tree(at.directory, "voc", FEW), LATENCY)
    build = at.build(BOXES, f"s3://{store.BUCKET}", "--check-images", "header", environment=store.environment(slow))
    return one(build), one(at.loop("voc_on_s3", store.BUCKET, store.environment(few)), at.count(1000) / FEW)


def listing(at: Places) -> tuple[Side, Side]:
    """Names on the local disk."""
    names = at.tree("names", 1_000_000)
    return one(at.loop("listing", names)), one(at.loop("scandir", names))


def listing_far_away(at: Places) -> tuple[Side, Side]:
    """Names on a slow store, a thousand in each of its directories, as in a page."""
    where = store.environment(at.server(store.serve, at.count(100_000), LATENCY))
    return one(at.loop("listing", f"s3://{store.BUCKET}", where)), one(at.loop("pages", store.BUCKET, where))


def smallest(at: Places) -> tuple[Side, Side]:
    """Some images, with all that a build begins with."""
    few = datasets.tree(at.directory, "folder", FEW)
    return one(at.build(CLASSES, few)), one(python("-c", "import apache_beam"))


def help_(at: Places) -> tuple[Side, Side]:
    """What a person waits for."""
    return one(python("-m", "labelbeam.pipelines.cli", "--help")), one(python("-c", "pass"))


def an_image(images: int) -> Callable[[Places], tuple[Side, Side]]:
    """Seconds of an image of COCO, at two sizes; those of a build of 128, which are its start, are no image's."""

    def sides(at: Places) -> tuple[Side, Side]:
        start = at.build(BOXES, datasets.coco(at.directory, FEW), sampled=True)

        def each(count: int) -> Side:
            share = 1 / (at.count(count) - FEW)
            return ((share, at.build(BOXES, at.coco(count), sampled=True)), (-share, start))

        return each(images), each(20_000)

    return sides


def score(at: Places) -> tuple[Side, Side]:
    """Images to an endpoint, against a loop that sends it as many requests, as many at once."""
    images = at.count(4000)
    slow = at.server(endpoint.serve, DELAY)
    noise = datasets.tree(at.directory, "noise", images)
    asked = "-m", "benchmarks.endpoint"
    ours = python(*asked, "score", slow, noise, str(at.built), str(AT_ONCE), tells=True)
    return one(ours), one(python(*asked, "by-hand", slow, noise, str(images), str(AT_ONCE), tells=True))


def two_workers(images: int) -> Callable[[Places], tuple[Side, Side]]:
    """A COCO file on Flink with two workers, and in this machine's own processes."""

    def sides(at: Places) -> tuple[Side, Side]:
        source = at.coco(images)
        return one(at.two_workers(BOXES, source)), one(at.build(BOXES, source, sampled=True))

    return sides


def peak(spent: Spent) -> float:
    """The figure of rows about memory."""
    return spent.peak


BY_HAND = "by hand, one process"
TIMES = "loop by hand"
LINEAR = Goal(1.1, text="1.0 ± 0.1")
ANY = Goal(math.inf, text="–")

ROWS = (
    Row("coco", "COCO, detection", BY_HAND, Goal(1.0), lambda at: coco(at, BOXES), small=0.1, held=5),
    Row("outlines", "COCO, segmentation", BY_HAND, Goal(0.8), lambda at: coco(at, OUTLINES), small=0.03, held=3.3),
    Row(
        "pairs",
        "COCO, segmentation, one object in ten with two overlapping parts",
        "by hand, without uniting them",
        Goal(1.5),
        lambda at: coco(at, OUTLINES, pairs=True),
        small=0.02,
        held=5.6,
    ),
    Row(
        "voc", "VOC, 34,000 files, detection", TIMES, Goal(1.0), local_tree("voc", 17_000, BOXES), small=0.08, held=5.4
    ),
    Row(
        "folder", "20,000 JPEGs, headers", TIMES, Goal(0.8), local_tree("folder", 20_000, CLASSES), small=0.1, held=4.2
    ),
    Row(
        "yolo",
        "YOLO, 34,000 files, detection",
        TIMES,
        Goal(1.0),
        local_tree("yolo", 17_000, BOXES),
        small=0.08,
        held=3.8,
    ),
    Row(
        "cvat",
        "CVAT, 30,000 images, detection",
        TIMES,
        Goal(1.0),
        local_tree("cvat", 30_000, BOXES),
        small=0.08,
        held=1.7,
    ),
    Row(
        "latency",
        "VOC, 2,000 files with headers, a store with 50 ms latency",
        "sequential loop",
        Goal(1 / 30, text="1/30"),
        voc_far_away,
    ),
    Row("start", "128 images, end to end", "`import apache_beam`", Goal(1.3), smallest, small=1, held=0.7),
    Row("help", "`labelbeam --help`", "`python -c pass`", Goal(5), help_, small=1, held=4.3),
    Row(
        "memory",
        "COCO, detection, memory of all processes",
        "size of the JSON",
        Goal(1.5),
        lambda at: coco_memory(at, BOXES),
        of=peak,
        cores=False,
    ),
    Row(
        "memory-outlines",
        "COCO, segmentation, memory of all processes",
        "size of the JSON",
        Goal(2.5),
        lambda at: coco_memory(at, OUTLINES),
        of=peak,
        cores=False,
    ),
    Row("image", "COCO, detection, time an image of 118,287", "the same of 20,000", LINEAR, an_image(COCO)),
    Row("listing", "listing 1,000,000 names", "one `os.scandir` walk", Goal(1.5), listing, small=0.02, held=1.25),
    Row(
        "listing-s3",
        "listing 100,000 names in 100 directories of S3, 50 ms",
        "sequential pages",
        Goal(1 / 16, text="1/16"),
        listing_far_away,
    ),
    Row(
        "score",
        "`score`, 4,000 images, 20 ms each, 32 at once",
        "what the endpoint allows",
        Goal(0.9, at_least=True, text="90 %"),
        score,
        cores=False,
    ),
    Row(
        "image-1200000",
        "COCO, detection, time an image of 1,200,000",
        "the same of 20,000",
        LINEAR,
        an_image(1_200_000),
        core=False,
    ),
    Row(
        "flink",
        "COCO, detection, 118,287 images on Flink with two workers",
        "one machine",
        ANY,
        two_workers(COCO),
        core=False,
        cores=False,
    ),
    Row(
        "flink-1200000",
        "COCO, detection, 1,200,000 images on Flink with two workers",
        "one machine",
        ANY,
        two_workers(1_200_000),
        core=False,
        cores=False,
    ),
)
