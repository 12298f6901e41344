"""Standard error as everything of this process writes to it: what a dataset or a server has named cannot steer the terminal."""

from __future__ import annotations

from typing import Any

from labelbeam.transforms.messages.words import plain


class EscapedStream:
    """A text stream that escapes control characters but ends of lines and tabs; all else is the stream's own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        # rich writes past this: its lines move the cursor, and hold no text that has not been escaped.
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        """Write; the length of `text`, as callers expect."""
        self._stream.write(plain(text, "\n\t"))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        """Attribute of the stream."""
        return getattr(self._stream, name)


def escaped(stream: Any) -> Any:
    """The stream, escaping; None where there is none."""
    return stream if stream is None or isinstance(stream, EscapedStream) else EscapedStream(stream)
