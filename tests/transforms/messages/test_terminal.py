"""Whatever is written to standard error cannot steer the terminal."""

from __future__ import annotations

import io

from labelbeam.transforms.messages.terminal import EscapedStream, escaped


def test_control_characters_become_escapes_and_lines_stay() -> None:
    stream = io.StringIO()
    wrapped = escaped(stream)
    assert wrapped.write("a\x1b[2J\tb\n") == 8
    wrapped.writelines(["\u202ec\n", "d"])
    assert stream.getvalue() == "a\\x1b[2J\tb\n\\u202ec\nd"


def test_a_stream_is_wrapped_once_and_none_stays_none() -> None:
    wrapped = escaped(io.StringIO())
    assert escaped(wrapped) is wrapped
    assert escaped(None) is None


def test_all_else_is_the_stream_s_own_and_what_moves_the_cursor_on_purpose_goes_past() -> None:
    stream = io.StringIO()
    wrapped = EscapedStream(stream)
    assert wrapped.rich_proxied_file is stream
    assert wrapped.getvalue() == "" and not wrapped.closed
