"""The command `labelbeam`: parse, run, report; every failure ends in a message and an exit status.

Nothing here imports Beam, numpy or rich before a command runs, so that help and wrong options answer at once.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import sys
import textwrap
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from msgspec import json, structs

from pipelines.beam_options import BEAM_OPTIONS, beam_arguments
from pipelines.config_file import ConfigFile, read_config
from pipelines.failure import Failure, describe
from pipelines.options import FIELDS, add_options, make_config, storage_options
from pipelines.schema import NAMES, schema_text
from pipelines.streams import LOG, debugging, set_up_logging, silence, write_stdout
from pipelines.version import VERSION
from pipelines.words import did_you_mean
from schemas.config import TASKS, ConvertConfig, Task, usual_task
from schemas.errors import UsageError
from transforms.stores.redact import redact

EXIT_STATUS = """\
exit status:
  0  done, or nothing to do
  1  the run failed
  2  the command line or the config is wrong
  3  too much was rejected or has changed, or verify found a difference

environment:
  LABELBEAM_DEBUG=1  show tracebacks and the logs of Beam
  NO_COLOR=1         show no colours
"""

CONVERT_NOTES = """\
Options may also stand in a YAML config, as keys with _ for -; a flag wins over
the file, and --no-json and the like over a `true` there. Local paths are
relative to the directory in which the command runs, in the file as well.

Beam pipeline options may follow, or be keys of the config, as Beam spells them
(with _): --runner=FlinkRunner --flink_master=HOST:8081. Without --runner the
build runs in this process. What follows -- goes to the runner unchecked.

examples:
  labelbeam convert --task image_object_detection \\
      --source annotations/instances_train.json --images images \\
      --output built --split train=0.8,validation=0.2
  labelbeam convert labelbeam.yaml --if-changed --json
  labelbeam convert labelbeam.yaml --source s3://bucket/coco/*.json \\
      --storage-options @storage.json --runner=FlinkRunner

"""

_OF_CONVERT_ONLY = ("source", "output", "copy_images", "if_changed", "max_change", "accept_change", "shared_paths")
"""What `inspect` takes as an argument, or has no use for, since it publishes nothing."""

EXIT_AFTER = 3.0
"""Seconds that an interrupted run may take to end by itself: a thread may be waiting for a store."""


_ARGPARSE_WORDS = {
    r"^the following arguments are required": "missing",
    r"expected one argument": "found no value, expected one",
    r"ignored explicit argument .*": "found a value, expected none",
}


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are messages like all others, without the usage in front."""

    def error(self, message: str) -> NoReturn:
        """Say what was found and expected, and where to read more."""
        message = message.removeprefix("argument ")
        for found, words in _ARGPARSE_WORDS.items():
            message = re.sub(found, words, message)
        raise UsageError(f"{message}; see {self.prog} --help")

    def options(self) -> list[str]:
        """Every option that the help lists."""
        return [name for action in self._actions if action.help != argparse.SUPPRESS for name in action.option_strings]


class _BeamAction(argparse.Action):
    """Keep an option of Beam's with its value as they were typed, in order."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Add the pair to `beam`."""
        value = values if isinstance(values, str) else None
        namespace.beam = [*namespace.beam, (str(option_string).removeprefix("--"), value)]


_INTERRUPTED = "interrupted; a build that was not finished is not published, run the command again to make one"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # for as long as the process lives
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
    if arguments[:1] == ["convert"] and "--" in arguments:
        cut = arguments.index("--")
        arguments, runner_options = arguments[:cut], arguments[cut + 1 :]
    parser, commands = _parsers()
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
    status: int = known.run(known)
    return status


def _refuse(argument: str, command: _Parser) -> NoReturn:
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
        print(f"{who}: {redact(message, storage)}", file=sys.stderr, flush=True)
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


def _formatter(prog: str) -> argparse.HelpFormatter:
    width = min(shutil.get_terminal_size().columns, 100) - 2
    return argparse.RawDescriptionHelpFormatter(prog, width=width, max_help_position=26)


