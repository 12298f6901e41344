"""Tables of the documentation that follow from the code; `scripts/tables` writes them, and a test compares them."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

from labelbeam.pipelines.command_line.options import FIELDS, GROUPS, choices, default, description, expected, flag
from labelbeam.schemas.doubts import NOTES, Doubted
from labelbeam.schemas.reasons import Adjusted, Rejected, Skipped
from labelbeam.schemas.tasks import TASKS
from labelbeam.transforms.formats.registry import FORMATS

ROOT = Path(__file__).parents[1]


class Table(NamedTuple):
    """The rows of a table without its head: the first one behind `line` of a page."""

    page: str
    line: str
    rows: list[str]


def option_row(name: str) -> str:
    """An option of `convert` as a row of the README."""
    text, _, said = description(name).removesuffix(")").partition(" (default: ")
    values = ", ".join(f"`{choice}`" for choice in choices(name)) or expected(name)
    fixed = f"`{default(name)}`" if default(name) not in (None, False, []) else "off"
    usual = "required" if FIELDS[name].required else said or fixed
    return f"| `{flag(name)}` | {values} | {usual} | {text if said else description(name)} |"


def format_row(name: str) -> str:
    """A format and the tasks that are built from it as a row of the README."""
    found = FORMATS[name]
    cells = [
        "no" if task not in found.tasks else f"yes: {found.tasks[task]}" if found.tasks[task] else "yes"
        for task in TASKS
    ]
    return f"| {found.title} | {' | '.join(cells)} |"


def folders() -> list[str]:
    """The folders of the installed package, as they stand in the repository."""
    rooms = (
        file.parent for room in ("pipelines", "transforms", "schemas") for file in ROOT.glob(f"{room}/**/__init__.py")
    )
    return ["labelbeam", *sorted(room.relative_to(ROOT).as_posix() for room in rooms)]


def folder_row(folder: str) -> str:
    """A folder with the first line of its docstring."""
    text = ast.get_docstring(ast.parse(ROOT.joinpath(folder, "__init__.py").read_text(encoding="utf-8"))) or ""
    return f"| `{folder}/` | {text.partition(chr(10))[0]} |"


def tables() -> list[Table]:
    """All of them."""
    codes = [
        Table("docs/reasons.md", f"## {kind.__name__}", [f"| `{code}` | {code.doc} |" for code in kind])
        for kind in (Rejected, Skipped, Adjusted)
    ]
    doubts = [f"| `{code}` | {'note' if code in NOTES else 'doubt'} | {code.doc} |" for code in Doubted]
    return [
        Table("README.md", "<!-- options -->", [option_row(name) for names in GROUPS.values() for name in names]),
        Table("README.md", "<!-- formats -->", [format_row(name) for name in FORMATS]),
        Table("ARCHITECTURE.md", "<!-- folders -->", [folder_row(folder) for folder in folders()]),
        *codes,
        Table("docs/reasons.md", "## Doubted", doubts),
    ]


def rows_of(table: Table) -> tuple[str, str, str]:
    """The page before the rows, the rows, and the page behind them."""
    text = ROOT.joinpath(table.page).read_text(encoding="utf-8")
    start = text.index(f"\n{table.line}\n")
    found = re.compile(r"(?:^\|.*\n){2}((?:^\|.*\n)*)", re.MULTILINE).search(text, start)
    assert found is not None, f"{table.page}: no table behind {table.line}"
    return text[: found.start(1)], found[1], text[found.end(1) :]


if __name__ == "__main__":
    for table in tables():
        before, _, behind = rows_of(table)
        ROOT.joinpath(table.page).write_text(before + "\n".join([*table.rows, behind]), encoding="utf-8")
