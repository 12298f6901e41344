"""The same results with and without worker processes, and failures that arrive as what they are."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import pkgutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.pvalue import AsIter, TaggedOutput
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

import labelbeam.pipelines
import labelbeam.transforms
from labelbeam.pipelines.runs.graph import run_graph
from labelbeam.schemas.config import ConvertConfig, parse_split
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.schemas.reasons import Rejected
from labelbeam.transforms.builds.lock import _process
from labelbeam.transforms.builds.resume import Target
from labelbeam.transforms.formats.coco.scan import ElementRange
from labelbeam.transforms.formats.coco.units import CocoUnit
from labelbeam.transforms.formats.reading import Findings, ReadOptions, ReadResult
from labelbeam.transforms.formats.voc.masks import MaskError
from labelbeam.transforms.geometry.rle import GeometryError
from labelbeam.transforms.images.facts import ImageError
from labelbeam.transforms.plan.make_plan import make_plan
from labelbeam.transforms.read.work import read_unit
from labelbeam.transforms.stores.errors import MissingFileError
from labelbeam.transforms.workers.parallel import ParallelDo
from labelbeam.transforms.workers.pool import Workers, _keep_freed_memory, current_workers, default_count, workers
from tests.end_to_end.datasets import coco_box, coco_image, write_coco


@dataclass
class Item:
    """A unit, or an index of these bytes, for `made_or_read`."""

    size: int
    index: str | None = None
    makes: str = ""
    holds: bytes | None = None
    fails: BaseException | None = None


class Call(ParallelDo):
    """Calls what the elements say: (key, function, arguments…)."""

    stage = "called"

    def call(self, element: Any, first: Any, second: Any) -> tuple[Any, ...] | None:
        _, function, *arguments = element
        return None if function is None else (function, *arguments, *(first or ()))

    def outputs(self, element: Any, result: Any) -> Iterator[Any]:
        yield element[0], result
        yield TaggedOutput("odd", result)

    def key(self, element: Any) -> str:
        return str(element[0])

    def size(self, element: Any) -> int:
        return 1


def bundle(elements: list[Any], *sides: Any) -> list[Any]:
    """Return what the step gives out for one bundle of elements, as Beam would call it."""
    step = Call(None)
    step.start_bundle()
    outputs = [output for element in elements for output in step.process(element, *sides)]
    late = list(step.finish_bundle())
    main = [output for output in outputs if not isinstance(output, TaggedOutput)]
    return main + [output.value for output in late if not isinstance(output, TaggedOutput)]


@pytest.fixture(scope="module")
def three() -> Iterator[Workers]:
    with workers(3) as processes:
        assert processes is not None
        yield processes
    assert not processes.folder.exists()
    assert current_workers() is None


def without(run: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do it in this process alone."""
    with monkeypatch.context() as patch:
        patch.setattr("labelbeam.transforms.workers.pool._current", None)
        run()


