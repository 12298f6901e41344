"""What a process loads and works out once before runs are forked from it, so that a run's time is that of its work."""
# ruff: noqa: F401

import gc
import tempfile
from functools import cache
from pathlib import Path

import adlfs
import apache_beam.typehints.intrinsic_one_ops
import apache_beam.typehints.opcodes
import botocore.loaders
import botocore.session
import gcsfs.extended_gcsfs
import jinja2
import s3fs
from PIL import Image

import labelbeam.pipelines.cli
import labelbeam.pipelines.runners.clusters
import labelbeam.pipelines.runs.convert
import labelbeam.pipelines.runs.summary
import labelbeam.transforms.export.export
import labelbeam.transforms.images.thumbnails
import labelbeam.transforms.report.page
import labelbeam.transforms.report.write
import labelbeam.transforms.stores.remote.gcs
import labelbeam.transforms.stores.remote.s3
import labelbeam.transforms.verify.check
from labelbeam.pipelines.runners.run import new_pipeline
from labelbeam.pipelines.runs.graph import build_graph
from labelbeam.schemas.config import ConvertConfig
from labelbeam.transforms.builds.resume import Target
from labelbeam.transforms.plan.make_plan import make_plan
from tests.beam_memory import remember
from tests.proofs.beside import Elsewhere
from tests.proofs.datasets import make_nights
from tests.proofs.mortal import Mortal
from tests.proofs.rooms import Disk
from tests.proofs.runs import start


def describe(folder: Path) -> None:
    """Plan a build of `folder` and describe it to Beam, which remembers what it worked out, and run nothing: no thread survives a fork."""
    source = str(make_nights(folder, 1, seed=1).versions[0])
    config = ConvertConfig(task="image_object_detection", source=[source], output=str(folder), image_url="https://h/c/")
    plan = make_plan(config, {})
    pipeline = new_pipeline([])
    target = Target(str(folder / "build"), str(folder / "unfinished"), "", False)
    build_graph(pipeline, config, {}, plan, target, str(folder / "report.json"), plan.units, local=True)
    pipeline.to_runner_api()


remember()
# The description of S3's requests: a megabyte of JSON, which each client would read anew.
_load = cache(botocore.loaders.JSONFileLoader().load_file)
botocore.loaders.JSONFileLoader.load_file = lambda _, path: _load(path)
botocore.session.get_session().create_client("s3", "us-east-1", aws_access_key_id="-", aws_secret_access_key="-")
Image.init()
labelbeam.transforms.report.page._template()
with tempfile.TemporaryDirectory() as made:
    describe(Path(made))
gc.collect()
gc.freeze()  # A run's own collections leave the pages of all this as they are, shared.
