"""YAML that is written: each text reads back as what it was, by readers of YAML 1.1 and of 1.2."""

from __future__ import annotations

import re
from typing import Any

import yaml

_PLAIN = re.compile(r"[A-Za-z$][ -~]*")
"""Texts that are left to PyYAML, which knows YAML 1.1: what 1.2 alone takes for something else, such as `1e3` and `0o7`, begins with none of
these. A C1 line end in any other text would be written as it is, and read as a blank."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """Write each value where it belongs."""
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, None if _PLAIN.fullmatch(data) else '"')


_Dumper.add_representer(str, _Dumper.represent_str)


def yaml_text(document: Any) -> str:
    """A document as YAML, in the order of its keys; each text is on one line.

    >>> yaml_text({"name": "1e3", "what": "some text"})
    'name: "1e3"\\nwhat: some text\\n'
    """
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31)
    return text
