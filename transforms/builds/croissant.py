"""Croissant's description of records, as JSON-LD: of those of a build, and of those that are exported.

The format: https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from labelbeam.schemas.manifest import Manifest
from labelbeam.transforms.messages.words import encode_json


class Field(NamedTuple):
    """A field of the records: its name, its type in Croissant, what it is, and whether it is a list.

    `column` is the column that holds it, by default the one of its name, and `key` what of that column's objects is meant. `parts` are the
    fields of an object, in place of a type.
    """

    name: str
    kind: str
    text: str
    repeated: bool = False
    column: str = ""
    key: str = ""
    parts: tuple[Field, ...] = ()


_IMAGE = (
    Field("image_url", "sc:Text", "URL of the image"),
    Field("split", "sc:Text", "train, validation, test, or another split of the build"),
    Field("format", "sc:Text", "format of the image, such as jpg", column="image_details", key="format"),
    Field("width", "sc:Integer", "width of the image in pixels", column="image_details", key="width"),
    Field("height", "sc:Integer", "height of the image in pixels", column="image_details", key="height"),
)
_NAME = Field("label", "sc:Text", "the label of the object", column="label", key="label")
_CROWD = Field("isCrowd", "sc:Integer", "whether the object is a crowd: 1, or 0", column="label", key="isCrowd")
_SIDES = tuple(
    Field(
        name,
        "sc:Float",
        f"{side} side of the box, as a fraction of the image from its {origin}",
        column="label",
        key=name,
    )
    for name, side, origin in (
        ("topX", "left", "left"),
        ("topY", "upper", "top"),
        ("bottomX", "right", "left"),
        ("bottomY", "lower", "top"),
    )
)
_OUTLINE = Field(
    "polygon",
    "sc:Float",
    "outline of the object: a list of rings of x1, y1, x2, y2, …, as fractions of the image, which combine by XOR",
    column="label",
    key="polygon",
)
_LABELS = {
    "image_classification": Field("label", "sc:Text", "the label of the image"),
    "image_classification_multilabel": Field("label", "sc:Text", "the labels of the image", True),
    "image_object_detection": Field("label", "", "the boxes of the image", True, parts=(_NAME, *_SIDES, _CROWD)),
    "image_instance_segmentation": Field(
        "label", "", "the outlined objects of the image", True, parts=(_NAME, _CROWD, _OUTLINE)
    ),
}

_TERMS = (
    *("citeAs", "column", "conformsTo", "dataBiases", "dataCollection", "extract", "field", "fileProperty"),
    *("fileObject", "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path"),
    *("personalSensitiveInformation", "recordSet", "references", "regex", "repeated", "replace", "separator"),
    *("source", "subField", "transform"),
)
"""Terms of Croissant 1.0, which its documents have in one context, whichever of them they use."""

_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{term: f"cr:{term}" for term in _TERMS},
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "sc": "https://schema.org/",
}


def description_of_build(manifest: Manifest) -> bytes:
    """The `croissant.json` of a build, which describes its Parquet files: the records of all splits, typed.

    It follows from the build's name, task and version alone, so that a run that resumes a build writes the same.
    """
    files = {
        "@type": "cr:FileSet",
        "@id": "records",
        "name": "records",
        "description": "the records as Parquet, a row for each image",
        "encodingFormat": "application/x-parquet",
        "includes": "parquet/*.parquet",
    }
    return describe(manifest, files, (*_IMAGE, _LABELS[manifest.task]))


def describe(manifest: Manifest, files: dict[str, Any], fields: tuple[Field, ...]) -> bytes:
    """A description of records with `fields`, which lie in `files`: a FileObject or a FileSet."""
    kind = "fileSet" if files["@type"] == "cr:FileSet" else "fileObject"
    records = {
        "@type": "cr:RecordSet",
        "@id": "images",
        "name": "images",
        "description": "the images",
        "field": [_field(field, "images", {kind: {"@id": files["@id"]}}) for field in fields],
    }
    day = manifest.build
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"build-{manifest.build}",
        "description": f"{manifest.task}, build {manifest.build}, written by labelbeam {manifest.labelbeam_version}.",
        "datePublished": f"{day[:4]}-{day[4:6]}-{day[6:8]}",
        "version": "1.0.0",
        "distribution": [files],
        "recordSet": [records],
    }
    return msgspec.json.format(encode_json(document)) + b"\n"


def _field(field: Field, above: str, place: dict[str, Any]) -> dict[str, Any]:
    name = f"{above}/{field.name}"
    said: dict[str, Any] = {"@type": "cr:Field", "@id": name, "name": name.removeprefix("images/")}
    said |= {"description": field.text} | ({"repeated": True} if field.repeated else {})
    if field.parts:
        return said | {"subField": [_field(part, name, place) for part in field.parts]}
    source = place | {"extract": {"column": field.column or field.name}}
    if field.key:
        source |= {"transform": {"jsonPath": field.key}}
    return said | {"dataType": field.kind, "source": source}
