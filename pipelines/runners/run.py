"""Run a pipeline to its end on the runner that its flags name."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable, Sequence

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner, worker_handlers
from apache_beam.runners.runner import PipelineState
from apache_beam.runners.worker.statesampler import StateSampler

from labelbeam.pipelines.runners.failures import job_failure, where_logs_are
from labelbeam.pipelines.runners.flags import in_process, runner_of
from labelbeam.pipelines.runners.options import BEAM_OPTIONS
from labelbeam.pipelines.terminal.streams import LOG
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.workers import progress

SAMPLE_MS = 10


def run_pipeline(build: Callable[[beam.Pipeline], object], beam_flags: Sequence[str]) -> None:
    """Run the pipeline that `build` makes, until it is done.

    Raises:
        UsageError: the installed Beam does not have one of the options.
        LabelBeamError: the runner ended in another state than done.
    """
    progress.reset()
    local = in_process(beam_flags)
    if local:
        # What the runner sends to processes of its own goes through a buffer that a second thread flushes once a second, and
        # that loses what is written meanwhile. Without a time it is flushed by the one thread that writes.
        worker_handlers.DATA_BUFFER_TIME_LIMIT_MS = 0
        # At the end of each stage the runner waits for the thread that notes in which step it is, once in so many milliseconds: a fifth
        # of a second after some seconds of work.
        StateSampler.__init__.__defaults__ = (SAMPLE_MS,)
    pipeline = new_pipeline(beam_flags, FnApiRunner() if local else None)
    build(pipeline)
    try:
        job = pipeline.run()
        state = job.wait_until_finish()
    except (RuntimeError, grpc.RpcError) as error:
        if local:
            raise
        raise job_failure(error, beam_flags) from error
    if state != PipelineState.DONE:
        raise LabelBeamError(f"the pipeline ended as {state}, expected DONE; {where_logs_are(beam_flags)}")
    try:
        progress.take_over(job)
    except Exception as error:  # Each runner fails in its own way, and all that is lost is a line of the log.
        LOG.info("%s does not tell its counters: %s", runner_of(beam_flags), redact(str(error)))


class _Options(PipelineOptions):  # type: ignore[misc]  # Beam has no types
    """Options of which each view is made once; Beam looks at them a hundred times a build, and parses all flags each time.

    What is set is in a dictionary that all views share, whether they are new or not.
    """

    def view_as(self, cls: type[PipelineOptions]) -> PipelineOptions:
        """Options of one kind."""
        views: dict[type[PipelineOptions], PipelineOptions] = self.__dict__.setdefault("_views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        return views[cls]


def new_pipeline(beam_flags: Sequence[str], runner: FnApiRunner | None = None) -> beam.Pipeline:
    """An empty pipeline; `runner` is given for this process, else the flags name it."""
    pipeline = beam.Pipeline(runner=runner, options=pipeline_options(beam_flags))
    # Each makes a directory below TMPDIR, for transforms of other languages, which a run that is killed would leave there.
    shutil.rmtree(pipeline.local_tempdir, ignore_errors=True)
    return pipeline


def pipeline_options(beam_flags: Sequence[str]) -> PipelineOptions:
    """Beam's own form of its options; an older Beam than that of `BEAM_OPTIONS` would ignore those that it does not have.

    Raises:
        UsageError: the installed Beam does not have one of the options.
    """
    # Of the main module workers need nothing, and what it holds, such as keys of stores, is not to be staged for them.
    options = _Options(list(beam_flags), save_main_session=False)
    if not beam_flags:
        return options
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            given = options.get_all_options(retain_unknown_options=True)
    except SystemExit:
        why = said.getvalue().rpartition("error: ")[2].strip()
        raise UsageError(
            f"found apache-beam {beam.__version__}, which does not take its options: {redact(why)}"
        ) from None
    unknown = sorted(given.keys() & BEAM_OPTIONS.keys() - PipelineOptions([]).get_all_options().keys())
    if unknown:
        raise UsageError(
            f"--{unknown[0]}: found apache-beam {beam.__version__}, which does not have this option; leave it out, or install "
            "a newer apache-beam"
        )
    return options
