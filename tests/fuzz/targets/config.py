"""Files of options."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from targets.target import Target, writable

from labelbeam.pipelines.command_line.config_file import read_config
from labelbeam.pipelines.command_line.options import FIELDS, make_config, storage_options
from labelbeam.schemas.errors import UsageError

CONFIGS = (
    b"task: image_object_detection\nsource: a.json\noutput: out\n",
    b"task: image_classification\nsource: [a, b]\noutput: out\nsplit: {train: 0.8, val: 0.2}\nshards: 4\nrunner: DirectRunner\n",
    b'{"task": "image_classification", "source": ["x"], "output": "y", "max_rejected": 0.1, "if_changed": true}',
    b'{"task": "imaeg_\\ud800", "source": ["x"], "output": "y"}',  # Of which no message could be made.
    b"task: image_instance_segmentation\nsource: >\n  a\noutput: 'b'\nstorage_options: '{\"s3\": {\"anon\": true}}'\ndirect_num_workers: 2\n",
    b"# a comment\n---\ntask: !!str image_classification\nsource: a\noutput: b\nvoc_origin: 0\nsplit: train=0.5,test=0.5\n...\n",
)
CONFIG_TOKENS = (
    *(b": ", b"- ", b"\n", b"&a ", b"*a", b"<<: ", b"!!python/object:os.system ", b"!!binary ", b"!!set ", b"!!timestamp ", b"? "),
    *(b"2001-01-01", b"2001-99-99", b"1e999", b".nan", b".inf", b"0x", b"0b", b"1_0", b"190:20:30", b"~", b"|\n ", b"%YAML 1.1\n---\n"),
    *(b"{", b"}", b"[", b"]", b"'", b'"', b"\\x00", b"\\ud800", b"\xff", b"\t", b"--- ", b"task", b"shards", b"split", b"[" * 300, b"=="),
    *(b"storage_options", b"max_polygon_points", b"label_separator", b"!!int ", b"!!float ", b"!!bool ", b"!!null "),
)  # fmt: skip

_CONFIG = Path(tempfile.gettempdir(), f"labelbeam-fuzz-{os.getpid()}.yaml")


def read_yaml_config(data: bytes) -> None:
    """A config is read into options of the types that they have, or refused."""
    _CONFIG.write_bytes(data)
    try:
        config = make_config({}, read_config(str(_CONFIG), FIELDS))
        if not str(config.storage_options).startswith("@"):
            storage_options(config.storage_options)
    except UsageError as error:
        writable(str(error))
    finally:
        _CONFIG.unlink()


TARGETS = {
    "config": Target(read_yaml_config, CONFIGS, CONFIG_TOKENS, ("/pipelines/", "/schemas/")),
}
