"""The HTML of a report: one file that loads nothing, runs one script of its own, and in which all text is escaped.

The policy in its head forbids the network, and allows the style sheet and the script by their hashes alone: text of a dataset that got
through the escaping could still do nothing. So no element has a style of its own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from labelbeam.schemas.evaluation import Evaluation
from labelbeam.schemas.manifest import Manifest
from labelbeam.schemas.neutral import Rejection
from labelbeam.transforms.builds.preflight import preflight
from labelbeam.transforms.messages.words import plain
from labelbeam.transforms.report import figures
from labelbeam.transforms.report.evaluations import EvaluationFigures, Worst, evaluation_figures
from labelbeam.transforms.report.overlays import PALETTE, Drawing, draw
from labelbeam.transforms.report.pictures import Picture
from labelbeam.transforms.report.samples import Sample

ALT_LABELS = 6
"""Labels that the description of a picture names."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A record as it is shown: its picture, and what is drawn over it."""

    sample: Sample
    picture: Picture
    drawing: Drawing
    numbers: list[int]
    """The numbers of its labels among those of the build."""

    @property
    def alt(self) -> str:
        """Text for what the picture shows."""
        labels = [f"{count} × {label}" for label, count in self.sample.labels.items()]
        more = f" and {len(labels) - ALT_LABELS} more labels" if len(labels) > ALT_LABELS else ""
        return f"{self.sample.url}: {', '.join(labels[:ALT_LABELS]) or 'no object'}{more}"


@dataclass(frozen=True, slots=True)
class ShownRejection:
    """A rejection, and the picture of its image where there is one."""

    rejection: Rejection
    picture: Picture | None = None


@dataclass(slots=True)
class Content:
    """Everything that a page shows. `name` is what a person calls the dataset; `notes` are sentences on what is missing, `commands` what a
    person may want to type next."""

    name: str
    manifest: Manifest
    samples: Sequence[Sample] = ()
    pictures: Sequence[Picture] = ()
    rejections: Sequence[ShownRejection] = ()
    evaluation: Evaluation | None = None
    worst_pictures: Sequence[Picture] = ()
    notes: list[str] = field(default_factory=list)
    commands: Sequence[str] = ()


def render(content: Content) -> bytes:
    """The page, the same bytes for the same content."""
    manifest = figures.in_order(content.manifest)
    style, script = (resources.files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    style += "".join(f".c{number}{{--c:hsl({number * 360 // PALETTE} 95% 62%)}}\n" for number in range(PALETTE))
    colours = {name: number for number, name in enumerate(manifest.labels)}
    shown = [
        _shown(sample, picture, colours) for sample, picture in zip(content.samples, content.pictures, strict=True)
    ]
    evaluation: EvaluationFigures | None = None
    worst: list[Worst] = []
    if content.evaluation is not None:
        evaluation, worst = evaluation_figures(content.evaluation, content.worst_pictures, colours)
    values: dict[str, Any] = {
        "policy": f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        # The files of this package hold nothing of a dataset.
        "style": Markup(style),
        "script": Markup(script),
        "name": content.name,
        "manifest": manifest,
        "splits": list(manifest.splits),
        "notes": content.notes,
        "objects": "labels" if manifest.task.startswith("image_classification") else "objects",
        "rejected": figures.reasons(manifest.rejected_by_reason),
        "skipped": figures.reasons(manifest.skipped_by_reason),
        "adjusted": figures.reasons(manifest.adjusted_by_reason),
        "labels": figures.labels_table(manifest),
        "missing_labels": figures.missing_labels(manifest),
        "head": figures.HEAD,
        "charts": figures.charts(manifest),
        "sizes": figures.sizes_table(manifest),
        "maps": figures.maps(manifest),
        "options": figures.options(manifest),
        "hints": [doubt for doubt in preflight(manifest) if doubt not in manifest.doubts],
        "commands": content.commands,
        "shown": shown,
        "in_gallery": sorted(
            {(number, manifest.labels[number]) for item in shown for number in item.numbers}, key=lambda pair: pair[1]
        ),
        "rejections": content.rejections,
        "evaluation": evaluation,
        "worst": worst,
        "drawn": any(item.truth.shapes or item.predicted.shapes for item in worst),
    }
    return _template().render(values).encode("utf-8", "backslashreplace")


def _shown(sample: Sample, picture: Picture, colours: dict[str, int]) -> Shown:
    objects = [item for item in sample.label if isinstance(item, dict)] if isinstance(sample.label, list) else []
    numbers = [colours[label] for label in sample.labels if label in colours]
    return Shown(sample, picture, draw(sample.width, sample.height, objects, colours), numbers)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def prepare() -> None:
    """Compile the page before it is needed, which takes as long as all else of it."""
    _template()


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True,
        finalize=_harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["percent"] = _percent
    environment.filters["figure"] = lambda value: (
        "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
    )
    return environment.from_string(resources.files(__package__).joinpath("page.html.jinja").read_text("utf-8"))


def _harmless(value: Any) -> Any:
    """Text without what steers a terminal, or turns the order of what stands around it; what is HTML already stays."""
    return plain(value, "\n\t") if isinstance(value, str) and not isinstance(value, Markup) else value


def _percent(share: float) -> str:
    """A share that is not nothing is never shown as 0."""
    if share == 0:
        return "0 %"
    return f"{share:.1%}".replace("%", " %") if share >= 0.0005 else "<0.1 %"
