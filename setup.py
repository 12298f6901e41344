"""Packaging of LabelBeam; tools are configured in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'VERSION = "(.+)"', (HERE / "pipelines/version.py").read_text(encoding="utf-8"))[1]

setup(
    name="labelbeam",
    version=VERSION,
    description="COCO, Pascal VOC and image folders to training-ready JSON Lines, MLTable and Parquet, on Apache Beam",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["pipelines*", "schemas*", "transforms*"]),
    package_data={name: ["py.typed"] for name in ("pipelines", "schemas", "transforms")},
    # Lower bounds are what the tests run with; upper bounds are Beam's own, or the next major version.
    install_requires=[
        "apache-beam>=2.77,<2.78",
        "fsspec>=2025.9",
        "lxml>=6,<7",
        "msgspec>=0.20,<1",
        "numpy>=2,<2.5",
        "pillow>=12,<13",
        "pyarrow>=22,<26",
        "pycocotools>=2.0.10,<3",
        "pyyaml>=6,<7",
        "rich>=14,<16",
    ],
    extras_require={
        "azure": ["adlfs>=2025.8"],
        "s3": ["s3fs>=2025.9"],
        "gcs": ["gcsfs>=2025.9"],
        "dev": [
            "duckdb>=1.4,<3",
            "hypothesis>=6.140,<7",
            "jsonschema>=4.25,<5",
            "lxml-stubs>=0.5",
            "mypy>=2,<3",
            "pandas>=2.2,<4",
            "pytest>=9,<10",
            "ruff>=0.17,<0.18",
            "types-PyYAML>=6",
        ],
    },
    entry_points={"console_scripts": ["labelbeam = pipelines.cli:main"]},
)
