"""What fuzzing starts from: small files of each kind, and the pieces that their parsers look for."""

from __future__ import annotations

import base64
import io
import json
import struct
import tarfile
import zipfile
import zlib
from typing import Any

from PIL import Image

from labelbeam.transforms.geometry.rle import counts_to_string

_COCO = (
    {
        "info": {"description": 'a "quoted" \\ text'},
        "images": [{"id": 1, "file_name": "a/b.jpg", "width": 6, "height": 4}, {"id": "2", "file_name": "ü.png"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 0, "bbox": [0, 1, 2.5, 3], "iscrowd": 0, "segmentation": [[0, 0, 5, 0, 5, 3]]},
            {"id": 2, "image_id": "2", "category_id": 0, "bbox": [0, 0, 1, 1], "segmentation": {"size": [4, 6], "counts": [3, 21]}},
            {"id": 3, "image_id": 1, "category_id": 5, "segmentation": {"size": [4, 6], "counts": "3e0"}, "iscrowd": 1},
        ],
        "categories": [{"id": 0, "name": "cat"}, {"id": 5, "name": "dog", "supercategory": "pet"}],
    },
    {"categories": [], "annotations": [{"image_id": 7, "category_id": 1}] * 9, "images": [{"id": 7, "file_name": "x"}] * 5},
)  # fmt: skip
COCO = tuple(
    json.dumps(document, indent=indent, separators=separators).encode()
    for document in _COCO
    for indent, separators in ((None, (",", ":")), (1, (" ,", " : ")))
)
COCO_RANGES = tuple(
    json.dumps(members)[1:-1].encode()
    for document in _COCO
    for members in document.values()
    if isinstance(members, list)
)
COCO_TOKENS = (
    *(b"},{", b'},{"image_id":1', b"}, {", b"]", b"[", b"{", b"}", b'"', b"\\", b'\\"', b",", b":", b'"images":[', b"null"),
    *(b'],"annotations":[', b'"bbox":', b'"segmentation":', b'"size":', b'"counts":', b'"width":', b"NaN", b"\xef\xbb\xbf"),
    *(b"\\ud800", b"\xed\xa0\x80", b"\xff", b"\0", b"\n", b'"id":', b'"name":', b'"file_name":', b'"../x"', b"[" * 2000),
    *(b'"https://a/b.jpg"', b'"C:\\\\a"', b'"iscrowd":'),
)  # fmt: skip


RLE = (
    b"[[4, 6], [3, 5, 16], 6, 4]",
    b'[[4, 6], "35", 6, 4]',
    b'[[2.0, 3], [0, 1.0, 0, 2, 3], 3, 2]',
    b"0X1",
    b"o" * 6 + b"?0",
    counts_to_string([3, 30, 2, 4, 0, 1]).encode(),
)  # fmt: skip
RLE_TOKENS = (b"o", b"?", b"P", b"0", b"[", b"]", b", ", b"1.0", b"4294967295", b"-", b"1e300", b'"', b"NaN", b"18446744073709551616")  # fmt: skip


