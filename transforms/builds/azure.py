"""Documents for Azure ML: the data assets of a build, and the AutoML job that trains on them, as `az ml` and the SDK load them."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.messages.words import counted

_DATA_SCHEMA = "https://azuremlschemas.azureedge.net/latest/data.schema.json"
_JOB_SCHEMA = "https://azuremlsdk2.blob.core.windows.net/preview/0.0.1/autoMLJob.schema.json"

METRICS = {
    "image_classification": "accuracy",
    "image_classification_multilabel": "iou",
    "image_object_detection": "mean_average_precision",
    "image_instance_segmentation": "mean_average_precision",
}
"""The metric by which the service chooses among models, by task."""


class JobOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a training job."""

    compute: str
    experiment: str | None = None
    model: str | None = None
    metric: str | None = None
    timeout_minutes: int = 360
    max_trials: int = 10
    max_concurrent_trials: int = 2
    name: str | None = None


_LONGEST_NAME = 255
"""Characters of the name of an asset or a job."""


def asset_stem(output: str) -> str:
    """The name of an output's assets, in letters that Azure takes: that of its directory.

    >>> asset_stem("s3://bucket/My data_1/"), asset_stem("s3://\u00fc/")
    ('My-data-1', 'dataset')
    """
    return re.sub(r"[^A-Za-z0-9]+", "-", output.rstrip("/").rpartition("/")[2]).strip("-") or "dataset"


def asset_version(build: str) -> str:
    """The version of a build's assets: when it began, since a version is short and sorts.

    >>> asset_version("20261121T203833477542Z-cdba7ac6")
    '20261121T203833477542Z'
    """
    return build.partition("-")[0]


def data_asset(manifest: Manifest, stem: str, split: str, path: str) -> dict[str, Any]:
    """The data asset of one split, whose MLTable lies in the directory `path`."""
    part = manifest.splits[split]
    return {
        "$schema": _DATA_SCHEMA,
        "name": f"{stem}-{split}",
        "version": asset_version(manifest.build),
        "type": "mltable",
        "description": f"{manifest.task}, split {split}: {counted(part.images, 'image')}, {counted(part.objects, 'object')}",
        "tags": {"task": manifest.task, "build": manifest.build, "labelbeam": manifest.labelbeam_version},
        "path": path,
    }


def training_job(manifest: Manifest, stem: str, options: JobOptions) -> dict[str, Any]:
    """The AutoML job that trains on the assets of a build; without a validation split the service draws one itself.

    Unless it is given one, its name follows from the build and the options, so that Azure ML makes no second one of the same.
    """
    version = asset_version(manifest.build)
    job: dict[str, Any] = {
        "type": "automl",
        "experiment_name": options.experiment or stem,
        "description": f"{manifest.task} on the build {manifest.build}",
        "compute": f"azureml:{options.compute}",
        "task": manifest.task,
        "primary_metric": options.metric or METRICS[manifest.task],
        "target_column_name": "label",
        "training_data": {"path": f"azureml:{stem}-train:{version}", "type": "mltable"},
    }
    part = manifest.splits.get("validation")
    if part is not None and part.images:
        job["validation_data"] = {"path": f"azureml:{stem}-validation:{version}", "type": "mltable"}
    job["limits"] = {
        "timeout_minutes": options.timeout_minutes,
        "max_trials": options.max_trials,
        "max_concurrent_trials": options.max_concurrent_trials,
    }
    if options.model is not None:
        job["training_parameters"] = {"model_name": options.model}
    return {"$schema": _JOB_SCHEMA, "name": options.name or _job_name(stem, version, job), **job}


def _job_name(stem: str, version: str, job: dict[str, Any]) -> str:
    drawn = hashlib.sha256(msgspec.json.encode(job, order="sorted")).hexdigest()[:8]
    return f"{stem[: _LONGEST_NAME - len(version) - 10]}-{version}-{drawn}"
