"""What a process loads once before runs are forked from it: all that a build loads, so that a run's time is that of its work."""
# ruff: noqa: F401

import adlfs
import apache_beam.typehints.opcodes
import jinja2
import s3fs
from PIL import Image

import pipelines.cli
import pipelines.convert
import pipelines.endpoints
import pipelines.graph
import pipelines.report
import pipelines.summary
import pipelines.verify
import transforms.report.page
import transforms.thumbnails
from tests.beam_memory import remember

Image.init()
remember()
transforms.report.page._template()
