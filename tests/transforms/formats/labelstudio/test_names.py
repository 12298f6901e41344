"""Names of images in tasks: the one field that names one, and the path that it gives."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from labelbeam.transforms.formats.labelstudio.names import image_field, other_name, path_in


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("/data/upload/7/0a1b2c3d-1.jpg", "upload/7/0a1b2c3d-1.jpg"),
        ("/data/local-files/?d=set%2Fa%20b.jpg", "set/a b.jpg"),
        ("/data/local-files?d=/abs/1.jpg&x=1", "abs/1.jpg"),
        ("s3://bucket/a/1.jpg", "a/1.jpg"),
        ("gs://bucket/a%20b/1.jpg", "a b/1.jpg"),
        ("azure-blob://container/1.jpg", "1.jpg"),
        ("https://h/p/1.jpg?sig=x/2.png", "p/1.jpg"),
        (f"/tasks/3/resolve/?fileuri={base64.b64encode(b's3://b/a/1.jpg').decode().rstrip('=')}", "a/1.jpg"),
        (f"https://h/tasks/3/presign/?fileuri={base64.b64encode(b's3://b/a/1.jpg').decode()}", "a/1.jpg"),
        ("/projects/3/presign/?fileuri=s3%3A%2F%2Fb%2Fa%2F1.jpg", "a/1.jpg"),
        ("a://resolve?fileuri=" * 10_000, "a://resolve"),
        ("/tasks/3/resolve/?fileuri=%%%", "/tasks/3/resolve/"),
        ("C:\\set\\1.jpg", "C:\\set\\1.jpg"),
        ("1.jpg", "1.jpg"),
    ],
)
def test_a_value_gives_a_path(value: str, path: str) -> None:
    assert path_in(value) == path


@pytest.mark.parametrize(
    ("data", "controls", "expected"),
    [
        ({"image": "a/1.jpg", "text": "a/b"}, (), "a/1.jpg"),
        ({"photo": " s3://b/1.png ", "id": 3}, (), "s3://b/1.png"),
        ({"image": "https://h/render?id=3"}, (), "https://h/render?id=3"),
        ({"file_upload": "0a1b2c3d-1.jpg", "image": "/data/upload/0a1b2c3d-1.jpg"}, (), "/data/upload/0a1b2c3d-1.jpg"),
        ({"file_upload": "0a1b2c3d-1", "image": "/data/upload/0a1b2c3d-1"}, (), "/data/upload/0a1b2c3d-1"),
        ({"file_upload": "0a1b2c3d-1", "id": 1}, (), "0a1b2c3d-1"),
        ({"left": "1.jpg", "right": "2.jpg"}, ("left",), "1.jpg"),
        ({"left": "1.jpg", "right": "2.jpg"}, ("img",), ["left", "right"]),
        ({"left": "1.jpg", "right": "1.jpg"}, (), "1.jpg"),
        ({"images": ["1.jpg"]}, (), []),
        ({"text": "words"}, (), []),
        ({}, (), []),
    ],
)
def test_the_field_that_names_the_image_is_told_by_what_it_holds(data: Any, controls: Any, expected: Any) -> None:
    assert image_field(data, frozenset(controls)) == expected


def test_an_upload_was_called_otherwise_before() -> None:
    assert other_name("upload/7/0a1b2c3d-cat-1.jpg") == "cat-1.jpg"
    assert other_name("0a1b2c3-1.jpg") is None
