"""Why some of Beam's modes are refused: what is wrong with them still is. Where one of these tests fails, Beam has mended it.

Then measure anew, and stop refusing the mode in `pipelines/beam_options.py`.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.runners.worker import data_plane
from apache_beam.runners.worker.data_plane import ClosableOutputStream

from labelbeam.pipelines.cli import main
from labelbeam.pipelines.runners.options import beam_arguments
from labelbeam.schemas.errors import UsageError
from tests.pipelines.conftest import command_of_coco
from tests.schedules.environment import tools_python

CONSTRAINTS = Path(__file__).parents[2] / "requirements" / "constraints.txt"

MENDED = "Beam has mended what made LabelBeam refuse this; see the module's text"


def test_an_element_that_is_written_while_the_timed_buffer_is_flushed_is_still_lost() -> None:
    # The flusher is a thread of its own, and the one that writes elements takes no lock: multi_threading and
    # data_buffer_time_limit_ms use this buffer. Here the writer comes at the worst moment each time.
    sent: list[bytes] = []
    writer: list[threading.Thread] = []

    def while_it_is_sent(data: bytes) -> None:
        sent.append(data)
        if not writer:
            writer.append(threading.Thread(target=lambda: buffer.write(b"second")))
            writer[0].start()
            writer[0].join(1)  # A writer that has to wait for the flush, as it should, goes on after it.

    buffer = ClosableOutputStream.create(sent.append, while_it_is_sent, 3_600_000)
    buffer.write(b"first")
    buffer.flush()
    writer[0].join()
    buffer.close()
    assert b"".join(sent) == b"first", MENDED


def test_the_buffer_of_the_other_modes_is_flushed_by_the_thread_that_writes() -> None:
    sent: list[bytes] = []
    buffer = ClosableOutputStream.create(sent.append, sent.append, 0)
    threads = threading.active_count()
    for number in range(3):
        buffer.write(b"%d" % number)
        buffer.maybe_flush()
    assert threading.active_count() == threads
    buffer.close()
    assert b"".join(sent) == b"012"


def test_beams_own_processes_are_sent_their_elements_without_the_timed_buffer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed(*_: object) -> None:
        raise AssertionError("the runner sends elements through a buffer that loses some")

    monkeypatch.setattr(worker_handlers, "DATA_BUFFER_TIME_LIMIT_MS", worker_handlers.DATA_BUFFER_TIME_LIMIT_MS)
    monkeypatch.setattr(data_plane.TimeBasedBufferingClosableOutputStream, "__init__", timed)
    assert (
        main(
            [
                *command_of_coco(tmp_path),
                "--direct_running_mode=multi_processing",
                "--direct_num_workers=2",
                "--shards",
                "3",
            ]
        )
        == 0
    )


def test_beam_still_sends_elements_to_its_own_processes_through_the_timed_buffer() -> None:
    script = "from apache_beam.runners.portability.fn_api_runner import worker_handlers as w; print(w.DATA_BUFFER_TIME_LIMIT_MS)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(ran.stdout) > 0, MENDED


ON_DASK = """
import json, sys, warnings
warnings.simplefilter("ignore")
import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.runners.dask.dask_runner import DaskRunner
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

class Keep(beam.DoFn):
    def __init__(self, name):
        self.path = f"{sys.argv[1]}/{name}"
    def process(self, element):
        with open(self.path, "a") as file:
            file.write(f"{getattr(element, 'value', element)}\\n")

class Part(beam.DoFn):
    def process(self, number):
        yield number
        if number % 2:
            yield TaggedOutput("odd", number)

class Late(beam.DoFn):
    def process(self, number):
        yield number
    def finish_bundle(self):
        yield WindowedValue("late", GlobalWindow().max_timestamp(), [GlobalWindow()])

if __name__ == "__main__":
    with beam.Pipeline(runner=DaskRunner()) as pipeline:
        numbers = pipeline | beam.Create([1, 2, 3])
        numbers | "First" >> beam.ParDo(Keep("first branch"))
        parts = numbers | beam.ParDo(Part()).with_outputs("odd", main="all")
        parts["odd"] | "Odd" >> beam.ParDo(Keep("odd"))
    with beam.Pipeline(runner=DaskRunner()) as pipeline:
        pipeline | beam.Create([1, 2, 3]) | beam.ParDo(Late()) | beam.ParDo(Keep("late"))
"""


@pytest.fixture(scope="module")
def kept_by_dask(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What each branch of two small pipelines wrote on Beam's DaskRunner, which reported success."""
    folder = tmp_path_factory.mktemp("dask")
    script = folder / "on_dask.py"
    script.write_text(ON_DASK)
    kept = folder / "kept"
    kept.mkdir()
    command = [str(tools_python("dataflow")), str(script), str(kept)]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    return {path.name: sorted(path.read_text().split()) for path in kept.iterdir()}


@pytest.mark.installation
def test_dask_still_runs_only_the_last_branch(kept_by_dask: dict[str, list[str]]) -> None:
    assert "first branch" not in kept_by_dask, MENDED


@pytest.mark.installation
def test_dask_still_hands_every_output_to_whoever_asked_for_one_tag(kept_by_dask: dict[str, list[str]]) -> None:
    assert set(kept_by_dask["odd"]) != {"1", "3"}, MENDED


@pytest.mark.installation
def test_dask_still_drops_what_finish_bundle_emits(kept_by_dask: dict[str, list[str]]) -> None:
    # As a set: a cluster that is busy does some tasks twice.
    assert set(kept_by_dask["late"]) == {"1", "2", "3"}, MENDED


def test_the_refusals_name_the_version_that_was_measured() -> None:
    with pytest.raises(UsageError) as caught:
        beam_arguments([], [("runner", "dask")], [])
    (pinned,) = re.findall(r"^apache-beam==(\d+\.\d+)", CONSTRAINTS.read_text(encoding="utf-8"), re.MULTILINE)
    assert f"in Beam {pinned} " in str(caught.value)
