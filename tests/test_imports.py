"""Modules: which may import which, nothing heavy before a command runs, and the test of each under its own name."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("pipelines", "transforms", "schemas")
FILES = {
    path.relative_to(ROOT).as_posix()
    for folder in (*ROOMS, "labelbeam")
    for path in ROOT.joinpath(folder).rglob("*.py")
}


def module_of(file: str) -> str:
    """The name under which a file of the repository is imported."""
    name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return name if name == "labelbeam" or name.startswith("labelbeam.") else f"labelbeam.{name}"


MODULES = {module_of(file): file for file in FILES}


def imports_of(module: str, only_on_loading: bool = False) -> set[str]:
    """The modules that a module names in its imports, wherever they stand, or only those that loading it carries out."""
    found: set[str] = set()
    pending: list[ast.AST] = [ast.parse(ROOT.joinpath(MODULES[module]).read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if only_on_loading and (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        ):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level and node.module, f"{module} has a relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= names & MODULES.keys() or {node.module}
            if not names <= MODULES.keys():
                found.add(node.module)
        pending += ast.iter_child_nodes(node)
    return found


def test_the_modules_are_found() -> None:
    assert len(MODULES) == len(FILES) > 150
    assert "labelbeam.schemas.config" in imports_of("labelbeam.transforms.builds.identity")


@pytest.mark.parametrize(
    ("room", "above"),
    [
        ("schemas", {"transforms", "pipelines", "face"}),
        ("transforms", {"pipelines", "face"}),
        ("pipelines", {"face"}),
    ],
)
def test_imports_run_one_way(room: str, above: set[str]) -> None:
    for module in MODULES:
        if module.split(".")[1:2] == [room]:
            assert not {room_of(name) for name in imports_of(module)} & {*above, "outside"}, module


def room_of(name: str) -> str:
    first, *rest = name.split(".")
    if first != "labelbeam":
        return "outside" if first in (*ROOMS, "tests", "benchmarks") else ""
    return rest[0] if rest and rest[0] in ROOMS else "face"


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {module: imports_of(module, only_on_loading=True) & MODULES.keys() for module in MODULES}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join((*path[path.index(module) :], module))
        if module not in done:
            for name in sorted(graph[module]):
                visit(name, (*path, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())
    assert done == MODULES.keys()


def test_beam_is_imported_by_the_modules_that_the_architecture_names() -> None:
    page = ROOT.joinpath("ARCHITECTURE.md").read_text(encoding="utf-8")
    named = page.partition("<!-- imports Beam -->")[2].partition("\nNone")[0]
    beam = [
        file for module, file in MODULES.items() if "apache_beam" in {n.partition(".")[0] for n in imports_of(module)}
    ]
    assert sorted(re.findall(r"`([\w/]+\.py)`", named)) == sorted(beam)


HEAVY = ("apache_beam", "numpy", "pyarrow", "pandas", "rich", "fsspec", "PIL", "lxml", "jinja2", "urllib3")


@pytest.mark.parametrize(
    "code",
    [
        "from labelbeam.pipelines.cli import main; main(['--help'])",
        "from labelbeam.pipelines.cli import main; main(['convert', '--help'])",
        "from labelbeam.pipelines.cli import main; main(['score', '--help'])",
        "from labelbeam.pipelines.cli import main; main(['convert', '--tsak'])",
        "import labelbeam",
    ],
)
def test_help_a_wrong_option_and_the_package_load_nothing_heavy(code: str) -> None:
    ask = f"{code}\nimport sys; print('loaded', [name for name in {HEAVY!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert ran.stdout.endswith("loaded []\n")


LIGHT = {
    "pipelines.cli",
    "pipelines.runners.options",
    "pipelines.terminal.failure",
    "pipelines.terminal.streams",
    "pipelines.version",
    *(f"schemas.{name}" for name in ("config", "doubts", "errors", "evaluation", "label_map", "layout", "reasons")),
    *(f"schemas.{name}" for name in ("requests", "score_config", "split_group", "tasks")),
    "transforms.evaluation.gates",
    *(f"transforms.formats.{name}" for name in ("format", "json_objects", "registry")),
    "transforms.images.urls",
    *(f"transforms.messages.{name}" for name in ("redact", "terminal", "words")),
    *(f"transforms.score.{name}" for name in ("credentials", "failures", "tokens")),
    *(f"transforms.stores.{name}" for name in ("errors", "failures", "paths", "small_files")),
    *(f"transforms.workers.{name}" for name in ("loading", "resources", "thread_room")),
}
"""Modules of ours that the help of all commands loads, beside those of the command line and what each format says of itself."""

SLOW_TO_LOAD = {
    "asyncio",
    "concurrent",
    "csv",
    "email",
    "multiprocessing",
    "pickle",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "xml",
}


def test_help_waits_for_no_module_that_is_not_known_to_be_light() -> None:
    ask = (
        "import sys; before = set(sys.modules)\nfrom labelbeam.pipelines.cli import main; main(['--help'])\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    ran = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    loaded = ran.stdout.splitlines()[-1].split()
    tops = {name.partition(".")[0] for name in loaded}
    assert tops - sys.stdlib_module_names - {"labelbeam", "msgspec", "typing_extensions"} == set()
    assert tops & SLOW_TO_LOAD == set()
    ours = {name.removeprefix("labelbeam.") for name in loaded if name.startswith("labelbeam.")}
    rest = {
        name for name in ours if not re.match(r"pipelines\.command(s|_line)\.|transforms\.formats\.\w+\.format$", name)
    }
    assert {name for name in rest if f"{name.replace('.', '/')}.py" in FILES} == LIGHT


TESTED_ELSEWHERE = {
    "pipelines/commands/command.py": "a tuple; test_registry.py looks at every command",
    "pipelines/demo/data.py": "drawn once for all tests of the demo, in test_demo.py",
    "pipelines/demo/scenes.py": "drawn once for all tests of the demo, in test_demo.py",
    "schemas/evaluation.py": "a form; evaluation/test_evaluate.py fills it",
    "schemas/neutral.py": "forms; every reader fills them",
    "transforms/stores/shards/shard.py": "a form; test_store.py reads every kind",
    "schemas/tasks.py": "names; tests/schemas/test_config.py reads them",
}
"""Modules without a test of their own name, and why."""


def test_the_test_of_a_module_is_found_by_its_name() -> None:
    tested = {path.relative_to(ROOT / "tests").as_posix() for path in ROOT.joinpath("tests").rglob("test_*.py")}
    without = {
        file for file in FILES if not file.endswith("/__init__.py") and "/test_".join(file.rsplit("/", 1)) not in tested
    }
    assert without == TESTED_ELSEWHERE.keys()
