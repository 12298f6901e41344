"""What is measured: commands of modules that are compiled."""

from __future__ import annotations

import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from benchmarks.measure import ROOMS, compile_modules, python, spent


def test_modules_are_compiled_before_they_are_measured_also_where_python_writes_no_bytecode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for room in ROOMS:
        (tmp_path / room / "inner").mkdir(parents=True)
        (tmp_path / room / "inner" / "module.py").write_text("ANSWER = 42\n")
    compile_modules(tmp_path)
    for room in ROOMS:
        assert Path(cache_from_source(str(tmp_path / room / "inner" / "module.py"))).is_file()


def test_a_module_that_cannot_be_compiled_is_told(tmp_path: Path) -> None:
    for room in ROOMS:
        (tmp_path / room).mkdir()
    (tmp_path / ROOMS[0] / "broken.py").write_text("def (:\n")
    with pytest.raises(SystemExit, match=f"{ROOMS[0]}: modules cannot be compiled"):
        compile_modules(tmp_path)


def test_a_command_takes_time_of_the_wall_and_of_cores_and_tells_when_it_fails() -> None:
    took = spent(python("-c", "sum(range(10**6))"))
    assert took.wall > 0 and took.cores > 0 and took.peak == 0
    with pytest.raises(SystemExit, match=r"(?s)ended with 3.*what went wrong"):
        spent(python("-c", "import sys; print('what went wrong', file=sys.stderr); sys.exit(3)"))
