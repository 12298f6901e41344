"""`labelbeam job`: the data assets of a published build and the AutoML job that trains on them: written for `az ml`, or made as well."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelbeam.pipelines.command_line.options import add_options, check_accepted
from labelbeam.pipelines.command_line.parser import Parser, add_output, count
from labelbeam.pipelines.commands.command import Command
from labelbeam.pipelines.terminal.streams import LOG, say, set_up_logging
from labelbeam.schemas.errors import DoubtedError, LabelBeamError, UsageError

if TYPE_CHECKING:
    from labelbeam.schemas.manifest import Manifest
    from labelbeam.transforms.builds.azure_paths import WorkspaceName
    from labelbeam.transforms.builds.workspace import MLWorkspace


def _add_arguments(parser: Parser) -> None:
    add_output(parser)
    parser.add_argument(
        "--to", metavar="DIR", default="azureml", help="the local directory to write to (default: azureml)"
    )
    parser.add_argument(
        "--compute",
        metavar="NAME",
        default="gpu-cluster",
        help="the compute cluster to train on (default: gpu-cluster)",
    )
    parser.add_argument(
        "--datastore",
        metavar="NAME",
        help="the datastore of OUTPUT's container, by its name or as azureml://…/datastores/NAME; needed where neither its URL names "
        "the account nor the images lie in the same container",
    )
    parser.add_argument("--name", metavar="NAME", help="prefix of the assets' names (default: the last name in OUTPUT)")
    parser.add_argument(
        "--experiment", metavar="NAME", help="the experiment of the job (default: the prefix of the assets)"
    )
    parser.add_argument(
        "--model", metavar="NAME", help="the only model to train, such as yolov5 (default: the service chooses)"
    )
    parser.add_argument("--metric", metavar="NAME", help="the primary metric (default: the task's usual one)")
    parser.add_argument(
        "--timeout-minutes", metavar="N", type=count, default=360, help="time limit of the job (default: 360)"
    )
    parser.add_argument(
        "--max-trials", metavar="N", type=count, default=10, help="maximum number of trials (default: 10)"
    )
    parser.add_argument(
        "--max-concurrent-trials",
        metavar="N",
        type=count,
        default=2,
        help="maximum number of concurrent trials (default: 2)",
    )
    parser.add_argument(
        "--job-name",
        metavar="NAME",
        help="name of the job (default: derived from the build and the options, so that it is submitted once)",
    )
    group = parser.add_argument_group("what to do in the workspace, which needs pip install 'labelbeam[azureml]'")
    group.add_argument("--register", action="store_true", help="create the data assets that do not exist yet")
    group.add_argument("--submit", action="store_true", help="the same, and submit the job, unless its name exists")
    for name in _WORKSPACE:
        group.add_argument(
            f"--{name}", metavar="NAME", help=f"the {name.replace('-', ' ')} (default: as in the image URLs)"
        )
    add_options(parser, ["accept", "storage_options"])


_WORKSPACE = ("subscription", "resource-group", "workspace")
"""What names a workspace."""


def _run(known: argparse.Namespace) -> int:
    set_up_logging(False, known.storage)
    import yaml

    from labelbeam.transforms.builds import workspace
    from labelbeam.transforms.builds.azure import JobOptions, asset_stem, data_asset, training_job
    from labelbeam.transforms.builds.published import place_of, published
    from labelbeam.transforms.plan.places import check_in_no_output
    from labelbeam.transforms.stores.files import put
    from labelbeam.transforms.stores.locate import locate

    asks = known.register or known.submit
    if asks:
        workspace.check_installed()
    output = locate(known.output, known.storage)
    manifest = published(output)
    _check(manifest, known.model, getattr(known, "accept", None) or [])
    where = _workspace(known, manifest)
    stem = asset_stem(known.name or output.path or known.output)
    build = place_of(output, manifest)
    shown = build.path if output.local else build.shown
    options = JobOptions(
        compute=known.compute,
        experiment=known.experiment,
        model=known.model,
        metric=known.metric,
        timeout_minutes=known.timeout_minutes,
        max_trials=known.max_trials,
        max_concurrent_trials=known.max_concurrent_trials,
        name=known.job_name,
    )
    documents: dict[str, dict[str, Any]] = {
        f"{split}.data.yaml": data_asset(
            manifest, stem, split, _asset_path(manifest, f"{shown}/{split}", known.datastore)
        )
        for split, part in manifest.splits.items()
        if part.images
    }
    documents["job.yaml"] = training_job(manifest, stem, options)
    if asks and where is None:
        flags = " ".join(f"--{name} NAME" for name in _WORKSPACE)
        raise UsageError(
            f"the image URLs of build {manifest.build} do not name one workspace; say which it is with {flags}"
        )
    service = workspace.MLWorkspace(where) if asks and where is not None else None
    folder = Path(known.to)
    place = locate(str(folder.absolute()), {})
    check_in_no_output("--to", place, {})
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabelBeamError(f"--to: {folder}: cannot be written: {error.strerror}; name another directory") from None
    for name, document in documents.items():
        put(place.below(name), yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10_000).encode())
    say(f"wrote {', '.join(documents)} of the build {manifest.build} into {folder}")
    if service is not None:
        _make(service, folder, documents, known.submit)
    left = [] if known.submit else ["job.yaml"] if known.register else list(documents)
    _show(folder, left, where.flags if where is not None else [])
    return 0


def _workspace(known: argparse.Namespace, manifest: Manifest) -> WorkspaceName | None:
    """The workspace that options name, or the image URLs where these do not; None where neither does, or URLs name several."""
    from labelbeam.transforms.builds.azure_paths import WorkspaceName, workspaces_named

    of_images = workspaces_named(manifest)
    parts = of_images[0] if len(of_images) == 1 else ("", "", "")
    given = [known.subscription, known.resource_group, known.workspace]
    chosen = [option or part for option, part in zip(given, parts, strict=True)]
    if not any(given) and len(of_images) != 1:
        return None
    if missing := [name for name, part in zip(_WORKSPACE, chosen, strict=True) if not part]:
        raise UsageError(
            f"missing: {', '.join(f'--{name}' for name in missing)}: image URLs do not name one workspace either"
        )
    found = WorkspaceName(*chosen)
    for other in of_images:
        if "/".join(other).lower() != "/".join(found).lower():
            LOG.warning(
                "warning: images lie in workspace %s of the resource group %s, and the job is for %s of %s: see that it may read them",
                *(other.workspace, other.group, found.workspace, found.group),
            )
    return found


def _make(service: MLWorkspace, folder: Path, documents: dict[str, dict[str, Any]], submit: bool) -> None:
    """Make the assets, and the job where it is asked for, and tell of each whether it was there already."""
    for name, document in documents.items():
        if name != "job.yaml":
            new = service.register(folder / name, document)
            done = "registered" if new else "is registered already:"
            say(f"{done} {document['name']}:{document['version']}")
    if submit:
        job = service.submit(folder / "job.yaml", documents["job.yaml"]["name"])
        if job.new:
            say(f"submitted {job.name}")
        else:
            say(
                f"was submitted before: {job.name}, whose status is {job.status}; to train once more on the same build with the same "
                "options, give the job a --job-name"
            )
        if job.url:
            say(f"  {job.url}")


def _check(manifest: Manifest, model: str | None, accepted: list[str]) -> None:
    """Refuse a build that a job, of this model if it is one, cannot read or will learn little from.

    Raises:
        LabelBeamError: no job can read it, or there is nothing to train on.
        DoubtedError: something stands that --accept does not name.
        UsageError: --accept names no code.
    """
    from labelbeam.schemas.doubts import Doubted
    from labelbeam.transforms.builds.preflight import preflight

    check_accepted(accepted)
    found = preflight(manifest, model)
    for doubt in found:
        if doubt.code in (Doubted.IMAGE_URL_NOT_READ, Doubted.NO_TRAIN_SPLIT):
            raise LabelBeamError(f"build {manifest.build}: {doubt.message}; nothing was written")
    left = [doubt for doubt in found if doubt.code not in accepted]
    if left:
        codes = " ".join(f"--accept {code}" for code in dict.fromkeys(doubt.code for doubt in left))
        lines = "\n".join(f"  {doubt.code}: {doubt.message}" for doubt in left)
        raise DoubtedError(
            f"build {manifest.build}: nothing was written; fix the problems below, or accept them with {codes}\n{lines}"
        )
    for doubt in found:
        LOG.warning("warning: %s", doubt.message)


def _asset_path(manifest: Manifest, place: str, datastore: str | None) -> str:
    """The path of a data asset at a directory, with the datastore that `--datastore` names where its URL does not say the account.

    Raises:
        LabelBeamError: Azure ML does not read that store.
        UsageError: the datastore is not named, or by no name of one.
    """
    from labelbeam.transforms.builds.azure_paths import PLACEHOLDER, asset_path
    from labelbeam.transforms.images.urls import prefix_in_datastore

    path = asset_path(manifest, place)
    if PLACEHOLDER not in path:
        return path
    scheme = place.partition("://")[0]
    if scheme not in ("az", "abfs", "abfss"):
        raise LabelBeamError(
            f"OUTPUT: {place} lies in a store that Azure ML does not read; copy it to a container of Azure, and name that"
        )
    if datastore is None:
        raise UsageError(
            f"{place} does not name its account; say which datastore its container is with --datastore NAME"
        )
    if "://" in datastore:
        return prefix_in_datastore(datastore, place).rstrip("/")
    if not re.fullmatch(r"\w+", datastore, re.ASCII):
        raise UsageError(
            f"--datastore: found {datastore!r}, expected the name of a datastore, or azureml://subscriptions/…/datastores/NAME"
        )
    return path.replace(PLACEHOLDER, datastore)


def _show(folder: Path, names: list[str], where: list[str]) -> None:
    if names:
        say("next:")
    for name in names:
        kind = "job" if name == "job.yaml" else "data"
        words = ["az", "ml", kind, "create", "--file", str(folder / name), *where]
        say(f"  {shlex.join(words)}")


COMMAND = Command(
    "job",
    "write the data assets and AutoML job of a published build as YAML for az ml, or submit them",
    "OUTPUT [options]",
    _add_arguments,
    _run,
)
