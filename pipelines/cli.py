"""The command `labelbeam`: parse, run, report; every failure ends in a message and an exit status.

Nothing here imports Beam, numpy or rich before a command runs, so that help and wrong options answer at once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from msgspec import json, structs

from labelbeam.pipelines.command_line.config_file import ConfigFile, read_config
from labelbeam.pipelines.command_line.options import FIELDS, make_config, storage_options
from labelbeam.pipelines.command_line.parser import Parser, make_parsers
from labelbeam.pipelines.runners.options import BEAM_OPTIONS, beam_arguments
from labelbeam.pipelines.runs.summary import run_shown
from labelbeam.pipelines.schema import NAMES, schema_text
from labelbeam.pipelines.score_options import check_encrypted, make_score_config
from labelbeam.pipelines.terminal.failure import Failure, describe
from labelbeam.pipelines.terminal.streams import LOG, STDOUT_CLOSED, debugging, set_up_logging, silence, write_stdout
from labelbeam.pipelines.words import did_you_mean
from labelbeam.schemas.config import ConvertConfig, usual_task
from labelbeam.schemas.errors import UsageError
from labelbeam.schemas.score_config import DEFAULT_KEY
from labelbeam.schemas.tasks import TASKS, Task
from labelbeam.transforms.messages.redact import redact
from labelbeam.transforms.messages.terminal import escaped
from labelbeam.transforms.messages.words import plain

EXIT_AFTER = 3.0
"""Seconds that an interrupted run may take to end by itself: a thread may be waiting for a store."""
_INTERRUPTED = "interrupted; a build that was not finished is not published, run the command again to make one"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # for as long as the process lives
    before, sys.stderr = sys.stderr, escaped(sys.stderr)
    try:
        return _main(argv)
    finally:
        sys.stderr = before


def _main(argv: Sequence[str] | None) -> int:
    known = argparse.Namespace(command=None, storage={})
    with _interruptible() as interrupted:
        try:
            status = _run(list(sys.argv[1:] if argv is None else argv), known)
        except SystemExit as ended:
            status = int(ended.code or 0)
        except BaseException as error:
            # Whatever a step raised when it was interrupted, Beam may have wrapped it.
            failure = Failure(_INTERRUPTED, 1) if interrupted.is_set() else describe(error)
            status = failure.exit_code
            if debugging():
                print(redact("".join(traceback.format_exception(error)), known.storage), end="", file=sys.stderr)
            _complain(" ".join(filter(None, ("labelbeam", known.command))), failure.message, known.storage)
        _flush_stdout()
    if argv is None and interrupted.is_set():
        timer = threading.Timer(EXIT_AFTER, os._exit, [status])
        timer.daemon = True
        timer.start()
    return status


def _run(arguments: list[str], known: argparse.Namespace) -> int:
    runner_options: list[str] = []
    if arguments[:1] in (["convert"], ["score"]) and "--" in arguments:
        cut = arguments.index("--")
        arguments, runner_options = arguments[:cut], arguments[cut + 1 :]
    parser, commands = make_parsers()
    if arguments and not arguments[0].startswith("-") and arguments[0] not in commands:
        hint = did_you_mean(arguments[0], commands)
        raise UsageError(f"found {arguments[0]!r}, expected one of {', '.join(commands)}{hint}")
    _, rest = parser.parse_known_args(arguments, known)
    if known.command is None and not rest:
        parser.print_help(sys.stderr)
        _complain("labelbeam", f"found no command, expected one of {', '.join(commands)}", {})
        return 2
    # First of all: what a shell made of unquoted JSON turns up in other places, and must not be quoted there.
    known.storage = storage_options(vars(known).get("storage_options"))
    known.runner_options = runner_options
    if rest:
        _refuse(rest[0], commands.get(known.command, parser))
    return _RUNS[known.command](known)


def _refuse(argument: str, command: Parser) -> NoReturn:
    """Say what an argument that no option knows may have been meant to be."""
    if not argument.startswith("-"):
        raise UsageError(f"found {argument!r} where no further argument is expected; see {command.prog} --help")
    name = argument.partition("=")[0]
    known = command.options()
    if command.get_default("beam") is not None:
        known += [f"--{option}" for option in BEAM_OPTIONS]
    raise UsageError(f"unknown option {name}{did_you_mean(name, known) or f'; see {command.prog} --help'}")


def _complain(who: str, message: str, storage: Mapping[str, Any]) -> None:
    try:
        print(f"{who}: {plain(redact(message, storage))}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        silence(sys.stderr)


def _flush_stdout() -> None:
    """Meet a reader that went away here (`labelbeam --help | head`), before Python complains of it at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        silence(sys.stdout)


@contextlib.contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """End the run by an exception on Ctrl-C and when a scheduler ends the process; the event tells that it was so."""
    interrupted = threading.Event()

    def stop(_number: int, _frame: Any) -> NoReturn:
        interrupted.set()
        raise KeyboardInterrupt

    handlers: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
        handlers = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield interrupted
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _flags(known: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(known).items() if name in FIELDS}


