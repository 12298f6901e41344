"""Packaging of LabelBeam; tools are configured in pyproject.toml. Dataflow takes this file as its --setup_file."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'VERSION = "(.+)"', (HERE / "pipelines/version.py").read_text(encoding="utf-8"))[1]

ROOMS = ("pipelines", "schemas", "transforms")

# Each store that is not a local disk needs a package of its own; the tests need all of them.
STORES = {
    "azure": ["adlfs>=2025.8,<2027"],
    "gcs": ["gcsfs>=2025.9,<2027"],
    "http": ["aiohttp>=3.12,<4"],
    "s3": ["s3fs>=2025.9,<2027"],
}

# What reads HEIC, and what compares how images look.
IMAGES = {
    "heif": ["pillow-heif>=1.2,<2"],
    "near": ["imagehash>=4.3.2,<5"],
}

TOKENS = ["azure-identity>=1.23,<2"]

setup(
    name="labelbeam",
    version=VERSION,
    description="COCO, Pascal VOC and image folders to training-ready JSON Lines, MLTable and Parquet, on Apache Beam",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="LabelBeam authors",
    license_expression="MIT",
    license_files=["LICENSE"],
    keywords=["COCO", "Pascal VOC", "AutoML for Images", "JSON Lines", "MLTable", "Apache Beam"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
    python_requires=">=3.11,<3.15",
    # One name in an environment: the rooms stand at the top of the repository and are installed below `labelbeam`.
    packages=["labelbeam", *(f"labelbeam.{name}" for name in find_packages(include=[f"{room}*" for room in ROOMS]))],
    package_dir={"labelbeam": "labelbeam", **{f"labelbeam.{room}": room for room in ROOMS}},
    package_data={"labelbeam": ["py.typed"], "labelbeam.transforms.report": ["page.*"]},
    # Below: requirements/lowest.txt, with which scripts/test-beams runs what depends on Beam. Above: Beam's own bound, or the
    # next version that may break something by the package's own rules. CI installs requirements/constraints.txt.
    install_requires=[
        "apache-beam>=2.65,<2.78",
        "fsspec>=2025.9,<2027",
        "jinja2>=3.1.2,<4",
        "lxml>=6,<7",
        "markupsafe>=2.1.1,<4",
        "msgspec>=0.20,<1",
        "numpy>=2.1,<2.5",
        "pillow>=12.1.1,<13",
        "pyarrow>=16.1,<26",
        "pycocotools>=2.0.10,<3",
        "pyyaml>=6,<7",
        "rich>=14,<16",
        "urllib3>=2.6,<3",
    ],
    extras_require={
        **STORES,
        # Tokens for endpoints that take no keys.
        "entra": TOKENS,
        # Makes data assets and jobs in a workspace.
        "azureml": ["azure-ai-ml>=1.35,<2", *TOKENS],
        # Evaluates boxes and masks faster than pycocotools.
        "faster": ["faster-coco-eval>=1.8,<2"],
        **IMAGES,
        # Submits to Dataflow; its workers read and write gs:// as all others do.
        "dataflow": ["apache-beam[gcp]>=2.65,<2.78", *STORES["gcs"]],
        "dev": [
            *(package for packages in (*STORES.values(), *IMAGES.values()) for package in packages),
            *TOKENS,
            "build>=1.3,<2",
            "duckdb>=1.4,<3",
            # What moto's server is made with; its own extra brings the emulators of a hundred other services.
            "flask>=3.1,<4",
            "flask-cors>=6,<7",
            "gcp-storage-emulator>=2026.7,<2027",
            "hypothesis>=6.140,<7",
            "jsonschema>=4.25,<5",
            "lxml-stubs>=0.5,<0.6",
            "moto[s3]>=5.2,<6",
            "mypy>=2,<3",
            "pandas>=2.2,<4",
            # Drives a Chromium that is there already, to look at reports.
            "playwright>=1.55,<2",
            "pytest>=9,<10",
            "pytest-timeout>=2.4,<3",
            "pytest-xdist>=3.8,<4",
            "rangehttpserver>=1.4,<2",
            "ruff>=0.17,<0.18",
            # What the figures of classification are compared with.
            "scikit-learn>=1.7,<2",
            # What pyproject.toml builds with: a test builds a wheel without asking an index.
            "setuptools>=77,<90",
            "types-PyYAML>=6,<7",
        ],
    },
    entry_points={"console_scripts": ["labelbeam = labelbeam.pipelines.cli:main"]},
)