_XML = """<annotation><folder>a</folder><filename>ä &amp; b.jpg</filename><size><width>6</width><height>4</height></size>
<object><name>cat</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>1.5</ymin>
<xmax>6</xmax><ymax>4</ymax></bndbox><part><name>head</name><bndbox><xmin>2</xmin></bndbox></part></object></annotation>"""
XML = (
    _XML.encode(),
    b"\xef\xbb\xbf" + _XML.encode(),
    _XML.encode("utf-16"),
    ('<?xml version="1.0" encoding="gbk"?>' + _XML.replace("ä", "猫")).encode("gbk"),
    ('<?xml version="1.0" encoding="iso-8859-1"?>' + _XML).encode("latin-1"),
    _XML.replace("&amp;", "&").encode(),
    b"<annotation><!-- & --><![CDATA[ & ]]><?a & ?><object/></annotation>",
)
XML_TOKENS = (
    *(b"<!DOCTYPE a>", b"<!ENTITY", b"<object>", b"</object>", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<?", b"?>", b"&", b"&#0;"),
    *(b"&#xD800;", b"&lt;", b"<bndbox>", b"<size>", b"1e999", b"nan", b"\0", b"\x01", b"<a" * 300, b"<a>" * 300, b"xmlns=''"),
    *(b'encoding="utf-7"', b'encoding="rot13"', b'encoding="utf-16"', b'encoding="idna"', b'encoding="cp1252"', b"\xff\xfe", b"1_0"),
    *(b"<!D\0OCTYPE", b"\xfe\xff", b"\xc0\xbc", b"<a:b>", b"xmlns:a='b'", b"\r", b"<name>"),
)  # fmt: skip


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _saved(image: Image.Image, format_name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


_INDICES = Image.frombytes("P", (6, 4), bytes([0, 1, 1, 255, 2, 2] * 4))
_INDICES.putpalette([channel for index in range(256) for channel in (index, 0, 255 - index)])
MASKS = (
    _saved(_INDICES, "PNG"),
    _saved(_INDICES, "PNG", bits=4, transparency=0),
    _saved(_INDICES.convert("L"), "PNG"),
    _saved(_INDICES.convert("RGB"), "PNG"),
    _saved(Image.new("1", (6, 4), 1), "PNG"),
)
PNG_TOKENS = (
    *(b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT", b"iCCP", b"eXIf", b"zTXt", b"iTXt", b"gAMA", b"IHDR"),
    *(b"\0\0\0\6\0\0\0\4", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\1\0\0", b"\x08\3", b"\x10\0", b"\1\3", b"\x08\0"),
    *(png_chunk(b"tRNS", b"\0\1"), png_chunk(b"acTL", b"\0\0\0\2\0\0\0\0"), png_chunk(b"IDAT", b""), png_chunk(b"IEND", b"")),
    png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(100_000))),
)  # fmt: skip


YOLO_LABELS = (
    b"0 0.5 0.5 0.25 0.1\n1 .1 .2 3e-1 0.4 0.9\r\n\r\n2 0.1 0.1 0.5 0.1 0.5 0.6\n",
    b"\xef\xbb\xbf0,0.5,0.5,0.25,0.1\n0 0,5 0,5 0,2 0,1\n0;0.5;0.5;0.2;0.1;\n",
    "0 0.1 0.2 0.5 0.1 0.6 0.5 0.2 0.6\n0.0\t0.5\t0.5\t1\t1\n".encode("utf-16"),
    b"cat 0.5 0.5 0.1 0.1\n-1 0 0 0 0\n0 nan 1 1 1\n0\n0 0.5 0.5 0.1 0.1\n0 0.50 0.5 0.1 0.1\n",
)
YOLO_DATA = (
    b"path: ../datasets/x\ntrain: ../train/images\nval: [valid/images, b.txt]\ntest:\nnc: 2\nnames: ['cat', no]\n",
    b"# a\nnames:\n  0: cat\n  1: dog\n  1: cow\nkpt_shape: [17, 3]\ndownload: |\n  rm -rf /\n",
    b'{"names": {"0": "a"}, "train": "/abs", "x": &a [1], "y": *a}',
    b"classes = 2\ntrain = data/train.txt\nvalid= ../../x\nnames = data/obj.names\nbackup = backup/\n",
    b"cat\r\n\r\ndog \n",
)
YOLO_TOKENS = (
    *(b" ", b"\t", b"\n", b"\r", b",", b";", b".", b"_", b"0", b"-1", b"1e999", b"nan", b"inf", b"\xff", b"\xff\xfe", b"\0"),
    *(b"names:", b"train:", b"path:", b"nc:", b"- ", b"[", b"]", b"{", b"}", b"&a ", b"*a", b"!!python/name:os.system ", b"<<: *a"),
    *(b"[" * 2000, b"..", b"/", b"C:\\", b"names = ", b"\xd9\xa1", b"---\n", b"? ", b": ", b"|", b"%YAML 1.2\n", b"'", b'"'),
)  # fmt: skip


TABLES = (
    b"filename,label\na.jpg,cat dog\nb.PNG,dog\n",
    b'image;labels;split\r\n"a.jpg";"cat;dog";train\r\n"c ""d"".jpg";;val\r\n',
    b"file_name\tcat\tdog\tbird\na.jpg\t1\t0\t\nb.PNG\t0\ttrue\tx\n",
    "\ufefffile,label\na.jpg,['猫', 'b c']\n".encode(),
    "filename,labels\na.jpg,x|y\n".encode("utf-16"),
    b'{"file_name": "a.jpg", "label": ["a", 1, null]}\n{"file_name": "b.PNG", "label": 3, "split": "dev"}\n',
    b'{"file_name": "a.jpg", "labels": "x", "x": NaN}\n\nnot json\n{"file_name": "../a.jpg", "labels": {"a": 1}}',
)
TABLE_TOKENS = (
    *(b",", b";", b"\t", b"\n", b"\r", b'"', b'""', b"'", b"[", b"]", b"|", b" ", b"\0", b"\xff", b"\xff\xfe", b"0", b"1", b"true"),
    *(b"filename", b"label", b"split", b"train", b"{", b"}", b'"file_name":', b'"label":', b"\\ud800", b"\\u0000", b"[" * 2000),
    *(b"https://a/b.jpg", b"../", b"C:\\", b"\xe2\x80\xa8", b"\x85", b"\x1c", b'["a", "b"]', b"a.jpg", b"../a.jpg"),
)  # fmt: skip


_SHAPES = [
    {"label": "cat", "points": [[1, 2], [9, 3.5], [4, 8]], "group_id": 1, "shape_type": "polygon", "flags": {}},
    {"label": " dog ", "points": [[1, 2], [9, 8]], "shape_type": "rectangle", "group_id": None},
    {"label": 7, "points": [[5, 5], [5, 9]], "shape_type": "circle", "group_id": 1},
    {"label": "m", "points": [[1, 1], [6, 4]], "shape_type": "mask", "mask": base64.b64encode(MASKS[2]).decode()},
    {"label": "p", "points": [[1, 1]], "shape_type": "point"},
]
_LABELME = {"version": "5.0", "flags": {"day": True, "wet": False}, "shapes": _SHAPES, "imagePath": "..\\b\\1.jpg"}
LABELME = (
    json.dumps(_LABELME | {"imageData": None, "imageHeight": 10, "imageWidth": 12}).encode(),
    json.dumps({"shapes": _SHAPES[:1] * 3, "imagePath": "/home/a/2.png", "imageWidth": None}).encode(),
    b'{"shapes": [{"label": "a", "points": [[NaN, 1e999]]}], "imagePath": "../../1.jpg", "imageWidth": -1}',
)
TOOL_TOKENS = (
    *(b'"shapes"', b'"points"', b'"label"', b'"shape_type"', b'"circle"', b'"mask"', b'"group_id"', b"null", b"true", b"[[", b"]]"),
    *(b"NaN", b"1e999", b"1e308", b"-1e308", b"9" * 400, b'"\\ud800"', b'"../"', b'"C:\\\\a"', b'"\\u0000"', b"[" * 2000, b"{", b"}", b","),
    *(b"\xef\xbb\xbf", b"\xff", b'"https://a/b.jpg"', b'""', b"\n", b'"flags"', b'"imagePath"', b'"imageWidth"'),
)  # fmt: skip


_REGIONS = [
    {
        "shape_attributes": {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4},
        "region_attributes": {"class": "cat"},
    },
    {
        "shape_attributes": {"name": "circle", "cx": 5, "cy": 5, "r": 3.5},
        "region_attributes": {"class": {"a": True, "b": False}},
    },
    {
        "shape_attributes": {"name": "ellipse", "cx": 5, "cy": 5, "rx": 3, "ry": 1, "theta": 0.5},
        "region_attributes": {"class": 3},
    },
    {
        "shape_attributes": {"name": "polygon", "all_points_x": [1, 5, 3], "all_points_y": [1, 1, 6]},
        "region_attributes": {"class": "b", "x": ""},
    },
    {"shape_attributes": {"name": "point", "cx": 1, "cy": 1}, "region_attributes": {}},
]
_VIA = {"1.jpg9": {"filename": "1.jpg", "size": 9, "regions": _REGIONS, "file_attributes": {"caption": "", "day": "1"}}}
VIA = (
    json.dumps(
        {"_via_settings": {"core": {"default_filepath": "./b/"}}, "_via_img_metadata": _VIA, "_via_attributes": {}}
    ).encode(),
    json.dumps({"1.jpg": {"filename": "1.jpg", "regions": dict(enumerate(_REGIONS)), "fileref": ""}, "x": 1}).encode(),
    b"filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
    b'1.jpg,9,"{}",2,0,"{""name"":""rect"",""x"":1,""y"":2,""width"":3,""height"":4}","{""class"":""cat""}"\n2.png,-1,"{}",0,0,"{}","{}"\n',
)
VIA_TOKENS = (
    *(b'"_via_img_metadata"', b'"regions"', b'"shape_attributes"', b'"region_attributes"', b'"file_attributes"', b'"filename"'),
    *(b'"name"', b'"rect"', b'"ellipse"', b'"all_points_x"', b'"theta"', b'""', b'"', b"filename", b"#filename", b"region_shape_attributes"),
)  # fmt: skip


_PLACED = {"regionId": "r", "tagName": "cat", "tagId": "t", "left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}
_TAGGED = {
    "id": "1",
    "width": 10,
    "height": 8,
    "tags": [{"tagId": "t", "tagName": "cat"}, {"tagId": "u"}],
    "regions": [_PLACED, {"tagId": "u"}],
}
CUSTOM_VISION = (
    json.dumps([_TAGGED | {"originalImageUri": "https://h/p/1.jpg?sig=x"}, {"id": "2", "regions": None}]).encode(),
    json.dumps(
        {"images": [_TAGGED | {"name": "b\\\\1.jpg", "tagIds": ["t"]}], "tags": [{"id": "t", "name": "dog"}]}
    ).encode(),
    json.dumps([[{"id": "1", "metadata": {"filename": "a/1.jpg"}, "tags": None, "tag_ids": ["t", 3]}], 7]).encode(),
)
CUSTOM_VISION_TOKENS = (
    *(b'"regions"', b'"tagName"', b'"tagId"', b'"tagIds"', b'"tags"', b'"left"', b'"width"', b'"name"', b'"id"', b'"images"'),
    *(b'"originalImageUri"', b'"metadata"', b"null", b"0.5", b"1e308"),
)  # fmt: skip


OPEN_IMAGES = (
    b"ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
    b"1,x,/m/1,1,0.1,0.2,0.3,0.4,0,0,1,0,0\n1,x,/m/2,1,0.1,0.2,0.3,0.4,0,0,-1,0,0\n2,x,dog,1,0,1,0,1,0,0,0,0,0\n3,x,a,1,9,9,9,9,0,0,0,0,0\n",
    b"ImageID,Source,LabelName,Confidence\r\n1,v,/m/1,1\r\n1,v,/m/1,0\r\n2,m,a,0.7\r\n",
    b'LabelName,DisplayName\n/m/1,cat\n/m/2,"a, b"\n',
)
OPEN_IMAGES_TOKENS = (
    *(b",", b"\n", b"\r\n", b'"', b"1,", b"2,", b"/m/1", b"/m/2", b"0", b"1", b"-1", b"nan", b"1e999", b"0.5", b"\xff", b"\0", b"../x", b"\n\n"),
    *(b"ImageID", b"LabelName", b"Confidence", b"XMin", b"IsGroupOf", b"\n1,x,/m/1,1,0.1,0.2,0.3,0.4,0,0,1,0,0"),
)  # fmt: skip


_CVAT = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><id>1</id></task></meta>
<image id="0" name="a/1.jpg" subset="Train" task_id="1" width="12" height="10"><box label="cat" occluded="0" xtl="1.00" ytl="2" xbr="5" ybr="6"
 rotation="30" z_order="0"><attribute name="x">1</attribute></box><polygon label="a" points="1,1;5,1;5,6" group_id="2"/><mask label="a"
 rle="1, 3, 2" left="1" top="2" width="3" height="2" group_id="2"/><tag label="day"/></image>
<image id="1" name="2.png"><ellipse label="e" cx="5" cy="5" rx="3" ry="1" rotation="10"/><points label="p" points="1,1" outside="1"/></image>
</annotations>"""
CVAT = (
    _CVAT.encode(),
    _CVAT.replace("</annotations>", "<!-- <image/> --><track id='0'/></annotations>").encode(),
    b"<annotations><image name='1.jpg'/><image name='../x'/></annotations>",
)
CVAT_TOKENS = (
    *XML_TOKENS,
    *(b"<image ", b"</image>", b'<box label="a" ', b'points="', b'rle="0,4"', b'name="', b'width="', b"1e300", b"nan", b";", b'subset="val"'),
    *(b'group_id="1"', b"<track/>", b'rotation="', b"999999999", b'outside="1"'),
)  # fmt: skip


def brush(alpha: list[int]) -> list[int]:
    """A mask as Label Studio's brush packs it: each value by itself, of red, green, blue and alpha."""
    values = [channel for value in alpha for channel in (0, 0, 0, value)]
    bits = f"{len(values):032b}" + "00111" + "0010" + "0011" + "0111" + "1111"
    bits += "".join("0" + "00" + "000" + f"{value:08b}" for value in values)
    bits += "0" * (-len(bits) % 8)
    return [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]


_SIZES = {"original_width": 3, "original_height": 2, "image_rotation": 0}
_RESULTS = [
    {"id": "a", "type": "rectanglelabels", "from_name": "label", "to_name": "image", **_SIZES}
    | {"value": {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 30, "rectanglelabels": ["cat"]}},
    {"id": "b", "type": "rectangle", **_SIZES, "value": {"x": 1, "y": 2, "width": 3, "height": 4}},
    {"id": "b", "type": "labels", **_SIZES, "value": {"labels": ["dog"]}},
    {"type": "polygonlabels", "value": {"points": [[1, 1], [50, 1], [30, 60]], "polygonlabels": ["a"]}},
    {
        "type": "ellipselabels",
        **_SIZES,
        "value": {"x": 50, "y": 50, "radiusX": 3, "radiusY": 1, "ellipselabels": ["e"]},
    },
    {
        "type": "brushlabels",
        **_SIZES,
        "value": {"format": "rle", "rle": brush([0, 255, 1, 0, 0, 9]), "brushlabels": ["a"]},
    },
    {"type": "keypointlabels", "value": {"x": 1, "y": 1, "width": 1, "keypointlabels": ["k"]}},
    {"type": "choices", "from_name": "kind", "value": {"choices": ["wet"], "taxonomy": [["a", "b"]]}},
    {"type": "relation", "from_id": "a", "to_id": "b"},
]
LABEL_STUDIO = (
    json.dumps(
        [
            {"id": 1, "data": {"image": "/data/upload/1/0a1b2c3d-1.jpg"}, "annotations": [{"result": _RESULTS}]},
            {"id": 2, "data": {"image": "s3://b/2.png"}, "annotations": [], "predictions": [{"result": _RESULTS[:1]}]},
            {"id": 3, "data": {"image": "x"}, "completions": [{"result": [], "was_cancelled": True}, {"result": None}]},
        ]
    ).encode(),
    json.dumps(
        [
            {
                "image": "/data/local-files/?d=a/1.jpg",
                "id": 1,
                "label": [{**_SIZES, **_RESULTS[0]["value"]}],
                "annotator": 1,
            },
            {
                "image": "2.png",
                "id": 2,
                "kind": "wet",
                "tags": {"choices": ["a", "b"]},
                "annotator": "x@y",
                "annotation_id": 3,
            },
        ]
    ).encode(),
    json.dumps({"id": 1, "result": _RESULTS[:2], "task": {"id": 4, "data": {"image": "https://h/1.jpg"}}}).encode(),
)
LABEL_STUDIO_TOKENS = (
    *(b'"data"', b'"annotations"', b'"result"', b'"value"', b'"rle"', b'"points"', b'"rotation"', b'"id"', b'"choices"', b'"taxonomy"'),
    *(b'"rectanglelabels"', b'"labels"', b'"original_width"', b'"annotator"', b'"was_cancelled"', b'"updated_at"', b'"task"', b"255", b"[0, 0"),
    *(b'"/tasks/1/resolve/?fileuri=czM6Ly9iLzEuanBn"', b'"image_rotation"', b'"predictions"'),
)  # fmt: skip


_LABELS = {"labels": [{"name": "cat", "parent": ""}, {"name": "dog"}]}
_ITEM = {
    "id": "1",
    "image": {"path": "1.jpg", "size": [4, 6]},
    "annotations": [
        {"id": 0, "type": "bbox", "label_id": 0, "group": 1, "bbox": [1, 2, 3, 4], "attributes": {"rotation": 30}},
        {"type": "polygon", "label_id": 0, "group": 1, "points": [1, 1, 5, 1, 5, 3]},
        {"type": "mask", "label_id": 1, "group": 0, "rle": {"size": [4, 6], "counts": counts_to_string([3, 5, 16])}},
        {"type": "ellipse", "label_id": 1, "points": [1, 1, 5, 3]},
        {"type": "label", "label_id": 7},
        {"type": "points", "label_id": 0, "points": [1, 1]},
        {"type": "caption", "caption": "x"},
    ],
}
DATUMARO = (
    json.dumps({"dm_format_version": "1.0", "infos": {}, "categories": {"label": _LABELS}, "items": [_ITEM]}).encode(),
    json.dumps(
        {"categories": {"label": {"labels": ["a"]}}, "items": [_ITEM | {"media": {"path": "../2.png"}}, 7, {}]}
    ).encode(),
)
DATUMARO_TOKENS = (
    *(b'"items"', b'"annotations"', b'"type"', b'"bbox"', b'"points"', b'"mask"', b'"rle"', b'"size"', b'"counts"', b'"label_id"', b'"group"'),
    *(b'"label"', b'"ellipse"', b'"categories"', b'"labels"', b'"path"', b'"image"', b'"id"', b'"rotation"'),
)  # fmt: skip


_FACE = {"file_name": "1.jpg", "width": 12, "height": 10}
_FACES = {"bbox": [[1, 2, 3, 4], [0, 0, 1, 1]], "category": [0, 1], "area": [12, 1], "iscrowd": [0, 1]}
HUGGING_FACE = (
    b"\n".join(
        json.dumps(row).encode()
        for row in (
            _FACE | {"objects": _FACES},
            _FACE
            | {
                "file_name": "../2.png",
                "objects": [{"bbox": [1, 2, 3, 4], "label": "a", "segmentation": [[1, 1, 5, 1, 5, 6]]}],
            },
            _FACE | {"objects": {"categories": ["a"], "segmentation": [{"size": [10, 12], "counts": [3, 117]}]}},
            _FACE | {"objects": None},
        )
    ),
    b'file_name,objects\n1.jpg,"{\'bbox\': [[1, 2, 3, 4]], \'category\': [\'a\']}"\n2.png,"{""bbox"": []}"\n',
    b"---\ndataset_info:\n  features:\n  - name: objects\n    sequence:\n    - name: category\n      dtype:\n        class_label:\n"
    b"          names:\n            '0': cat\n            '1': dog\n---\n",
)
HUGGING_FACE_TOKENS = (
    *(b'"objects"', b'"bbox"', b'"category"', b'"segmentation"', b'"counts"', b'"file_name"', b"\n", b"[[", b"]]", b"null", b"1e999", b"NaN"),
    *(b"- name: objects", b"class_label:", b"names:", b"'", b"(" * 300, b"[" * 2000, b"file_name,objects", b'""', b"0.5", b"-1", b"9" * 400),
)  # fmt: skip


_SIDES = {"topX": 0.1, "topY": 0.0, "bottomX": 1, "bottomY": 0.9}
_RINGS = [[0, 0, 1, 0, 1, 1, 0, 1], [0.2, 0.2, 0.8, 0.2, 0.5, 0.5]]
_RESULT = {"image_id": 1, "category_id": 2, "bbox": [0, 1, 2.5, 3], "score": 0.5}
JSON_LINES = (
    b'{"image_url": "AmlDatastore://d/a/1.jpg", "image_details": {"format": "jpg", "width": "499px", "height": 666}, "label": "can"}\n',
    b'{"image_url": "https://h/c/1.jpg", "image_width": 8.0, "image_height": 6, "label": ["can", 7], "label_confidence": [0.5, 1]}\n',
    b'{"image_url": "a/1.jpg", "label": [{"label": "can", "topX": 0.1, "topY": "0.2", "bottomX": 1.5, "bottomY": NaN, "isCrowd": "true"}]}\n[]',
    b'{"image_url": "https://h/c/%FF.png", "label": [{"label": "can", "isCrowd": true, "polygon": [[0.1, 0.1, 0.9, 0.1, 0.9, 0.9], [1]]}]}',
)
JSON_LINES_TOKENS = (
    *(
        b'"image_url"',
        b'"image_details"',
        b'"label"',
        b'"polygon"',
        b'"topX"',
        b'"isCrowd"',
        b'"width"',
        b"\n",
        b"{",
        b"}",
        b"[",
        b"]",
    ),
    *(
        b"NaN",
        b"1e999",
        b"null",
        b"true",
        b'""',
        b'"\\ud800"',
        b"99999999999999999999",
        b"-0.0",
        b"azureml://datastores/d/paths/",
        b"../",
    ),
)

PREDICTIONS = (
    *(
        (json.dumps(line) + "\n").encode() * 2
        for line in (
            {"image_url": "a.jpg", "boxes": [{"box": _SIDES, "label": "cat", "score": 0.5, "polygon": _RINGS}] * 2},
            {"image_url": "ü.jpg", "probs": [0.5, 1], "labels": ["cat", "dog"]},
            {"image_url": "a.jpg", "label": [_SIDES | {"label": "cat", "polygon": _RINGS}], "label_confidence": [0.5]},
        )
    ),
    json.dumps([_RESULT, _RESULT | {"segmentation": {"size": [4, 6], "counts": [3, 21]}}]).encode(),
    json.dumps([_RESULT | {"segmentation": [[0, 0, 5, 0, 5, 3]]}, _RESULT | {"segmentation": {"size": [4, 6], "counts": "3e0"}}]).encode(),
    b"image_url,label_confidence,label\na.jpg,0.5,cat\nb.jpg,0.25,dog\n",
    f'image_url,label_confidence,label\na.jpg,"[0.5]","{[_SIDES | {"label": "cat", "polygon": _RINGS}]}"\n'.encode(),
    b'\xef\xbb\xbf,image_url,label_confidence,label\r\n0,a.jpg,"[0.5, 1]","[\'cat\', ""dog""]"\r\n',
)  # fmt: skip
PREDICTION_TOKENS = (
    *(b"{", b"}", b"[", b"]", b",", b":", b"'", b'"', b'""', b"\n", b"\r", b"\\", b"\0", b"\xff", b"\\ud800", b"[" * 2000, b"-", b"1e300"),
    *(b"NaN", b"1e999", b"null", b"None", b"True", b'"image_id":', b'"boxes":', b'"probs":', b'"label_confidence":', b'"polygon":', b"[[]]"),
    *(b"9" * 20, b"2147483648", b"1048577", b'"counts":', b'"size":', b'"segmentation":', b'"bbox":', b"0.5", b"*", b"()", b"\\d", b"#"),
)  # fmt: skip


_PHOTO = Image.frombytes("RGB", (9, 7), bytes(range(189)))


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


IMAGES = (
    _saved(_PHOTO, "JPEG", exif=_exif(6)),
    _saved(_PHOTO, "JPEG", progressive=True),
    _saved(_PHOTO.convert("CMYK"), "JPEG"),
    _saved(_PHOTO, "PNG"),
    _saved(_PHOTO, "PNG", save_all=True, append_images=[_PHOTO.rotate(90)]),
    _saved(_PHOTO.convert("P"), "PNG", exif=_exif(3)),
    _saved(_PHOTO, "BMP"),
    _saved(_PHOTO.convert("P"), "BMP"),
    _saved(_PHOTO, "TIFF"),
    _saved(_PHOTO, "TIFF", compression="tiff_lzw", exif=_exif(8)),
    _saved(_PHOTO.convert("1"), "TIFF", compression="group4"),
    _saved(_PHOTO, "TIFF", compression="jpeg"),
    _saved(_PHOTO, "GIF"),
)
IMAGE_TOKENS = (
    *PNG_TOKENS,
    *(b"\xff\xd8\xff", b"\xff\xda", b"\xff\xc0", b"\xff\xc2", b"\xff\xe1", b"\xff\xe2", b"\xff\xd9", b"Exif\0\0", b"II*\0", b"MM\0*"),
    *(b"II+\0", b"BM", b"\x28\0\0\0", b"\1\0\0\0", b"\xff\xff\0\0", b"\0\0", b"MPF\0", b"ICC_PROFILE\0", b"\x12\1\3\0\1\0\0\0"),
)  # fmt: skip


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

_OBJECT = {
    "box": {"topX": 0.25, "topY": 0, "bottomX": 0.5, "bottomY": 1},
    "label": "cat",
    "score": 0.5,
    "polygon": [[0, 0, 1, 0, 1, 1]],
}
_LABELS = {
    "filename": "/tmp/t",
    "probs": [0.5, 1e-7],
    "labels": ["cat", "dog"],
    "visualizations": None,
    "attributions": None,
}
ANSWERS = (
    json.dumps([{"filename": "/tmp/t", "boxes": [_OBJECT, _OBJECT]}]).encode(),
    json.dumps(_LABELS).encode(),
    json.dumps(json.dumps([_LABELS])).encode(),
    repr([_LABELS]).replace("'", '"').encode(),
    json.dumps(
        {"input_data": {"columns": ["image"], "data": ["aGk=\n", json.dumps({"image_base64": "aGk="})]}}
    ).encode(),
)
ANSWER_TOKENS = (
    *(b"None", b"null", b"NaN", b"1e999", b"-0.0", b"1.5", b"[]", b"{}", b"[", b"]", b"{", b"}", b'"', b"\\", b'\\"', b","),
    *(b'"boxes":', b'"box":', b'"probs":', b'"labels":', b'"polygon":', b'"score":', b'"topX":', b"\xff", b"\0", b"[" * 2000),
    *(b'"image_base64":', b'"model_explainability":', b'"xai_parameters":{"xai_algorithm":"xrai"}', b"="),
)  # fmt: skip


_MEMBERS = {"a/1.jpg": b"one" * 40, "b.json": b"{}", "\u00fc.txt": bytes(5000)}


def _zipped(method: int, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.comment = comment
        for name, data in _MEMBERS.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _tarred(form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in {**_MEMBERS, "long/" * 40 + "x": b"x"}.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1
            archive.addfile(info, io.BytesIO(data))
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.LNKTYPE, "a/1.jpg"
        archive.addfile(info)
    return buffer.getvalue()[:-8192]  # Of the zeros at the end, two blocks are enough.


ARCHIVES = (
    _zipped(zipfile.ZIP_STORED),
    _zipped(zipfile.ZIP_DEFLATED, b"comment"),
    *(_tarred(form) for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)),
)
ARCHIVE_TOKENS = (
    *(b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x07\x08", b"\xff\xff\xff\xff", b"\x01\x00", b"\x00\x08"),
    *(b"../", b"/", b"C:\\", b"\0" * 512, b"ustar\x0000", b"ustar  \0", b"30 path=a\n", b"11 size=-1\n", b"0000000", b"\x80" + b"\xff" * 11),
    *(b"S", b"x", b"g", b"L", b"K", b"1", b"5", b"22 GNU.sparse.map=1,2\n", b"GNU.sparse.major=1\n", b"\x75\x70", b"\x99\x01"),
)  # fmt: skip

PAGES = (
    b'<html><body><a href="../">up</a><a href="a%20b.jpg">a</a> <a href=sub/>sub</a><a href=\'?C=N;O=D\'>n</a></body></html>',
    b'<base href="/d/"><!-- <a href="x.jpg"> --><a HREF = "1.jpg">1</a><script>"<a href=no.jpg>"</script><a href="http://h/d/2.png">2</a>',
    b'<a href="&#' + b"9" * 5000 + b';.jpg">x</a>',  # Which is no character: a find of 225 seconds.
    b'<a title=">" href="%2e%2e%2fup.jpg">x</a><a href="//other/d/3.jpg">y</a><a href="&#49;.jpg">1</a><style>a</style>',
)
PAGE_TOKENS = (
    *(b"<a ", b"href=", b'"', b"'", b">", b"<!--", b"-->", b"<script>", b"</script", b"<base href=", b"../", b"%2e%2e%2f", b"%00", b"?", b"#"),
    *(b"http://", b"//", b"h/d/", b"[::1", b"\\", b"&#x2f;", b"&amp;", b"javascript:", b"\xff", b"<a\n" * 200, b" " * 300, b"%zz", b":99999/", b"\t"),
)  # fmt: skip

LISTS = (
    b"1\n2\na/b\n1 1\n2 -1\n",
    b"\xef\xbb\xbf1  1\r\n2  0\r\n\xc3\xbc -1\r\n",
    "filename\n1.jpg 1.xml\n2 0\n".encode("utf-16"),
    b"image_id,label\n./a/b.jpg,1\nJPEGImages/2.jpg Annotations/2.xml\n",
    b"1\n" + b"a" * 3000 + b" 2" * 500 + b"\n",  # Once in quadratic time.
)
LIST_TOKENS = (b"1", b" 1", b" -1", b" 0", b"\n", b"\r", b"\0", b"\xff\xfe", b"\xff", b"a/b", b"../1", b".xml", b".jpg", b"/", b"\\", b"\xcc\x88u", b",")  # fmt: skip

_NAME = "20240101T000000000000Z-0a1b2c3d"
_TALLY = {"found": 1, "written": 1, "rejected": 0, "skipped": 0}
OUTPUTS = (
    json.dumps({"build": _NAME, "manifest": f"builds/{_NAME}/manifest.json"}).encode(),
    json.dumps({"work": "build", "since": "2024", "host": "h", "process": "a 1 2 3", "held": True, "beat": 3}).encode(),
    json.dumps({"made_from": "0a1b2c3d", "build": _NAME}).encode(),
    json.dumps({"made_from": "", "receipt": {"bucket": 0, "records_in": 1, "images": _TALLY, "objects": _TALLY, "files": []}}).encode(),
    json.dumps(
        {"format_version": 1, "build": _NAME, "labelbeam_version": "0", "task": "image_object_detection", "created": "", "config": {},
         "source": {"fingerprint": "", "covers": ""}, "labels": [], "counts": {"images": _TALLY, "objects": _TALLY}, "rejected_by_reason": {},
         "adjusted_by_reason": {}, "splits": {"train": {"images": 1, "objects": 1, "files": []}}, "parquet": [], "rejected": []}
    ).encode(),
)  # fmt: skip
OUTPUT_TOKENS = (
    *(b"{", b"}", b"[", b"]", b'"', b":", b",", b"null", b"\\ud800", b"\xff", b"[" * 2000, b"../", b"/etc", b"\\u0000", b"1e999", b"9" * 30),
    *(b'"build":', b'"process":', b'"files":', b'"path":', b'"sha256":', b'"bytes":', b"..", b"~", b'"train/train-00000-of-00001.jsonl"', b"-1"),
)  # fmt: skip

MESSAGES = (
    b"https://me:pass@host/a.json?sv=2024&sig=abc%3D: refused",
    b"DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abc==;BlobEndpoint=http://h:1/a",
    b"zip://a@b.jpg::https://u@h/x.zip?token=1;sig=2 me:pw@host:80 \x1b[31m\xe2\x80\xae",
    b"Wed, 21 Oct 2015 07:28:00 GMT",
    b"120",
)
MESSAGE_TOKENS = (
    *(b"://", b"@", b"?", b"&sig=", b";", b"%40", b"%25", b"\\/", b"\\u0040", b"&amp;", b"&#64;", b"key=", b"password = ", b"::", b"http", b"az://"),
    *(b"\x1b[", b"\x9b", b"\xe2\x80\xae", b"\0", b"\r", b"\n", b"\xff", b"9" * 400, b"1e400", b"-1", b"GMT", b"p@ss w/rd+1", b"a@" * 300, b"*" * 3),
)  # fmt: skip