def _convert(known: argparse.Namespace) -> int:
    file = read_config(known.config) if known.config is not None else ConfigFile()
    config = make_config(_flags(known), file)
    arguments = beam_arguments(file.beam, known.beam, known.runner_options)
    storage = known.storage = storage_options(config.storage_options)
    from labelbeam.pipelines.runners.clusters import check_endpoints
    from labelbeam.pipelines.runners.flags import is_dry_run
    from labelbeam.pipelines.runners.requirements import check_runner

    check_runner(config, arguments)
    check_endpoints(arguments)
    set_up_logging(config.json, storage)
    from labelbeam.pipelines.runs.convert import convert, rehearse

    if is_dry_run(arguments):
        return _rehearse(config, lambda display: rehearse(config, storage, arguments, display))

    return run_shown(config, lambda display: convert(config, storage, arguments, display))


def _rehearse(config: ConvertConfig, run: Callable[[Any], Any]) -> int:
    """Have a job built and not submitted, and say what it is made of: on stdout as JSON where that is asked for."""
    from labelbeam.pipelines.terminal.display import Display

    with contextlib.redirect_stdout(sys.stderr), Display(config.json) as display:
        job = run(display)
    if config.json:
        write_stdout(json.encode(job).decode())
    else:
        LOG.info(
            "dry run: the job was built and not submitted: %d steps, %d bytes, container image %s, staged: %s",
            len(job.steps),
            job.bytes,
            job.container_image,
            ", ".join(job.staged) or "nothing",
        )
    return 0


def _inspect(known: argparse.Namespace) -> int:
    flags = _flags(known)
    config = make_config({"task": TASKS[0], **flags}, source=[known.source_url], output="nowhere")
    set_up_logging(config.json, known.storage)
    if "task" not in flags:
        config = structs.replace(config, task=_usual_task(config, known.storage))
    from labelbeam.pipelines.runs.convert import inspect

    return run_shown(config, lambda display: inspect(config, known.storage, display))


def _usual_task(config: ConvertConfig, storage: dict[str, dict[str, Any]]) -> Task:
    """What is built most often from a source's format, to inspect it without a --task."""
    from labelbeam.transforms.plan.recognise import recognise

    task = usual_task(recognise(config, storage).format)
    LOG.info("no --task given, so it is inspected for %s", task)
    return task


def _verify(known: argparse.Namespace) -> int:
    set_up_logging("json" in vars(known), known.storage)
    from labelbeam.pipelines.verify import verify

    return verify(known.output, known.storage, "json" in vars(known), known.copy_images)


def _report_page(known: argparse.Namespace) -> int:
    set_up_logging(False, known.storage)
    from labelbeam.pipelines.report import report

    return report(known.output, known.storage, vars(known).get("images"), known.evaluation, not known.no_images)


def _clean(known: argparse.Namespace) -> int:
    set_up_logging("json" in vars(known), known.storage)
    from labelbeam.pipelines.clean import clean

    return clean(known.output, known.storage, known.keep, known.dry_run, "json" in vars(known))


def _score(known: argparse.Namespace) -> int:
    config = make_score_config(vars(known))
    arguments = beam_arguments([], known.beam, known.runner_options)
    from labelbeam.pipelines.runners.clusters import check_endpoints
    from labelbeam.pipelines.runners.requirements import check_runner
    from labelbeam.transforms.score.endpoint import KeySource, read_key

    key = read_key(KeySource(config.key_env, config.key_file, config.key_env != DEFAULT_KEY))
    check_encrypted(config.endpoint, key is not None, known.allow_http)
    storage = known.storage
    # No line or message repeats the key, whoever says it.
    known.storage = {**storage, "endpoint": {"key": key, "url": config.endpoint}}
    check_runner(config, arguments)
    check_endpoints(arguments)
    set_up_logging(config.json, known.storage)
    from labelbeam.pipelines.runs.score import as_json, score, summary
    from labelbeam.pipelines.terminal.display import Display

    if config.json and sys.stdout is None:
        raise UsageError(STDOUT_CLOSED)
    with contextlib.redirect_stdout(sys.stderr), Display(config.json, ("score",)) as display:
        scored = score(config, storage, arguments, key is not None, display)
        if not config.json:
            display.close()
            for line in summary(scored, time.monotonic() - display.started):
                display.console.print(plain(redact(line, known.storage)), soft_wrap=True, markup=False, highlight=False)
    if config.json:
        write_stdout(redact(json.encode(as_json(scored, display)).decode(), known.storage))
    return 0


def _evaluate(known: argparse.Namespace) -> int:
    set_up_logging("json" in vars(known), known.storage)
    from labelbeam.pipelines.evaluate import evaluate
    from labelbeam.transforms.evaluation.compare import Wanted
    from labelbeam.transforms.evaluation.gates import GATES

    options = ("predictions", "split", "coco", "threshold", "result", "coco_results", "coco_truth")
    wanted = Wanted(known.output, *(getattr(known, name) for name in options))
    gates = {name: value for name, value in vars(known).items() if name in GATES}
    return evaluate(wanted, gates, known.storage, "json" in vars(known))


def _schema(known: argparse.Namespace) -> int:
    if known.name not in NAMES:
        raise UsageError(f"found {known.name!r}, expected one of {', '.join(NAMES)}{did_you_mean(known.name, NAMES)}")
    write_stdout(schema_text(known.name))
    return 0


def _demo(known: argparse.Namespace) -> int:
    from labelbeam.pipelines.demo.demo import demo

    return demo(known.dir, main)


_RUNS = {
    "convert": _convert,
    "inspect": _inspect,
    "verify": _verify,
    "report": _report_page,
    "clean": _clean,
    "score": _score,
    "evaluate": _evaluate,
    "schema": _schema,
    "demo": _demo,
}

if __name__ == "__main__":
    sys.exit(main())
