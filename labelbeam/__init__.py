"""LabelBeam: raw vision datasets to training-ready JSON Lines, MLTable and Parquet, on Apache Beam.

The functions are the commands of the same names; see docs/python.md. To import the package costs next to nothing: what a name
needs is loaded when the name is first used.
"""

from __future__ import annotations

import logging
import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if not os.path.isdir(os.path.join(__path__[0], "schemas")):
    # In a checkout the rooms stand beside this package, which hides an installed one from whatever is run there.
    __path__.append(os.path.dirname(__path__[0]))

from labelbeam.pipelines.version import VERSION  # it is found by the path above

if TYPE_CHECKING:
    from labelbeam import beam, errors
    from labelbeam.builds import Build, open_build
    from labelbeam.options import ConvertOptions, InspectOptions, ScoreOptions
    from labelbeam.pipelines.runs.convert import Outcome
    from labelbeam.pipelines.runs.score import Scored
    from labelbeam.runs import clean, convert, evaluate, export, inspect, report, score, verify
    from labelbeam.schemas.config import ConvertConfig
    from labelbeam.schemas.evaluation import Evaluation
    from labelbeam.schemas.manifest import Manifest
    from labelbeam.schemas.score_config import ScoreConfig
    from labelbeam.transforms.builds.clean import Cleaned
    from labelbeam.transforms.export.export import Exported
    from labelbeam.transforms.verify.check import Checked

__version__ = VERSION

__all__ = [
    "Build",
    "Checked",
    "Cleaned",
    "ConvertConfig",
    "ConvertOptions",
    "Evaluation",
    "Exported",
    "InspectOptions",
    "Manifest",
    "Outcome",
    "ScoreConfig",
    "ScoreOptions",
    "Scored",
    "__version__",
    "beam",
    "clean",
    "convert",
    "errors",
    "evaluate",
    "export",
    "inspect",
    "open_build",
    "report",
    "score",
    "verify",
]

_MODULES = {
    **dict.fromkeys(
        ("clean", "convert", "evaluate", "export", "inspect", "report", "score", "verify"), "labelbeam.runs"
    ),
    **dict.fromkeys(("Build", "open_build"), "labelbeam.builds"),
    **dict.fromkeys(("ConvertOptions", "InspectOptions", "ScoreOptions"), "labelbeam.options"),
    "Checked": "labelbeam.transforms.verify.check",
    "Cleaned": "labelbeam.transforms.builds.clean",
    "ConvertConfig": "labelbeam.schemas.config",
    "Evaluation": "labelbeam.schemas.evaluation",
    "Exported": "labelbeam.transforms.export.export",
    "Manifest": "labelbeam.schemas.manifest",
    "Outcome": "labelbeam.pipelines.runs.convert",
    "ScoreConfig": "labelbeam.schemas.score_config",
    "Scored": "labelbeam.pipelines.runs.score",
}
"""The module that each name is in."""

# A library writes nothing unless its user sets logging up.
logging.getLogger("labelbeam").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in ("beam", "errors"):
        return import_module(f"labelbeam.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module 'labelbeam' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