def test_a_step_gives_out_the_same_in_processes_and_in_place(three: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    elements = [*((number, pow, number) for number in range(12)), ("skipped", None)]
    expected = [(number, number**2) for number in range(12)]

    def run() -> None:
        pipeline = beam.Pipeline(runner=FnApiRunner())
        side = AsIter(pipeline | "Side" >> beam.Create([2]))
        done = pipeline | beam.Create(elements) | beam.ParDo(Call(None), side).with_outputs("odd", main="main")
        assert_that(done.main, equal_to(expected), "main")
        assert_that(done.odd, equal_to([result for _, result in expected]), "odd")
        pipeline.run().wait_until_finish()

    assert current_workers() is three
    run()
    without(run, monkeypatch)


def test_the_work_is_done_in_other_processes(three: Workers) -> None:
    assert three.submit(os.getpid).result() != os.getpid()


def test_results_come_in_the_order_of_the_elements_whichever_is_done_first(three: Workers) -> None:
    assert bundle([("slow", time.sleep, 0.3), *((number, pow, number, 2) for number in range(9))]) == [
        ("slow", None),
        *((number, number**2) for number in range(9)),
    ]


def test_what_was_begun_is_not_called_again(three: Workers) -> None:
    three.begin("key", pow, 2, 10)
    assert bundle([("key", pow, 0, 1), ("other", pow, 0, 1)]) == [("key", 1024), ("other", 0)]
    assert three.begun == {}


def made_or_read(unit: Item, path: str = "") -> ReadResult:
    """What `Item` makes, or the index at this path as it is read against."""
    if unit.fails:
        raise unit.fails
    if not path:
        return ReadResult(Findings(1), index=unit.holds)
    return ReadResult(Findings(), [(unit.size, Path(path).read_bytes())])


def test_units_are_read_against_an_index_before_anybody_asks_for_them(three: Workers) -> None:
    begun = three.begin_indexed(Item(1, makes="f", holds=b"index"), [Item(2, "f"), Item(3, "f")], made_or_read)
    assert [(unit.size, unit.index) for unit in begun] == [(2, "f"), (3, "f")]
    assert three.begun.pop("f").result(60).index == b"index"
    found = [three.begun.pop(unit.key).result(60).fragments for unit in begun]
    assert found == [[(2, b"index")], [(3, b"index")]]


def test_an_index_that_was_not_made_is_told_to_who_asks_for_it_and_no_unit_is_read(three: Workers) -> None:
    for error in (MissingFileError("gone"), MemoryError("gone"), KeyError("gone")):
        three.begin_indexed(Item(1, makes="f", fails=error), [Item(2, "f")], made_or_read)
        with pytest.raises(type(error), match="gone"):
            three.begun.pop("f").result(60)
    (of_unsafe,) = three.begin_indexed(Item(1, makes="g"), [Item(2, "g")], made_or_read)
    assert three.begun.pop("g").result(60).findings.records == 1
    assert of_unsafe.key not in three.begun


def test_an_index_that_cannot_be_shared_is_told_to_who_asks_for_it(
    three: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(three, "folder", Path("/proc/nowhere"))
    three.begin_indexed(Item(1, makes="h", holds=b"index"), [Item(2, "h")], made_or_read)
    with pytest.raises(LabelBeamError, match="cannot be written"):
        three.begun.pop("h").result(60)


def test_threads_that_share_the_same_at_once_find_it_whole(three: Workers) -> None:
    data = b"index" * 2**18

    def size(number: int) -> int:
        return Path(three.share(f"of many {number // 8}", data)).stat().st_size

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(size, range(160))) == {len(data)}


def test_what_is_prepared_meanwhile_waits_until_the_runner_asks_for_more_than_was_begun_and_may_fail(
    tmp_path: Path,
) -> None:
    pool, called = Workers(1, tmp_path), threading.Event()

    def prepare() -> None:
        called.set()
        raise OSError("nobody is told")

    pool.meanwhile(prepare)
    pool.begin("unit", int)
    assert pool.result(pool.begun.pop("unit")) == 0
    assert not called.wait(0.3)
    assert pool.result(pool.submit(int)) == 0
    assert called.wait(20)
    pool.close()


def test_what_nobody_asks_for_is_not_prepared_when_the_processes_end(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    pool = Workers(1, tmp_path)
    pool.meanwhile(lambda: pytest.fail("it was called"))
    (waits,) = (thread for thread in set(threading.enumerate()) - before if "call" in thread.name)
    pool.close()
    waits.join(20)
    assert not waits.is_alive()


def test_where_no_thread_can_be_made_nothing_is_prepared(three: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fails)
    three.meanwhile(lambda: pytest.fail("it was called"))


def test_what_is_shared_is_read_by_every_process(three: Workers) -> None:
    path = three.share("../a name", b"index")
    assert three.share("../a name", b"index") == path
    assert three.share("another", b"x") != path
    assert Path(path).parent == three.folder
    assert three.submit(os.path.getsize, path).result() == 5


def test_an_exception_arrives_as_what_it_is(three: Workers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    options = ReadOptions(ConvertConfig(task="image_object_detection", source=["s"], output="o"), {}, 1)
    unit = CocoUnit(str(tmp_path / "gone.json"), ElementRange("annotations", 0, 5))
    for call, kind, status in (
        (("a", parse_split, "x=1"), UsageError, 2),
        (("a", read_unit, options, unit, b""), MissingFileError, 1),
    ):
        with pytest.raises(kind) as here:
            bundle([call])
        with pytest.raises(kind) as alone:
            without(lambda call=call: bundle([call]), monkeypatch)
        assert str(here.value) == str(alone.value)
        assert here.value.exit_code == status


def test_a_whole_build_has_the_same_bytes(three: Workers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    images = [{"id": at, "file_name": f"{at}.jpg", "width": 64, "height": 48} for at in range(30)]
    ring = [1, 1, 9, 1, 9, 9]
    annotations = [
        {"id": at, "image_id": at % 25, "category_id": at % 3, "bbox": [1, 1, 9, at % 50], "segmentation": [ring]}
        for at in range(200)
    ]
    categories = [{"id": at, "name": f"label {at}"} for at in range(2)]
    source = tmp_path / "train.json"
    source.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    config = ConvertConfig(
        task="image_instance_segmentation", source=[str(source)], output=str(tmp_path), images=str(tmp_path), shards=3
    )
    plan = make_plan(config, {}, exact=True)

    def build(name: str) -> dict[str, bytes]:
        place = tmp_path / name
        target = Target(str(place), str(tmp_path / "unfinished" / name), plan.fingerprint, False)
        run_graph(config, {}, plan, target, str(tmp_path / f"{name}.json"), [])
        return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*.*") if path.is_file()}

    here = build("here")
    alone: dict[str, bytes] = {}
    without(lambda: alone.update(build("alone")), monkeypatch)
    assert here == alone
    assert len(here) == 3 * 3


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_processes_are_none(count: int) -> None:
    with workers(count) as processes:
        assert processes is None


def test_there_is_a_process_for_each_core_at_most() -> None:
    assert 1 <= default_count() <= (os.cpu_count() or 1)


def test_where_the_system_does_not_tell_the_cores_of_a_process_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert default_count() == os.cpu_count()


def test_where_there_is_no_glibc_its_memory_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def library(name: object) -> object:
        asked.append(name)
        return object()  # It has no mallopt, as macOS's has none.

    monkeypatch.setattr("ctypes.CDLL", library)
    _keep_freed_memory()
    assert asked == [None]


def memory_pool() -> str:
    """Return what Arrow takes memory from."""
    return str(pa.default_memory_pool().backend_name)


_SMALL_OBJECTS = """
import resource
from labelbeam.transforms.workers.pool import keep_small_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    small = [bytes(300) for _ in range(30_000)]
    del small
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(min(faults() for _ in range(3)))
keep_small_memory()
print(min(faults() for _ in range(3)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Counts page faults as Linux does.")
def test_memory_of_small_objects_is_kept_for_the_next_ones() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONMALLOC"}
    told = subprocess.run(
        [sys.executable, "-c", _SMALL_OBJECTS], env=environment, capture_output=True, text=True, check=True
    )
    before, after = map(int, told.stdout.split())
    assert after < before / 4


@pytest.mark.skipif(sys.platform != "linux", reason="needs glibc, whose memory is kept")
def test_arrow_takes_memory_of_a_worker_from_where_all_else_does() -> None:
    with workers(2) as processes:
        assert processes is not None
        assert processes.submit(memory_pool).result() == "system"


# Exceptions across processes.


def all_errors() -> list[type[LabelBeamError]]:
    """Every kind of error there is, once all modules are loaded."""
    for package in (labelbeam.transforms, labelbeam.pipelines):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    kinds: list[type[LabelBeamError]] = [LabelBeamError]
    for kind in kinds:
        kinds += [sub for sub in kind.__subclasses__() if sub.__module__.partition(".")[0] != "tests"]
    return kinds


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_errors_cross_processes_with_their_words_and_status(kind: type[LabelBeamError]) -> None:
    back = pickle.loads(pickle.dumps(kind("what was found")))
    assert (type(back), str(back), back.exit_code) == (kind, "what was found", kind.exit_code)


@pytest.mark.parametrize("kind", [GeometryError, ImageError, MaskError])
def test_reasons_cross_processes_with_their_words_and_code(kind: Any) -> None:
    back = pickle.loads(pickle.dumps(kind(Rejected.INVALID_RLE, "what was found")))
    assert (type(back), str(back), back.code) == (kind, "what was found", Rejected.INVALID_RLE)


def test_workers_end_with_their_driver_even_if_it_is_killed(tmp_path: Path) -> None:
    code = """
import os, signal, sys, time
from labelbeam.transforms.workers.pool import workers
if __name__ == "__main__":
    with workers(2) as pool:
        print(*{pool.submit(os.getpid).result() for _ in range(50)}, *pool.executor._processes, flush=True)
        pool.submit(time.sleep, 600)
        time.sleep(600)
"""
    script = tmp_path / "driver.py"
    script.write_text(code)
    driver = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    pids = {int(pid) for pid in driver.stdout.readline().split()}
    assert len(pids) == 2
    driver.kill()
    driver.wait()
    driver.stdout.close()
    end = time.monotonic() + 10
    # One that has ended may stay as a zombie: not every container has an init that waits for orphans.
    while (left := [pid for pid in pids if _process(pid) is not None]) and time.monotonic() < end:
        time.sleep(0.1)
    assert not left


WITHOUT_A_FEEDER = """
import sys
from multiprocessing.queues import Queue
from labelbeam.pipelines.cli import main

def refuse(queue):
    raise RuntimeError("can't start new thread")

Queue._start_thread = refuse
sys.exit(main())
"""


def test_a_pool_whose_own_thread_has_ended_is_not_waited_for(tmp_path: Path) -> None:
    source = write_coco(tmp_path / "a.json", [coco_image(1, "1.jpg")], [coco_box(1, 1)])
    options = ("--task", "image_object_detection", "--image-url", "https://h/x", "--direct_num_workers=2")
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_FEEDER, "convert", "--source", source, "--output", tmp_path / "out", *options],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert ran.returncode == 1
    assert "the thread that hands work to 2 worker processes has ended" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (tmp_path / "out/latest.json").exists()
