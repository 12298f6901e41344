"""The constraints hold for every extra: each can be installed with them, and all at once."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import metadata

import pytest
from packaging.requirements import Requirement

from tests.packaging.made import ROOT
from tests.runners.provision import pip, run
from tests.suites import needs

EXTRAS = sorted(metadata("labelbeam").get_all("Provides-Extra") or [])


def pins() -> dict[str, str]:
    """Versions by the names of packages, as the constraints have them."""
    lines = ROOT.joinpath("requirements/constraints.txt").read_text().splitlines()
    return {_normal(name): version for line in lines if "#" not in line for name, version in [line.split("==")]}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required() -> Iterator[Requirement]:
    """What the project needs, with any extra."""
    yield from map(Requirement, metadata("labelbeam").get_all("Requires-Dist") or [])


def test_each_package_that_an_extra_names_has_a_pin_within_its_bounds() -> None:
    known = pins()
    for requirement in required():
        version = known.get(_normal(requirement.name))
        assert version is not None, f"requirements/constraints.txt has no {requirement.name}"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}: found {version}"


@pytest.mark.installation
@pytest.mark.parametrize("extras", ["azureml", "faster", ",".join(EXTRAS)], ids=["azureml", "faster", "all"])
def test_extras_can_be_installed_with_the_constraints(extras: str) -> None:
    needs("installation", "what pip asks an index for")
    constraints = str(ROOT / "requirements/constraints.txt")
    run(*pip(sys.executable), "--dry-run", "--no-build-isolation", "--constraint", constraints, f"{ROOT}[{extras}]")