def _parsers() -> tuple[_Parser, dict[str, _Parser]]:
    parser = _Parser(
        prog="labelbeam",
        usage="labelbeam COMMAND [options]",
        description="Turn COCO, Pascal VOC and folder datasets into training data\nfor Azure AutoML for Images.",
        epilog=f"labelbeam COMMAND --help shows the options of a command.\nA newcomer runs: labelbeam demo\n\n{EXIT_STATUS}",
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"labelbeam {VERSION}", help="show the version and exit")
    group = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", prog="labelbeam")
    commands: dict[str, _Parser] = {}

    def command(
        name: str, text: str, run: Callable[[argparse.Namespace], int], usage: str, notes: str = ""
    ) -> argparse.ArgumentParser:
        sub = group.add_parser(
            name,
            help=text,
            usage=f"labelbeam {name} {usage}",
            description=textwrap.fill(f"{text[0].upper()}{text[1:]}.", 78),
            epilog=f"{notes}{EXIT_STATUS}",
            formatter_class=_formatter,
            allow_abbrev=False,
        )
        sub.set_defaults(run=run)
        commands[name] = sub
        return sub

    sub = command(
        "convert",
        "build a dataset and publish it",
        _convert,
        "[CONFIG.yaml] [options] [Beam pipeline options]",
        CONVERT_NOTES,
    )
    sub.add_argument("config", nargs="?", metavar="CONFIG.yaml", help="a file with options; a flag wins over it")
    add_options(sub, FIELDS)
    _add_beam_options(sub)
    sub = command(
        "inspect",
        "show what is in a raw dataset, and what a build would reject or adjust; writes nothing",
        _inspect,
        "SOURCE [options]",
    )
    sub.add_argument("source_url", metavar="SOURCE", help="fsspec URL of the dataset: COCO file, VOC tree or folder")
    add_options(sub, [name for name in FIELDS if name not in _OF_CONVERT_ONLY])
    sub = command(
        "verify",
        "re-check a published build: hashes, counts, schema, JSONL against Parquet",
        _verify,
        "OUTPUT [options]",
    )
    sub.add_argument("output", metavar="OUTPUT", help="fsspec URL of the directory where builds are published")
    sub.add_argument(
        "--copy-images",
        metavar="URL",
        help="where the images that the build copied lie (default: where its manifest says)",
    )
    add_options(sub, ["storage_options", "json"])
    sub = command(
        "clean",
        "remove old builds and what killed runs left, never the build in force or one that is being made",
        _clean,
        "OUTPUT [options]",
    )
    sub.add_argument("output", metavar="OUTPUT", help="fsspec URL of the directory where builds are published")
    sub.add_argument(
        "--keep",
        type=_count,
        default=3,
        metavar="N",
        help="how many builds stay, with that in force (default: %(default)s)",
    )
    sub.add_argument("--dry-run", action="store_true", help="remove nothing, say what would be removed")
    add_options(sub, ["storage_options", "json"])
    sub = command("schema", "print the JSON Schema of a record or document", _schema, "NAME")
    sub.add_argument("name", metavar="NAME", help=f"one of {', '.join(NAMES)}")
    sub = command(
        "demo", "make a small dataset and build it, without a network: what a newcomer runs first", _demo, "[DIR]"
    )
    sub.add_argument("dir", nargs="?", default="labelbeam-demo", metavar="DIR", help="where to (default: %(default)s)")
    return parser, commands


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 1 up")
    return int(text)


def _add_beam_options(parser: argparse.ArgumentParser) -> None:
    """Know Beam's options, and which of them have a value, so that none is taken for the config's path."""
    parser.set_defaults(beam=[])
    for name, option in BEAM_OPTIONS.items():
        parser.add_argument(
            f"--{name}",
            action=_BeamAction,
            nargs=0 if option.kind == "flag" else "?" if option.kind == "optional" else None,
            help=argparse.SUPPRESS,
            dest="beam",
            default=argparse.SUPPRESS,
        )


def _flags(known: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name, value in vars(known).items() if name in FIELDS}


def _convert(known: argparse.Namespace) -> int:
    file = read_config(known.config) if known.config is not None else ConfigFile()
    config = make_config(_flags(known), file)
    arguments = beam_arguments(file.beam, known.beam, known.runner_options)
    storage = known.storage = storage_options(config.storage_options)
    from pipelines.endpoints import check_endpoints
    from pipelines.runners import check_runner, is_dry_run

    check_runner(config, arguments)
    check_endpoints(arguments)
    set_up_logging(config.json, storage)
    from pipelines.convert import convert, rehearse

    if is_dry_run(arguments):
        return _rehearse(config, lambda display: rehearse(config, storage, arguments, display))

    return _report(config, lambda display: convert(config, storage, arguments, display))


def _rehearse(config: ConvertConfig, run: Callable[[Any], Any]) -> int:
    """Have a job built and not submitted, and say what it is made of: on stdout as JSON where that is asked for."""
    from pipelines.display import Display

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
    from pipelines.convert import inspect

    return _report(config, lambda display: inspect(config, known.storage, display))


def _usual_task(config: ConvertConfig, storage: dict[str, dict[str, Any]]) -> Task:
    """What is built most often from a source's format, to inspect it without a --task."""
    from transforms.recognise import recognise

    task = usual_task(recognise(config, storage).format)
    LOG.info("no --task given, so it is inspected for %s", task)
    return task


def _report(config: ConvertConfig, run: Callable[[Any], Any]) -> int:
    """Run, and show what came of it: on stdout as JSON where that is asked for, else on stderr for people."""
    from pipelines.display import Display
    from pipelines.summary import as_json, show

    if config.json and sys.stdout is None:
        raise UsageError("--json: stdout is closed, expected a terminal, a pipe or a file")
    # Whatever a library prints is not what was asked for.
    with contextlib.redirect_stdout(sys.stderr), Display(config.json) as display:
        outcome = run(display)
        if not config.json:
            show(outcome, config, display)
    if config.json:
        write_stdout(json.encode(as_json(outcome, display)).decode())
    return 0


def _verify(known: argparse.Namespace) -> int:
    set_up_logging("json" in vars(known), known.storage)
    from pipelines.verify import verify

    return verify(known.output, known.storage, "json" in vars(known), known.copy_images)


def _clean(known: argparse.Namespace) -> int:
    set_up_logging("json" in vars(known), known.storage)
    from pipelines.clean import clean

    return clean(known.output, known.storage, known.keep, known.dry_run, "json" in vars(known))


def _schema(known: argparse.Namespace) -> int:
    if known.name not in NAMES:
        raise UsageError(f"found {known.name!r}, expected one of {', '.join(NAMES)}{did_you_mean(known.name, NAMES)}")
    write_stdout(schema_text(known.name))
    return 0


def _demo(known: argparse.Namespace) -> int:
    from pipelines.demo import demo

    return demo(known.dir, main)


if __name__ == "__main__":
    sys.exit(main())
