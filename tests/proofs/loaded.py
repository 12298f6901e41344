"""What a process loads once before runs are forked from it: all that a build loads, so that a run's time is that of its work."""
# ruff: noqa: F401

import adlfs
import apache_beam.typehints.opcodes
import jinja2
import s3fs
from PIL import Image

import labelbeam.pipelines.cli
import labelbeam.pipelines.runners.clusters
import labelbeam.pipelines.runs.convert
import labelbeam.pipelines.runs.graph
import labelbeam.pipelines.runs.summary
import labelbeam.transforms.images.thumbnails
import labelbeam.transforms.report.page
import labelbeam.transforms.report.write
import labelbeam.transforms.stores.remote.gcs
import labelbeam.transforms.verify.check
from tests.beam_memory import remember

Image.init()
remember()
labelbeam.transforms.report.page._template()
