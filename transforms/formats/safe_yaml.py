"""YAML that somebody else may have written: read without tags' surprises, and without aliases, with which a small file expands without end."""

from __future__ import annotations

from typing import Any, ClassVar

import yaml


class NoYamlError(ValueError):
    """The text is no YAML, or none that is read here."""


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: Any, index: Any) -> Any:
        """Refuse aliases."""
        if self.check_event(yaml.AliasEvent):
            mark = self.get_mark()
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not supported", problem_mark=mark)
        return super().compose_node(parent, index)


class _AsWritten(_Loader):
    """Takes each scalar for the text that stands there, whether `no`, `1_000`, `1:30` or a date."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]  # An instance's, by its stubs.


def load_yaml(data: bytes, as_written: bool = False) -> Any:
    """The content of one document; with `as_written` all scalars are texts, as names of classes are.

    Raises:
        NoYamlError: it is no YAML, holds an alias, or a value that is not what its form or its tag says it is.
    """
    try:
        return yaml.load(data, _AsWritten if as_written else _Loader)
    except RecursionError:
        raise NoYamlError("it is nested too deeply") from None
    # Of a date such as 2001-99-99, or a tag that does not fit, PyYAML raises whatever comes of it.
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise NoYamlError(" ".join(str(error).split())) from None
