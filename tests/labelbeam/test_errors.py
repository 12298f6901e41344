"""The public errors are those that a program can tell apart, drawn as they derive from each other."""

from __future__ import annotations

import re

from labelbeam import errors


def test_the_tree_in_the_text_is_the_hierarchy() -> None:
    drawn = re.findall(r"^((?:[│ ]   )*)[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE)
    assert {name for _, name in drawn} | {"LabelBeamError"} == set(errors.__all__)
    above: list[str] = []
    for indent, name in drawn:
        depth = len(indent) // 4
        parent = above[depth - 1] if depth else "LabelBeamError"
        assert getattr(errors, name).__base__ is getattr(errors, parent), name
        above[depth:] = [name]
