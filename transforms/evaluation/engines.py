"""Engines of COCO's evaluation: pycocotools, or faster-coco-eval, which is the same in C++.

The figures of both are equal but for the last bit of a sum. The matches of single images are pycocotools' in either case.
"""

from __future__ import annotations

import contextlib
import io
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from labelbeam.schemas.errors import UsageError

Document: TypeAlias = dict[str, Any]
Kind: TypeAlias = Literal["bbox", "segm"]
Engine: TypeAlias = Literal["pycocotools", "faster-coco-eval"]

ENGINES: tuple[Engine, ...] = get_args(Engine)


class Accumulated(NamedTuple):
    """Outcome of an evaluation.

    `stats` are the 12 figures in COCO's order, `precision` is (10, 101, K, 4, 3), `recall` (10, K, 4, 3). `matches` are those of each
    image and label at an IoU of 0.5 among objects of all sizes, between the objects of `true` and `found`.
    """

    stats: list[float]
    precision: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]
    matches: list[dict[str, Any]]
    true: COCO
    found: COCO


def check_installed(engine: Engine) -> None:
    """Make sure that an engine is installed.

    Raises:
        UsageError: it is not.
    """
    if engine == "faster-coco-eval" and find_spec("faster_coco_eval") is None:
        raise UsageError("--engine: faster-coco-eval is not installed; run: pip install 'labelbeam[faster]'")


def accumulate(engine: Engine, truth: Document, results: list[Document], kind: Kind) -> Accumulated:
    """Evaluate results against the truth, both in COCO's form with areas."""
    with contextlib.redirect_stdout(io.StringIO()):
        true, found = _dataset(COCO, truth, truth["annotations"]), _dataset(COCO, truth, results)
        own = COCOeval(true, found, kind)
        all_sizes = own.params.areaRng[0]
        if engine == "pycocotools":
            done = own
            own.evaluate()
        else:
            import faster_coco_eval as faster

            # Copies, since an engine writes into what it is given.
            copies = ([dict(each) for each in annotations] for annotations in (truth["annotations"], results))
            done = faster.COCOeval_faster(*(_dataset(faster.COCO, truth, each) for each in copies), kind)
            done.evaluate()
            own.params.iouThrs, own.params.areaRng, own.params.areaRngLbl = own.params.iouThrs[:1], [all_sizes], ["all"]
            own.evaluate()
        done.accumulate()
        done.summarize()
    matches = [match for match in own.evalImgs if match is not None and match["aRng"] == all_sizes]
    stats = [float(value) for value in done.stats[:12]]
    return Accumulated(stats, np.asarray(done.eval["precision"]), np.asarray(done.eval["recall"]), matches, true, found)


def _dataset(kind: Any, truth: Document, annotations: list[Document]) -> Any:
    dataset = kind()
    dataset.dataset = truth | {"annotations": annotations}
    dataset.createIndex()
    return dataset
