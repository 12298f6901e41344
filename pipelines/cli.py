"""The command `labelbeam`: parse, run, report; every failure ends in a message and an exit status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from schemas.errors import LabelBeamError

EXIT_STATUS = """\
exit status:
  0  done, or nothing to do
  1  the run failed
  2  the command line or the config is wrong
  3  too much was rejected, or verify found a difference
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser()
    known, rest = parser.parse_known_args(arguments)
    try:
        if rest and known.command != "convert":
            parser.error(f"unknown option {rest[0]!r} of {known.command}; see labelbeam {known.command} --help")
        status: int = known.run(known, rest)
    except LabelBeamError as error:
        print(f"labelbeam {known.command}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"labelbeam {known.command}: interrupted; nothing was published", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the output has seen enough; without this, Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    from pipelines.options import FIELDS, add_options
    from pipelines.schema import NAMES
    from pipelines.version import VERSION

    parser = argparse.ArgumentParser(
        prog="labelbeam",
        description="Turn COCO, Pascal VOC and folder datasets into training data for Azure AutoML for Images.",
        epilog=EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"labelbeam {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str, run: Any) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=EXIT_STATUS,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        sub.set_defaults(run=run)
        return sub

    sub = command("convert", "build a dataset and publish it", _convert)
    sub.usage = "labelbeam convert [CONFIG.yaml] [options] [Beam pipeline options]"
    sub.add_argument("config", nargs="?", metavar="CONFIG.yaml", help="options as YAML, with _ for -; a flag wins")
    add_options(sub, list(FIELDS))
    sub = command("inspect", "show what is in a raw dataset, and what a build would reject or adjust", _inspect)
    sub.add_argument("source_url", metavar="SOURCE", help="fsspec URL of the dataset: COCO file, VOC tree or folder")
    add_options(sub, [name for name in FIELDS if name not in ("source", "output", "copy_images", "if_changed")])
    sub = command("verify", "re-check the published build of an output: hashes, counts, records, Parquet", _verify)
    sub.add_argument("output", metavar="OUTPUT", help="fsspec URL that builds were published to")
    add_options(sub, ["storage_options", "json"])
    sub = command("schema", "print the JSON Schema of a record or document", _schema)
    sub.add_argument("name", metavar="NAME", choices=NAMES, help=f"one of {', '.join(NAMES)}")
    sub = command("demo", "make a small dataset and build it", _demo)
    sub.add_argument("dir", nargs="?", default="labelbeam-demo", metavar="DIR", help="where to (default: %(default)s)")
    return parser


def _flags(known: argparse.Namespace) -> dict[str, Any]:
    from pipelines.options import FIELDS

    return {name: value for name, value in vars(known).items() if name in FIELDS}


def _convert(known: argparse.Namespace, rest: list[str]) -> int:
    from pipelines.options import check_beam_flags, make_config, storage_options

    check_beam_flags(rest)
    config, beam_flags = make_config(_flags(known), known.config)
    check_beam_flags(beam_flags)
    storage = storage_options(config.storage_options)
    from pipelines.convert import convert
    from pipelines.display import Display, log_to_stderr
    from pipelines.summary import show

    log_to_stderr(config.json)
    display = Display(config.json)
    outcome = convert(config, storage, [*beam_flags, *rest], display)
    show(outcome, config, display)
    return 0


def _inspect(known: argparse.Namespace, _: list[str]) -> int:
    from pipelines.options import make_config, storage_options
    from schemas.errors import UsageError

    flags = _flags(known)
    if "task" not in flags:
        raise UsageError("missing: --task; the task decides what is an object, and what would be rejected")
    config, _beam = make_config(flags, None, source=[known.source_url], output="nowhere", max_rejected=1.0)
    storage = storage_options(config.storage_options)
    from pipelines.convert import inspect
    from pipelines.display import Display, log_to_stderr
    from pipelines.summary import show

    log_to_stderr(config.json)
    display = Display(config.json)
    show(inspect(config, storage, display), config, display)
    return 0


def _verify(known: argparse.Namespace, _: list[str]) -> int:
    from pipelines.options import storage_options
    from pipelines.verify import verify

    return verify(known.output, storage_options(_flags(known).get("storage_options")), "json" in vars(known))


def _schema(known: argparse.Namespace, _: list[str]) -> int:
    from pipelines.schema import schema_text

    print(schema_text(known.name))
    return 0


def _demo(known: argparse.Namespace, _: list[str]) -> int:
    from pipelines.demo import demo

    return demo(known.dir)


if __name__ == "__main__":
    sys.exit(main())
