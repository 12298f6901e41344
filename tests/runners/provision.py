"""What the tests of runners install: jars of Flink, Spark and Beam's job servers, Prism, and an environment for workers.

All of it stays in the tests' cache directory, and is installed once by whichever test process comes first.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.servers.installing import cache, once
from tests.suites import needs

REPOSITORY = Path(__file__).parents[2]
CONSTRAINTS = REPOSITORY / "requirements" / "constraints.txt"

PRISM = "github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0"

INSTALLING = 900
"""Seconds that each installation may take; on an idle machine each takes less than a minute."""

_COPY = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tests</groupId><artifactId>jars</artifactId><version>1</version>
  <build><plugins><plugin>
    <groupId>org.apache.maven.plugins</groupId>
    <artifactId>maven-dependency-plugin</artifactId>
    <version>3.6.1</version>
    <configuration>
      <outputDirectory>{folder}</outputDirectory>
      <artifactItems>{items}</artifactItems>
    </configuration>
  </plugin></plugins></build>
</project>
"""
_ITEM = "<artifactItem><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></artifactItem>"


def jars(cluster: str) -> Path:
    """The directory with the jars that `flink-jars.txt` or `spark-jars.txt` lists: a cluster, and Beam's job server for it."""
    maven = _tool("mvn", "Maven with Java 17")
    text = Path(__file__).with_name(f"{cluster}-jars.txt").read_text(encoding="utf-8")
    items = [line.split(":") for line in text.splitlines() if line and not line.startswith("#")]

    def install(folder: Path) -> None:
        pom = folder / "pom.xml"
        listed = "".join(_ITEM.format(*item) for item in items)
        pom.write_text(_COPY.format(folder=folder / "jars", items=listed), encoding="utf-8")
        goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
        local = f"-Dmaven.repo.local={cache() / 'maven'}"
        run(maven, "--quiet", "--batch-mode", "--file", str(pom), local, goal)

    return _installed(cluster, text, install) / "jars"


def job_server(folder: Path, main: str, jar: Path) -> Path:
    """A jar at `jar` whose main class is `main` and whose class path are the jars of a folder.

    Beam starts a job server by `java -jar`. The one jar for that is published for each release, but some mirrors lack it.
    """
    path = " ".join(file.as_uri() for file in sorted(folder.glob("*.jar")))
    line = f"Class-Path: {path}"
    # A manifest's lines end after at most 72 bytes; a line that begins with a space goes on with the one before.
    folded = "\r\n ".join([line[:70], *(line[at : at + 69] for at in range(70, len(line), 69))])
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\nMain-Class: {main}\r\n{folded}\r\n\r\n")
    return jar


def prism() -> Path:
    """The binary of Prism, built from the Go module."""
    go = _tool("go", "Go 1.26 or later")

    def install(folder: Path) -> None:
        run(go, "install", PRISM, env=os.environ | {"GOBIN": str(folder), "GOFLAGS": "-modcacherw"})

    return _installed("prism", PRISM, install) / "prism"


def worker_python(sdist: Path) -> Path:
    """The Python of an environment that has what the sdist asks for with its extra `s3`, and not the project itself."""
    setup = (REPOSITORY / "setup.py").read_text(encoding="utf-8")

    def install(folder: Path) -> None:
        python = new_environment(folder / "venv")
        run(*pip(python), "--constraint", str(CONSTRAINTS), f"{sdist}[s3]")
        run(sys.executable, "-m", "pip", "--python", python, "uninstall", "--quiet", "--yes", "labelbeam")

    made_from = f"{sys.version}\n{setup}\n{CONSTRAINTS.read_text(encoding='utf-8')}"
    return _installed("workers", made_from, install) / "venv" / "bin" / "python"


def new_environment(folder: Path) -> str:
    """The Python of a new environment, which has no pip of its own: unpacking one takes longer than some packages do."""
    run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    return str(folder / "bin" / "python")


def pip(python: str) -> tuple[str, ...]:
    """The beginning of a command that installs, and compiles nothing: tests load a part of it, which is compiled then, and stays so."""
    options = ("--quiet", "--disable-pip-version-check", "--root-user-action=ignore", "--no-compile")
    return (sys.executable, "-m", "pip", "--python", python, "install", *options)


def run(*command: str, env: Mapping[str, str] | None = None) -> None:
    """Run a command that has to succeed."""
    ran = subprocess.run(command, capture_output=True, text=True, timeout=INSTALLING, check=False, env=env)
    if ran.returncode:
        pytest.fail(f"{' '.join(command)} ended with exit status {ran.returncode}: {(ran.stdout + ran.stderr)[-2000:]}")


def _tool(name: str, what: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on PATH; install {what}")
    return found


def _installed(name: str, made_from: str, install: Callable[[Path], None]) -> Path:
    """A directory of the cache that `install` has filled to the end; another one for everything else that it is made from."""
    needs("cluster", f"what is installed into {name}")
    return once(cache() / f"{name}-{hashlib.sha256(made_from.encode()).hexdigest()[:12]}", install)
