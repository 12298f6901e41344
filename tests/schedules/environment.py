"""Environments for some tests alone: of Airflow, which does not get along with our own pins, and of what submits to Dataflow."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from tests.runners.provision import new_environment, pip, run
from tests.servers.installing import cache, once
from tests.suites import needs

REQUIREMENTS = Path(__file__).parents[2] / "requirements"


def tools_python(name: str = "schedules") -> Path:
    """The Python of the environment of requirements/NAME.txt, which is made where it is missing or the file has changed."""
    needs("installation", f"the environment of requirements/{name}.txt")
    requirements = REQUIREMENTS / f"{name}.txt"
    made_from = f"{sys.version}\n{requirements.read_text(encoding='utf-8')}"

    def install(folder: Path) -> None:
        # The file names everything, also where a package would have another version of one than that which works.
        run(*pip(new_environment(folder)), "--no-deps", "-r", str(requirements))

    made = once(cache() / f"{name}-{hashlib.sha256(made_from.encode()).hexdigest()[:12]}", install)
    return made / "bin" / "python"
