"""The command `labelbeam`: parse and run a command; every failure ends in a message and an exit status.

Nothing here imports Beam, numpy, pyarrow or rich before a command runs, so that help and wrong options answer at once.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from labelbeam.pipelines.command_line.options import storage_options
from labelbeam.pipelines.command_line.parser import Parser
from labelbeam.pipelines.commands.registry import COMMANDS, make_parsers
from labelbeam.pipelines.runners.options import BEAM_OPTIONS
from labelbeam.pipelines.terminal.failure import Failure, describe
from labelbeam.pipelines.terminal.streams import Lenient, debugging, silence
from labelbeam.schemas.errors import LabelBeamError, UsageError
from labelbeam.transforms.messages.redact import redact, with_environment
from labelbeam.transforms.messages.terminal import escaped
from labelbeam.transforms.messages.words import did_you_mean, plain
from labelbeam.transforms.workers.loading import is_ours_alone
from labelbeam.transforms.workers.resources import ENDING, LEAST, address_space, allow_all_processor_time
from labelbeam.transforms.workers.thread_room import keep_room_for_threads

EXIT_AFTER = 3.0
"""Seconds that an interrupted run may take to end by itself: a thread may be waiting for a store."""
_INTERRUPTED = "interrupted; a build that was not finished is not published, run the command again to make one"
_LATE = (
    "this process used all processor time that ulimit -t allows it; a build that was not finished is not published: allow more, and "
    "run the command again"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # for as long as the process lives
    before, sys.stderr = sys.stderr, escaped(sys.stderr)
    try:
        return _main(argv)
    finally:
        sys.stderr = before
        if argv is None:
            # Python looks through all objects for cycles before it ends, as long as loading Beam takes; the system takes them back anyway.
            gc.freeze()


def _main(argv: Sequence[str] | None) -> int:
    known = argparse.Namespace(command=None, storage={})
    if argv is None:
        is_ours_alone()
        keep_room_for_threads()
        threading.excepthook = _tell_of_thread
    with contextlib.redirect_stderr(Lenient(sys.stderr)), _interruptible() as interrupted:
        try:
            status = _run(list(sys.argv[1:] if argv is None else argv), known)
        except SystemExit as ended:
            status = int(ended.code or 0)
        except BaseException as error:
            # Whatever a step raised when it was interrupted, Beam may have wrapped it.
            failure = Failure(_LATE if interrupted.late else _INTERRUPTED) if interrupted.is_set() else describe(error)
            status = failure.exit_code
            if debugging():
                trace = "".join(traceback.format_exception(error))
                print(redact(trace, with_environment(known.storage)), end="", file=sys.stderr)
            _complain(known, failure)
        _flush_stdout()
        if argv is None and hasattr(signal, "SIGXCPU"):
            allow_all_processor_time()  # What is done is done: the system is not to end this process on its last steps.
    if argv is None and interrupted.is_set():
        timer = threading.Timer(EXIT_AFTER, os._exit, [status])
        timer.daemon = True
        try:
            timer.start()
        except RuntimeError:  # No thread can be made: nothing is left to do that the system would not.
            os._exit(status)
    return status


def _run(arguments: list[str], known: argparse.Namespace) -> int:
    runner_options: list[str] = []
    if arguments[:1] in (["convert"], ["score"]) and "--" in arguments:
        cut = arguments.index("--")
        arguments, runner_options = arguments[:cut], arguments[cut + 1 :]
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        hint = did_you_mean(arguments[0], COMMANDS)
        raise UsageError(f"found {arguments[0]!r}, expected one of {', '.join(COMMANDS)}{hint}")
    # Options of the others, of which there are hundreds, are not needed where the command is known.
    names = arguments[:1] if arguments[:1] and arguments[0] in COMMANDS else COMMANDS
    parser, commands = make_parsers(names, options=arguments[:1] not in ([], ["-h"], ["--help"], ["--version"]))
    _, rest = parser.parse_known_args(arguments, known)
    if known.command is None and not rest:
        parser.print_help(sys.stderr)
        _complain(known, Failure(f"found no command, expected one of {', '.join(COMMANDS)}", UsageError))
        return 2
    # First of all: what a shell made of unquoted JSON turns up in other places, and must not be quoted there.
    known.storage = storage_options(vars(known).get("storage_options"))
    known.runner_options = runner_options
    if rest:
        _refuse(rest[0], commands.get(known.command, parser))
    if known.command != "schema":
        _check_address_space()
    return COMMANDS[known.command].run(known)


def _check_address_space() -> None:
    """Make sure that what a command loads does not abort this process, as libraries in C do where they cannot begin.

    Raises:
        LabelBeamError: the limit is too low.
    """
    if (allowed := address_space()) < LEAST:
        raise LabelBeamError(
            f"ulimit -v or -d allows this process {allowed / 1e6:,.0f} MB of address space, expected {LEAST / 1e6:,.0f} MB at least, "
            "and 2,000 MB for a build; nothing was read or written. Raise the limit, or bound the memory by the container's"
        )


def _refuse(argument: str, command: Parser) -> NoReturn:
    """Say what an argument that no option knows may have been meant to be."""
    if not argument.startswith("-"):
        raise UsageError(f"found {argument!r} where no further argument is expected; see {command.prog} --help")
    name = argument.partition("=")[0]
    known = command.options()
    if command.get_default("beam") is not None:
        known += [f"--{option}" for option in BEAM_OPTIONS]
    raise UsageError(f"unknown option {name}{did_you_mean(name, known) or f'; see {command.prog} --help'}")


def _tell_of_thread(ended: threading.ExceptHookArgs) -> None:
    """Say in a line of what a thread has ended that nobody waits for."""
    if ended.exc_value is None or isinstance(ended.exc_value, SystemExit):
        return
    who = ended.thread.name if ended.thread is not None else "unknown"
    trace = traceback.format_exception(ended.exc_value) if debugging() else []
    message = (
        f"labelbeam: the thread {who} has ended: {type(ended.exc_value).__name__}: {plain(str(ended.exc_value))}\n"
    )
    with contextlib.suppress(OSError):
        print(redact("".join([*trace, message]), with_environment({})), end="", file=sys.stderr)


def _complain(known: argparse.Namespace, failure: Failure) -> None:
    who = " ".join(filter(None, ("labelbeam", known.command)))
    message = plain(redact(failure.message, with_environment(known.storage)), "\n" if failure.kind.of_lines else "")
    try:
        print(f"{who}: {message}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        silence(sys.stderr)


def _flush_stdout() -> None:
    """Meet a reader that went away here (`labelbeam --help | head`), before Python complains of it at exit."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        silence(sys.stdout)


class _Interrupted(threading.Event):
    """Flag that a run was interrupted; `late` where it had used all the processor time that it is allowed."""

    late = False


@contextlib.contextmanager
def _interruptible() -> Iterator[_Interrupted]:
    """End the run by an exception on Ctrl-C and when a scheduler ends the process; the event tells that it was so."""
    interrupted = _Interrupted()

    def stop(number: int, _frame: Any) -> NoReturn:
        if number == getattr(signal, "SIGXCPU", None) and not interrupted.is_set():
            allow_all_processor_time()
            interrupted.late = True
        interrupted.set()
        raise KeyboardInterrupt

    handlers: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        # SIGHUP comes when a terminal is closed; `nohup` has it ignored.
        numbers = [number for number in (signal.SIGINT, *ENDING) if signal.getsignal(number) != signal.SIG_IGN]
        handlers = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield interrupted
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
